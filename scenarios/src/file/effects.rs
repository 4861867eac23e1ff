//! `[[effects]]`: where effects are read.

use super::links::Links;
use crate::plan::effects::{IdentityAt, Listing, OrderQuery};
use crate::plan::{Effects, EffectsSource};
use crate::pointer::Pointer;
use crate::read::Table;
use crate::template::Template;
use crate::units::Span;

const POINTER: &str =
    "A JSON pointer to the identity, \"/id\"; without one, the whole text is the identity.";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Effects {
    let tap =
        table.opt_table("amqp_tap", "A queue of the tool's own, bound to the exchange.", |table| {
            EffectsSource::AmqpTap {
                url: table.req("url", "The broker."),
                exchange: table.req("exchange", "The exchange to bind to; it must exist."),
                routing_key: table
                    .req_or_blank("routing_key", "The binding key; may be empty.")
                    .value,
                identity: table.or(
                    "identity",
                    "\"message_id\", or a JSON pointer into the body.",
                    IdentityAt::MessageId,
                ),
            }
        });
    let mut order = None;
    let rows = table.opt_table("sql", "Rows of a database.", |table| {
        let listing = sql(table);
        if let Some(query) = table.opt("order", "Gives key and identity of every row: the rows of a key together, in the order in which they came to be.")
            && let Listing::Sql { url, timeout, .. } = &listing
        {
            order = Some(OrderQuery { url: url.clone(), query, timeout: *timeout });
        }
        EffectsSource::Listing(listing)
    });
    let [stream, ndjson, http] =
        others(table).map(|(word, listing)| (word, listing.map(EffectsSource::Listing)));
    let kinds = [("amqp_tap", tap), ("sql", rows), stream, ndjson, http];
    let dead = table.opt_table(
        "dead",
        "Where dead letters are read: what stands there was given up for good, and is not lost.",
        |table| {
            let sql = table.opt_table("sql", "Rows of a database.", sql);
            let [stream, ndjson, http] = others(table);
            table.one_of("dead", [("sql", sql), stream, ndjson, http])
        },
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
        identity: IdentityAt::MessageId,
    });
    Effects { name: name.to_owned(), source, dead: dead.flatten(), order, settle }
}

fn sql(table: &mut Table<'_, '_>) -> Listing {
    Listing::Sql {
        url: table.req("url", "The database: postgres://user:password@host/database."),
        query: table.req("query", "Gives the identity of every effect, in any order."),
        timeout: table.or("timeout", "How long the query may take.", Span::seconds(120)),
    }
}

/// The lists that are no database.
fn others(table: &mut Table<'_, '_>) -> [(&'static str, Option<Listing>); 3] {
    let stream = table.opt_table("redis_stream", "Entries of a Redis stream.", |table| {
        Listing::RedisStream {
            url: table.req("url", "The server: redis://user:password@host:6379."),
            stream: table.req("stream", "The stream."),
            field: table.req("field", "The field of an entry that holds the identity."),
            identity: pointer(table),
        }
    });
    let ndjson = table.opt_table("ndjson", "Lines of a file.", |table| Listing::Ndjson {
        file: table.req("file", "The file; it has a line for each effect."),
        identity: pointer(table),
    });
    let http = table.opt_table("http", "Lines of an answer.", |table| Listing::Http {
        url: table.req("url", "Answers to GET with a line for each effect."),
        identity: pointer(table),
    });
    [("redis_stream", stream), ("ndjson", ndjson), ("http", http)]
}

fn pointer(table: &mut Table<'_, '_>) -> Option<Pointer> {
    table.opt("identity", POINTER)
}
