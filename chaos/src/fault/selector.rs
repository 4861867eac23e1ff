//! A look at whom the selector of a fault would match now, before a load.

use std::collections::BTreeMap;

use reqwest::Client;
use scenarios::plan::FaultKind;
use scenarios::template::Template;

use super::{close_connections, postgres_end_backends, redis_kill_clients};
use crate::FaultError;

/// Whom a fault's selector would not match now, with the nearest of what there is;
/// `None` where it matches somebody, and for a fault whose victims are not looked
/// for at a server. Nothing is touched.
///
/// # Errors
/// When an address is missing or the server cannot be asked.
pub async fn nobody(
    kind: &FaultKind,
    targets: &BTreeMap<String, String>,
    http: &Client,
) -> Result<Option<String>, FaultError> {
    let at = |url: &Template| url.fill(targets).map_err(FaultError::Target);
    match kind {
        FaultKind::CloseConnections(asked) => {
            close_connections::nobody(asked, &at(&asked.management)?, http).await
        }
        FaultKind::RedisKillClients(asked) => {
            redis_kill_clients::nobody(asked, &at(&asked.url)?).await
        }
        FaultKind::PostgresEndBackends(asked) => {
            postgres_end_backends::nobody(asked, &at(&asked.url)?).await
        }
        _ => Ok(None),
    }
}
