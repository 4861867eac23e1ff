//! The look at a service before a load or a fault: it answers, and lets us in.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::address::Address;
use crate::service::Service;
use crate::trouble::Trouble;
use crate::{amqp, management, postgres, redis};

/// Looks whether one of the hosts answers, and whether the service there knows
/// us, under the name of a role. Of a service without a connector it is seen
/// that somebody listens.
///
/// # Errors
/// What is wrong.
pub async fn check(address: &Address, role: &str, within: Duration) -> Result<(), Trouble> {
    listens(address, within).await?;
    match address.service {
        Service::Amqp => {
            let connection = amqp::connect(address, role, within).await?;
            let _ = connection.close(200, "done".into()).await;
            Ok(())
        }
        Service::Redis => redis::connect(address, role, within, None).await.map(drop),
        Service::Postgres => postgres::connect(address, role, within).await.map(drop),
        Service::Management => management::check(address, within).await,
        Service::Mongodb
        | Service::Kafka
        | Service::Http
        | Service::Prometheus
        | Service::Proxy => Ok(()),
    }
}

/// Whether somebody listens at one of the hosts.
async fn listens(address: &Address, within: Duration) -> Result<(), Trouble> {
    let mut reasons = Vec::new();
    for host in &address.hosts {
        let opening = TcpStream::connect((host.name.as_str(), host.port));
        let reason = match tokio::time::timeout(within, opening).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => crate::late(within),
        };
        reasons.push(format!("{host}: {reason}"));
    }
    Err(address.unreachable(&reasons.join("; ")))
}
