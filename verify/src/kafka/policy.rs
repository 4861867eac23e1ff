//! Whether a topic is compacted: whether records go for which there is a later one with
//! their key.

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;

use super::{Access, Deadline, client};

/// Keeps quiet: errors come back with the answer, too.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

/// Asks for the topic's `cleanup.policy`, on a thread that may block.
///
/// # Errors
/// Why it is not known.
pub(super) fn is_compacted(
    access: &Access,
    topic: &str,
    deadline: Deadline,
) -> Result<bool, String> {
    let config = client::config(access, "effects");
    let admin: AdminClient<Quiet> =
        config.create_with_context(Quiet).map_err(|error| client::unmade(&error))?;
    let options = AdminOptions::new().request_timeout(Some(deadline.left()));
    let asked = [ResourceSpecifier::Topic(topic)];
    let told = Handle::current().block_on(admin.describe_configs(&asked, &options));
    let told = told.map_err(|error| client::text(&error))?;
    let Some(told) = told.into_iter().next() else { return Err("no answer".to_owned()) };
    let told = told.map_err(|code| code.to_string())?;
    let policy = told.get("cleanup.policy").and_then(|entry| entry.value.clone());
    policy.map(|policy| policy.contains("compact")).ok_or_else(|| "it is not told".to_owned())
}
