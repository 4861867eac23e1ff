//! `[[effects]]`: where effects are read.

use super::links::Links;
use crate::locator::{Locator, Part};
use crate::plan::effects::{Listing, OrderKey, OrderQuery, OrderSource};
use crate::plan::{Effects, EffectsSource, SchemaFile};
use crate::read::{At, Table};
use crate::template::Template;
use crate::units::Span;

/// What a kind of source is called, and where a text can stand in its records.
struct Records {
    /// `"a message"`.
    what: &'static str,
    has: fn(&Part) -> bool,
    /// What to write.
    write: &'static str,
}

const MESSAGES: Records = Records {
    what: "a message",
    has: |part| !matches!(part, Part::Field(_)),
    write: "property:NAME, header:NAME or a JSON pointer into the body",
};
const ROWS: Records = Records {
    what: "a row",
    has: |part| matches!(part, Part::Whole | Part::Field(_)),
    write: "field:COLUMN, or a JSON pointer into the first column",
};
const ENTRIES: Records = Records {
    what: "an entry of a stream",
    has: |part| matches!(part, Part::Field(_)),
    write: "field:NAME, and behind it a JSON pointer where the field holds JSON",
};
const ELEMENTS: Records = Records {
    what: "an element",
    has: |part| match part {
        Part::Whole => true,
        Part::Field(name) => name == "name" || name == "value",
        Part::Property(_) | Part::Header(_) => false,
    },
    write: "a JSON pointer into it, or of a hash field:name or field:value",
};
const LINES: Records = Records {
    what: "a line",
    has: |part| matches!(part, Part::Whole),
    write: "a JSON pointer into it or regex:EXPRESSION",
};

impl Records {
    /// Where the identity stands, unless it is what a record is without more.
    fn identity(&self, table: &mut Table<'_, '_>) -> Locator {
        let at = table.opt_at("identity", "Where the identity stands; without, all of it.");
        at.and_then(|at| self.check(table, at)).unwrap_or_default()
    }

    /// Where the key stands that orders effects.
    fn order(&self, table: &mut Table<'_, '_>) -> Option<OrderSource> {
        let help = "Where the key of an effect stands; with it, it is read in which order the effects of a key came to be.";
        let at = table.opt_at("order", help)?;
        self.check(table, at).map(|key| OrderSource::Records(OrderKey { key }))
    }

    fn check(&self, table: &Table<'_, '_>, at: At<Locator>) -> Option<Locator> {
        if (self.has)(&at.value.part) {
            return Some(at.value);
        }
        let message = format!("{} has no such part", self.what);
        table.context.problem(Some(at.span), message, Some(format!("write {}", self.write)));
        None
    }
}

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Effects {
    let mut order = None;
    let tap =
        table.opt_table("amqp_tap", "A queue of the tool's own, bound to the exchange.", |table| {
            let url = table.req("url", "The broker.");
            let exchange = table.req("exchange", "The exchange to bind to; it must exist.");
            let routing_key =
                table.req_or_blank("routing_key", "The binding key; may be empty.").value;
            let default =
                Locator { part: Part::Property("message_id".to_owned()), ..Locator::default() };
            let at = table.or_at("identity", "Where the identity stands in a message.", default);
            let identity = MESSAGES.check(table, at).unwrap_or_default();
            order = order.take().or(MESSAGES.order(table));
            EffectsSource::AmqpTap { url, exchange, routing_key, identity }
        });
    let rows = table.opt_table("sql", "Rows of a database.", |table| {
        let listing = sql(table);
        order = order.take().or(query_of_order(table, &listing));
        EffectsSource::Listing(listing)
    });
    // A table that is not there is read, too, for its description.
    let mut more = |table: &mut Table<'_, '_>, records: &Records| {
        order = order.take().or(records.order(table));
    };
    let others =
        others(table, &mut more).map(|(word, listing)| (word, listing.map(EffectsSource::Listing)));
    let [stream, key, ndjson, http, command] = others;
    let kinds = [("amqp_tap", tap), ("sql", rows), stream, key, ndjson, http, command];
    let dead = table.opt_table(
        "dead",
        "Where dead letters are read: what stands there was given up for good, and is not lost.",
        |table| {
            let sql = table.opt_table("sql", "Rows of a database.", sql);
            let [stream, key, ndjson, http, command] = self::others(table, &mut |_, _| {});
            table.one_of("dead", [("sql", sql), stream, key, ndjson, http, command])
        },
    );
    let schema = table.opt(
        "schema",
        "A file with the JSON Schema (2020-12 or 7) that every record must follow, as check schema judges: of a message its body, of a row its first column, of an entry of a stream its fields. Dead letters are not looked at. Relative to the scenario's folder, or to a folder there of the scenario's name.",
    );
    let settle = table.or(
        "settle",
        "How long after the load the effect of what was acknowledged may take.",
        Span::seconds(60),
    );
    // Last, so that the other keys are known.
    let source = table.one_of("effects", kinds).unwrap_or_else(|| EffectsSource::AmqpTap {
        url: Template::default(),
        exchange: String::new(),
        routing_key: String::new(),
        identity: Locator::default(),
    });
    let schema = schema.map(SchemaFile::at);
    Effects { name: name.to_owned(), source, dead: dead.flatten(), order, schema, settle }
}

fn sql(table: &mut Table<'_, '_>) -> Listing {
    Listing::Sql {
        url: table.req("url", "The database: postgres://user:password@host/database."),
        query: table.req("query", "Gives the identity of every effect, in any order."),
        timeout: table.or("timeout", "How long the query may take.", Span::seconds(120)),
        identity: ROWS.identity(table),
    }
}

/// A database has no order but the one that it is asked for.
fn query_of_order(table: &mut Table<'_, '_>, listing: &Listing) -> Option<OrderSource> {
    let help = "Gives key and identity of every row: the rows of each key in the order in which they came to be.";
    let query = table.opt_at::<String>("order", help)?;
    if !query.value.to_ascii_lowercase().contains("order by") {
        let message = "this query has no ORDER BY, and a database gives its rows in any order";
        let help = "order by what tells when a row came to be, such as a sequence";
        table.context.problem(Some(query.span), message, Some(help.to_owned()));
    }
    let Listing::Sql { url, timeout, .. } = listing else { return None };
    let (url, timeout) = (url.clone(), *timeout);
    Some(OrderSource::Query(OrderQuery { url, query: query.value, timeout }))
}

/// The lists that are no database; `more` reads what else stands in the table of
/// one.
fn others(
    table: &mut Table<'_, '_>,
    more: &mut dyn FnMut(&mut Table<'_, '_>, &Records),
) -> [(&'static str, Option<Listing>); 5] {
    let stream = table.opt_table("redis_stream", "Entries of a Redis stream.", |table| {
        let listing = redis_stream(table);
        more(table, &ENTRIES);
        listing
    });
    let about = "Elements of a Redis list, set or sorted set, or the fields of a hash; a list and a sorted set have an order.";
    let key = table.opt_table("redis_key", about, |table| {
        let listing = Listing::RedisKey {
            url: table.req("url", "The server: redis://user:password@host:6379."),
            key: table.req("key", "The key. One that does not exist has no elements."),
            identity: ELEMENTS.identity(table),
        };
        more(table, &ELEMENTS);
        listing
    });
    let ndjson = table.opt_table("ndjson", "Lines of a file.", |table| {
        let listing = Listing::Ndjson {
            file: table.req("file", "The file; it has a line for each effect."),
            identity: LINES.identity(table),
        };
        more(table, &LINES);
        listing
    });
    let http = table.opt_table("http", "Lines of an answer.", |table| {
        let listing = Listing::Http {
            url: table.req("url", "Answers to GET with a line for each effect."),
            identity: LINES.identity(table),
        };
        more(table, &LINES);
        listing
    });
    let command = table.opt_table("command", "Lines that a program writes.", |table| {
        let listing = Listing::Command {
            run: table.req(
                "run",
                "The program; it writes a line for each effect and ends with exit code 0.",
            ),
            timeout: table.or("timeout", "How long it may take.", Span::seconds(120)),
            identity: LINES.identity(table),
        };
        more(table, &LINES);
        listing
    });
    [
        ("redis_stream", stream),
        ("redis_key", key),
        ("ndjson", ndjson),
        ("http", http),
        ("command", command),
    ]
}

fn redis_stream(table: &mut Table<'_, '_>) -> Listing {
    let url = table.req("url", "The server: redis://user:password@host:6379.");
    let stream = table.req("stream", "The stream.");
    let field = table.opt_at::<String>(
        "field",
        "The field in which the identity is looked for, where \"identity\" names none.",
    );
    let at = table.opt_at::<Locator>(
        "identity",
        "Where the identity stands in an entry: \"field:payload /order/id\".",
    );
    let identity = match (at, field) {
        (Some(at), Some(field)) if at.value.part == Part::Whole => {
            Some(Locator { part: Part::Field(field.value), ..at.value })
        }
        (Some(_), Some(field)) => {
            let message = "the field is named twice";
            let help = Some("leave out \"field\"".to_owned());
            table.context.problem(Some(field.span), message, help);
            None
        }
        (Some(at), None) => ENTRIES.check(table, at),
        (None, Some(field)) => Some(Locator::field(&field.value)),
        (None, None) => {
            table.nothing_of(&["identity", "field"], "nothing says where the identity stands");
            None
        }
    };
    Listing::RedisStream { url, stream, field: None, identity: identity.unwrap_or_default() }
}
