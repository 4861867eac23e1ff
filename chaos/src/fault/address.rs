//! The service behind the address of a fault, for those that may not be reached.

use scenarios::plan::FaultKind;
use scenarios::template::Template;

use crate::service::{AMQP, MANAGEMENT, POSTGRES, PROXY, REDIS, Service};

/// Which service a fault asks to do harm, and where it is; `None` for faults
/// that happen on this machine.
pub(super) fn of(kind: &FaultKind) -> Option<(&'static Service, &Template)> {
    match kind {
        FaultKind::CloseConnections(close) => Some((&MANAGEMENT, &close.management)),
        FaultKind::PurgeQueue(purge) => Some((&MANAGEMENT, &purge.management)),
        FaultKind::RedisKillClients(kill) => Some((&REDIS, &kill.url)),
        FaultKind::RedisPause(pause) => Some((&REDIS, &pause.url)),
        FaultKind::PostgresEndBackends(end) => Some((&POSTGRES, &end.url)),
        FaultKind::Toxic(toxic) => Some((&PROXY, &toxic.admin)),
        FaultKind::Duplicate(duplicate) => {
            let redis = duplicate.url.as_str().starts_with("redis");
            Some((if redis { &REDIS } else { &AMQP }, &duplicate.url))
        }
        _ => None,
    }
}
