//! `[[effects]]`: where effects are read.

use super::links::Links;
use crate::plan::effects::IdentityAt;
use crate::plan::{Effects, EffectsSource};
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Effects {
    let source =
        table.table("amqp_tap", "A queue of the tool's own, bound to the exchange.", |table| {
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
    Effects { name: name.to_owned(), source }
}
