//! Faults that Redis itself is made to commit.

use super::{lasts, pick};
use crate::plan::FaultKind;
use crate::plan::fault::{KillClients, PauseRedis};
use crate::read::Table;

const URL: &str = "The server, as redis://USER:PASSWORD@HOST:PORT.";

pub(super) fn read(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 2] {
    [
        table
            .opt_table("redis_kill_clients", "Redis closes connections of clients.", |table| {
                KillClients {
                    url: table.req("url", URL),
                    matching: table.or(
                        "matching",
                        "A part of the connection's name, user or address; empty for all.",
                        String::new(),
                    ),
                    pick: pick(table),
                }
            })
            .map(FaultKind::RedisKillClients),
        table
            .opt_table("redis_pause", "Redis answers nobody for a while.", |table| PauseRedis {
                url: table.req("url", URL),
                writes_only: table.or(
                    "writes_only",
                    "Whether commands that only read are answered all the same.",
                    false,
                ),
                lasts: lasts(table),
            })
            .map(FaultKind::RedisPause),
    ]
}
