//! Whether RabbitMQ has the queues that are watched.

use scenarios::nearest::there_are;
use serde::Deserialize;
use services::address::encoded;

use super::{Found, NAMED, PATIENCE};
use crate::management::Management;

#[derive(Deserialize)]
struct Queue {
    name: String,
}

/// Looks at queues of a virtual host. One that is not there may be made by the system
/// later.
pub(super) async fn look(url: &str, vhost: &str, queues: &[String]) -> Result<(), Found> {
    let unusable = |error: &dyn std::fmt::Display| Found::Unusable(error.to_string());
    let management = Management::new(url, PATIENCE).map_err(|error| unusable(&error))?;
    let path = format!("/api/queues/{}?disable_stats=true&columns=name", encoded(vhost));
    // That it does not answer, or not us, is told of its address.
    let known = management.find::<Vec<Queue>>(&path).await.map_err(Found::Doubt)?;
    let Some(known) = known else {
        let why = format!("there is no virtual host {vhost:?}; give its name as vhost = \"NAME\"");
        return Err(Found::Unusable(why));
    };
    let names = || known.iter().map(|queue| queue.name.as_str());
    let missing: Vec<&str> = queues
        .iter()
        .map(String::as_str)
        .filter(|queue| !names().any(|name| name == *queue))
        .collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let there = there_are(first, names(), NAMED);
    Err(Found::Absent(match missing.as_slice() {
        [one] => format!("queue {one} does not exist (yet); {there}"),
        many => format!("queues {} do not exist (yet); {there}", many.join(", ")),
    }))
}
