//! The look at a service before a load or a fault: it answers, and lets us in.

use std::time::Duration;

use crate::address::Address;
use crate::listen::listens;
use crate::service::Service;
use crate::trouble::Trouble;
use crate::{amqp, management, mongodb, postgres, redis};

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
        Service::Mongodb => mongodb::connect(address, role, within).await.map(drop),
        Service::Kafka | Service::Http | Service::Prometheus | Service::Proxy => Ok(()),
    }
}
