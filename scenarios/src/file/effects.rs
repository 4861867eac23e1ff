//! `[[effects]]`: where effects are read.

mod aggregate;
mod kafka;

use super::ask;
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
const DOCUMENTS: Records = Records {
    what: "a document",
    has: |part| matches!(part, Part::Whole | Part::Field(_)),
    write: "field:NAME, field:NAME.NAME or a JSON pointer into the document",
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

    /// Those of a list.
    fn of(listing: &Listing) -> &'static Self {
        Self::of_kind(listing.word())
    }

    /// Those of the list that stands in a table, if one does.
    fn of_table(table: &Table<'_, '_>) -> Option<&'static Self> {
        let words = Listing::WORDS.iter().copied();
        words.into_iter().find(|word| table.has(word)).map(Self::of_kind)
    }

    fn of_kind(word: &str) -> &'static Self {
        match word {
            "sql" => &ROWS,
            "redis_stream" => &ENTRIES,
            "redis_key" => &ELEMENTS,
            "mongodb" => &DOCUMENTS,
            "amqp_queue" => &MESSAGES,
            "kafka_topic" => &kafka::RECORDS,
            _ => &LINES,
        }
    }

    fn check(&self, table: &Table<'_, '_>, at: At<Locator>) -> Option<Locator> {
        // What stands in for a key of a table that is not there is no mistake.
        if table.is_described() || (self.has)(&at.value.part) {
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
            let identity = identity_of_message(table);
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
        let read = records.order(table);
        let has_order = read.is_some();
        order = order.take().or(read);
        has_order
    };
    let others =
        others(table, &mut more).map(|(word, listing)| (word, listing.map(EffectsSource::Listing)));
    let kinds = [("amqp_tap", tap), ("sql", rows)].into_iter().chain(others);
    let (dead, tries, dead_at) = dead_letters(table);
    let records = Records::of_table(table);
    let at = table.opt_at::<Locator>(
        "at",
        "Where it stands in a record when the effect came to be: a Unix time in s, ms, µs or ns, told apart by its size, or a time of RFC 3339.",
    );
    let at = at.and_then(|at| match records {
        Some(records) => records.check(table, at),
        None if table.has("amqp_tap") => {
            let message = "when a message came is not when something took effect";
            let help = Some("read the time from where the effects are kept".to_owned());
            table.context.problem(Some(at.span), message, help);
            None
        }
        None => Some(at.value),
    });
    let about = "Set where a record is no effect of one operation, but what the operations of a key came to together, such as a balance or a document for each user: how many, and what value.";
    let aggregate = table.opt_table("aggregate", about, |table| aggregate::read(table, records));
    if aggregate.is_some()
        && let Some(key) =
            ["order", "at", "amqp_tap", "dead"].into_iter().find(|key| table.has(key))
    {
        let message = format!("a source of aggregates has no {key:?}");
        let help = "read the single effects at another source, in an [[effects]] of its own";
        let place = Some(table.place_of(key));
        table.context.problem(place, message, Some(help.to_owned()));
    }
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
    Effects {
        name: name.to_owned(),
        source,
        dead,
        tries,
        order,
        at,
        dead_at,
        aggregate,
        schema,
        settle,
    }
}

/// Where dead letters are read, and where in each stand the number of its tries and the
/// time when it was given up.
fn dead_letters(table: &mut Table<'_, '_>) -> (Option<Listing>, Option<Locator>, Option<Locator>) {
    let (mut tries, mut dead_at) = (None, None);
    let dead = table.opt_table(
        "dead",
        "Where dead letters are read: what stands there was given up for good, and is not lost.",
        |table| {
            let sql = table.opt_table("sql", "Rows of a database.", sql);
            let others = others(table, &mut |_, _| false);
            let tried = table.opt_at::<Locator>(
                "tries",
                "Where it stands in a dead letter how often the operation was tried again, as a number: \"header:x-retry-count\".",
            );
            let died = table.opt_at::<Locator>(
                "at",
                "Where it stands in a dead letter when it was given up, as \"at\" of effects.",
            );
            let kinds = [("sql", sql)].into_iter().chain(others);
            let listing = table.one_of("dead", kinds);
            if let Some(records) = listing.as_ref().map(Records::of) {
                tries = tried.and_then(|at| records.check(table, at));
                dead_at = died.and_then(|at| records.check(table, at));
            }
            listing
        },
    );
    (dead.flatten(), tries, dead_at)
}

fn identity_of_message(table: &mut Table<'_, '_>) -> Locator {
    let default = Locator { part: Part::Property("message_id".to_owned()), ..Locator::default() };
    let at = table.or_at("identity", "Where the identity stands in a message.", default);
    MESSAGES.check(table, at).unwrap_or_default()
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

/// The lists that are no rows; `more` reads what else stands in the table of one,
/// and says whether an order is asked for.
fn others(
    table: &mut Table<'_, '_>,
    more: &mut dyn FnMut(&mut Table<'_, '_>, &Records) -> bool,
) -> [(&'static str, Option<Listing>); 8] {
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
    let documents = table.opt_table("mongodb", "Documents of a MongoDB collection.", |table| {
        let listing = mongodb(table);
        let has_order = more(table, &DOCUMENTS);
        let Listing::Mongodb { ask, .. } = &listing else { return listing };
        if has_order && !ask.is_ordered() {
            let message = "documents come in any order here".to_owned();
            let help = "sort by what tells when each came to be, or give a pipeline with $sort or $unwind and no $group behind it";
            table.context.problem(Some(table.place_of("order")), message, Some(help.to_owned()));
        }
        listing
    });
    let about = "Messages of a RabbitMQ queue that nobody consumes, such as one of dead letters. They stay there in their order; each look marks them as redelivered, and a quorum queue counts it as a delivery.";
    let queue = table.opt_table("amqp_queue", about, |table| {
        let listing = Listing::AmqpQueue {
            url: table.req("url", "The broker."),
            queue: table.req("queue", "The queue. One that does not exist has no messages; one that is consumed cannot be read."),
            timeout: table.or("timeout", "How long a look at all of it may take.", Span::seconds(120)),
            identity: identity_of_message(table),
        };
        more(table, &MESSAGES);
        listing
    });
    let topic = table.opt_table("kafka_topic", kafka::ABOUT, |table| {
        let listing = kafka::topic(table);
        more(table, &kafka::RECORDS);
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
        ("mongodb", documents),
        ("amqp_queue", queue),
        ("kafka_topic", topic),
        ("ndjson", ndjson),
        ("http", http),
        ("command", command),
    ]
}

fn mongodb(table: &mut Table<'_, '_>) -> Listing {
    let place = ask::place(table);
    let ask = ask::documents(table);
    let timeout = table.or("timeout", "How long the answer may take.", Span::seconds(120));
    let help = "Where the identity stands in a document: \"field:message.id\" or \"/message/id\". Dates are texts (RFC 3339), ids of objects their 24 digits.";
    let at = table.req_at::<Locator>("identity", help);
    let identity = match at.is_placeholder() {
        true => at.value,
        false => DOCUMENTS.check(table, at).unwrap_or_default(),
    };
    let ask::Place { url, database, collection } = place;
    Listing::Mongodb { url, database, collection, ask, timeout, identity }
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
