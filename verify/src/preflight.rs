//! A look at somebody's own system before the run: every address must answer,
//! and those that ask for a user must know ours. A wrong password that shows
//! only in the verdict costs its reader a minute and their patience.

use std::collections::BTreeMap;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use scenarios::plan::{Plan, ProbeKind};
use url::Url;

use crate::postgres::{PostgresTrouble, Session};
use crate::redis_server::{self, RedisTrouble};
use crate::targets::{TargetError, credentials, redact};

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at every address once.
///
/// # Errors
/// The first address at which nobody answers, or that refuses us.
pub async fn reach(plan: &Plan, targets: &BTreeMap<String, String>) -> Result<(), TargetError> {
    let management = management_keys(plan);
    for (key, address) in targets {
        connect(key, address).await?;
        if address.starts_with("amqp") {
            open_amqp(key, address).await?;
        } else if address.starts_with("redis") {
            open_redis(key, address).await?;
        } else if address.starts_with("postgres") {
            open_postgres(key, address).await?;
        } else if management.contains(key) {
            ask_who_we_are(key, address).await?;
        }
    }
    Ok(())
}

/// The keys of the targets that the plan uses as management APIs.
fn management_keys(plan: &Plan) -> Vec<String> {
    let keys = plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Rabbitmq { management: Some(address), .. } => Some(address.targets()),
        _ => None,
    });
    keys.flatten().collect()
}

async fn connect(key: &str, text: &str) -> Result<(), TargetError> {
    let Ok(url) = Url::parse(text) else { return Ok(()) };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let known = match url.scheme() {
        "amqp" => Some(5672),
        "amqps" => Some(5671),
        "redis" | "rediss" => Some(6379),
        "postgres" | "postgresql" => Some(5432),
        _ => None,
    };
    let Some(port) = url.port_or_known_default().or(known) else { return Ok(()) };
    let connect = tokio::net::TcpStream::connect((host, port));
    let why = match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer within 5 s".to_owned(),
    };
    Err(TargetError::Unreachable { key: key.to_owned(), address: format!("{host}:{port}"), why })
}

async fn open_amqp(key: &str, address: &str) -> Result<(), TargetError> {
    let properties =
        ConnectionProperties::default().with_connection_name("shakedown:preflight".into());
    let why = match tokio::time::timeout(PATIENCE, Connection::connect(address, properties)).await {
        Ok(Ok(connection)) => {
            let _ = connection.close(200, "done".into()).await;
            return Ok(());
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not speak AMQP within 5 s".to_owned(),
    };
    if why.contains("ACCESS_REFUSED") || why.contains("ACCESS-REFUSED") {
        return Err(TargetError::Unauthorized {
            key: key.to_owned(),
            address: redact(address),
            example: "amqp://user:password@host:5672/%2f".to_owned(),
        });
    }
    Err(TargetError::Unreachable { key: key.to_owned(), address: redact(address), why })
}

async fn open_redis(key: &str, address: &str) -> Result<(), TargetError> {
    let key = key.to_owned();
    match redis_server::connect(address, "preflight").await {
        Ok(_) => Ok(()),
        Err(RedisTrouble::Refused { address, .. }) => Err(TargetError::Unauthorized {
            key,
            address,
            example: "redis://user:password@host:6379".to_owned(),
        }),
        Err(RedisTrouble::Unreachable { address, why }) => {
            Err(TargetError::Unreachable { key, address, why })
        }
    }
}

async fn open_postgres(key: &str, address: &str) -> Result<(), TargetError> {
    let key = key.to_owned();
    match Session::open(address, "preflight").await {
        Ok(_) => Ok(()),
        Err(PostgresTrouble::Refused { address, .. }) => Err(TargetError::Unauthorized {
            key,
            address,
            example: "postgres://user:password@host:5432/database".to_owned(),
        }),
        Err(
            PostgresTrouble::Answer { address, why }
            | PostgresTrouble::Unreachable { address, why },
        ) => Err(TargetError::Unreachable { key, address, why }),
    }
}

async fn ask_who_we_are(key: &str, address: &str) -> Result<(), TargetError> {
    let (base, user) = credentials(address);
    let (user, password) = user.unwrap_or_else(|| ("guest".to_owned(), "guest".to_owned()));
    let unreachable = |error: reqwest::Error| TargetError::Unreachable {
        key: key.to_owned(),
        address: redact(address),
        why: error.without_url().to_string(),
    };
    let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(unreachable)?;
    let request = http.get(format!("{base}/api/whoami")).basic_auth(user, Some(password));
    let status = request.send().await.map_err(unreachable)?.status().as_u16();
    match status {
        401 | 403 => Err(TargetError::Unauthorized {
            key: key.to_owned(),
            address: redact(address),
            example: "http://user:password@host:15672".to_owned(),
        }),
        200 => Ok(()),
        other => Err(TargetError::Unreachable {
            key: key.to_owned(),
            address: redact(address),
            why: format!("status {other} to /api/whoami, so this is no RabbitMQ management API"),
        }),
    }
}
