//! `check.aggregate`: what operations of a key came to together is right.

use crate::file::links::{Kind, Links};
use crate::plan::check::AggregateCheck;
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>, links: &Links) -> AggregateCheck {
    let source = table.req_at("source", "The source of effects, with an aggregate.");
    let workloads = table.list("workloads", "The workloads whose operations are in the records.");
    AggregateCheck {
        source: links.refer(Kind::Aggregates, source),
        workloads: links.refer_all(table.context, Kind::Workload, workloads),
        at_least: table.or("at_least", "The fewest records that make a verdict.", 1_u64).max(1),
    }
}
