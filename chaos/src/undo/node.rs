//! A running RabbitMQ node, spoken to with `rabbitmqctl` in the node's own
//! surroundings: its name, cookie and port mapper are those of its process, so
//! that no secret is written down.

use std::ffi::OsString;
use std::path::Path;

use machine::process::environment;

use super::UndoError;
use super::program::{RUN_WITHIN, Ran, finish};
use crate::leash::{Background, Leash};
use crate::process::Pinned;

/// Where packages put the program itself, rather than a wrapper that changes
/// the user.
const PLACES: [&str; 2] = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "/opt/rabbitmq/sbin/rabbitmqctl"];

/// Tells a node something and gives what `rabbitmqctl` answers.
pub(crate) async fn rabbitmqctl(node: Pinned, words: &[String]) -> Result<Ran, String> {
    let surroundings = environment(node.pid)
        .map_err(|error| format!("the environment of process {}: {error}", node.pid))?;
    if !node.is_alive() {
        return Err(format!("process {} does not run any more", node.pid));
    }
    let program = PLACES.into_iter().find(|place| Path::new(place).exists());
    let mut leash = Leash::new(program.unwrap_or("rabbitmqctl"), Background::Ends);
    let command = leash.command();
    command.env_clear().args(words);
    // The flags of the node's own virtual machine are not for its client.
    let is_flag = |name: &OsString| name.as_encoded_bytes().starts_with(b"ERL_FLAGS");
    command.envs(surroundings.into_iter().filter(|(name, _)| !is_flag(name)));
    finish(leash, RUN_WITHIN).await
}

/// Sets something of a node, unless the node has ended, and with it the setting.
pub(super) async fn set(node: Pinned, words: &[String]) -> Result<String, UndoError> {
    let command = format!("rabbitmqctl {}", words.join(" "));
    match rabbitmqctl(node, words).await.and_then(Ran::success) {
        Ok(_) => Ok(format!("ran {command}")),
        Err(_) if !node.is_alive() => {
            Ok("the node was started again, and has forgotten it".to_owned())
        }
        Err(reason) => Err(UndoError::Program { command, reason }),
    }
}
