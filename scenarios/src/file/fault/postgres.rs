//! Faults that PostgreSQL itself is made to commit.

use super::pick;
use crate::plan::FaultKind;
use crate::plan::fault::EndBackends;
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<FaultKind> {
    table
        .opt_table("postgres_end_backends", "PostgreSQL ends sessions.", |table| EndBackends {
            url: table.req("url", "The database, as postgres://USER:PASSWORD@HOST:PORT/NAME."),
            matching: table.or(
                "matching",
                "A part of the session's application name, user or database; empty for all.",
                String::new(),
            ),
            pick: pick(table),
        })
        .map(FaultKind::PostgresEndBackends)
}
