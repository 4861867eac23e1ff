//! Faults that hit messages where they wait.

use super::lasts;
use crate::plan::FaultKind;
use crate::plan::fault::Duplicate;
use crate::read::Table;
use crate::units::Share;

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<FaultKind> {
    table
        .opt_table("duplicate", "Messages are put into their queue or stream once more.", |table| {
            Duplicate {
                url: table.req("url", "The broker: amqp://… or redis://…"),
                from: table.req("from", "The queue or stream."),
                exchange: table.or(
                    "exchange",
                    "AMQP: the exchange through which messages reach the queue.",
                    String::new(),
                ),
                routing_key: table.or("routing_key", "AMQP: the binding key.", "#".to_owned()),
                share: table.or("share", "The part of the messages.", Share(0.03)),
                most: table.or("most", "The most messages; 0 is no limit.", 0_u32),
                lasts: lasts(table),
            }
        })
        .map(FaultKind::Duplicate)
}
