//! Records of a Kafka topic, read by nobody's group and left where they are.
//!
//! What is of the run was written after it began, so a look begins where the topic ended
//! then. Records that were deleted since may have been of the run: that is no loss, but
//! something that was not seen.

use std::time::Duration;

use scenarios::plan::effects::KafkaTopic;
use services::{AddressError, Service};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Listed, Take};
use crate::kafka::{self, Access, Client, Deadline, Edge, Partition, Starts};

/// How long brokers may take to say where a topic ends.
const PATIENCE: Duration = Duration::from_secs(5);
/// Batches that are under way to whoever takes the records.
const AHEAD: usize = 2;

fn access(topic: &KafkaTopic, address: &str) -> Result<Access, String> {
    let at = Service::Kafka.address(address).map_err(|error: AddressError| error.to_string())?;
    Ok(Access { at, settings: topic.settings.clone(), isolation: topic.isolation })
}

/// Where the topic ends now. One that does not exist has no partitions.
pub(super) async fn starts(topic: &KafkaTopic, address: &str) -> Result<Starts, String> {
    let (access, name) = (access(topic, address)?, topic.topic.clone());
    let ask = move || {
        let deadline = Deadline::within(PATIENCE);
        let client = Client::open(&access, "effects")?;
        let partitions = client.partitions(&name, deadline).map_err(|error| error.to_string())?;
        let partitions: Vec<Partition> = partitions.unwrap_or_default();
        let told = client.offsets(Edge::End, &partitions, deadline).into_iter();
        told.map(|((_, partition), end)| Ok((partition, end?))).collect()
    };
    spawn_blocking(ask).await.map_err(|_| "the look was given up".to_owned())?
}

/// Hands over every record that the topic has now.
pub(super) async fn read(
    topic: &KafkaTopic,
    address: &str,
    starts: Option<&Starts>,
    take: &mut Take<'_>,
) -> Result<Listed, String> {
    let (access, name) = (access(topic, address)?, topic.topic.clone());
    let (starts, deadline) = (starts.cloned(), Deadline::within(topic.timeout.0));
    let (sender, mut batches) = mpsc::channel(AHEAD);
    let look =
        spawn_blocking(move || kafka::read(&access, &name, starts.as_ref(), deadline, &sender));
    while let Some(batch) = batches.recv().await {
        batch.iter().for_each(|record| take(record));
    }
    let looked = look.await.map_err(|_| "the look was given up".to_owned())??;
    Ok(Listed { is_there: looked.is_there, blind: looked.blind })
}
