//! The one connector of MongoDB.
//!
//! The driver is given a text that is written anew from what was read of the
//! address, so that it connects to what a guard has seen. It finds the other
//! members of a replica set by itself. With TLS a server is trusted by the public
//! authorities, or by those in the file that `tlsCAFile` names.

use std::fmt::Write as _;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;

use crate::address::{Address, encoded};
use crate::name;
use crate::trouble::Trouble;

/// What the server says when it does not let somebody in.
const AUTHENTICATION_FAILED: i32 = 18;
/// What it says of what somebody may not do, be it because nobody was named.
const UNAUTHORIZED: i32 = 13;
/// What a server says that goes, comes, or no longer is the primary.
const PASSING: [i32; 8] = [91, 189, 10_107, 10_058, 11_600, 11_602, 13_435, 13_436];

/// Connects under a name that faults spare, and sees that the server answers and
/// knows us. The client connects again by itself, for as long as it lives.
///
/// # Errors
/// When nobody answers within the time, or lets us in.
pub async fn connect(address: &Address, role: &str, within: Duration) -> Result<Client, Trouble> {
    // The driver tries again until its time is up, and names no reason then.
    crate::listen::listens(address, within).await?;
    let wrong = |error: Error| trouble(address, "a connection", &error);
    let mut options = ClientOptions::parse(uri(address)).await.map_err(wrong)?;
    options.app_name = Some(name(role));
    options.server_selection_timeout = Some(within);
    options.connect_timeout = Some(within);
    // One answer at a time is all that anybody asks for.
    options.max_pool_size = Some(2);
    options.min_pool_size = None;
    let client = Client::with_options(options).map_err(wrong)?;
    let admin = client.database("admin");
    let ping = async { admin.run_command(doc! { "ping": 1 }).await };
    match tokio::time::timeout(within + within, ping).await {
        Ok(answer) => answer.map(|_| client).map_err(wrong),
        Err(_) => Err(address.unreachable(&crate::late(within + within))),
    }
}

/// The address as the driver reads it.
fn uri(address: &Address) -> String {
    let mut text = "mongodb://".to_owned();
    if let Some((user, password)) = address.credentials() {
        text.push_str(&encoded(&user));
        if address.password.is_some() {
            let _ = write!(text, ":{}", encoded(&password));
        }
        text.push('@');
    }
    let hosts: Vec<String> = address.hosts.iter().map(ToString::to_string).collect();
    let database = super::database(address).unwrap_or_default();
    let _ = write!(text, "{}/{}", hosts.join(","), encoded(&database));
    let parameters = address.query.iter();
    let parameters = parameters.map(|(name, value)| format!("{name}={}", encoded(value)));
    let parameters: Vec<String> = parameters.collect();
    if !parameters.is_empty() {
        let _ = write!(text, "?{}", parameters.join("&"));
    }
    text
}

/// What an error means.
#[must_use]
pub fn trouble(address: &Address, request: &str, error: &Error) -> Trouble {
    let locked = |text: &str| {
        let database = super::database(address).filter(|_| address.user.is_some());
        match database.filter(|_| address.parameter("authsource").is_none()) {
            Some(database) => {
                let advice = format!(
                    "{text} (the user is looked for in the database {database}; one of another is given with ?authSource=admin)"
                );
                address.locked(request, &advice)
            }
            None => address.locked(request, text),
        }
    };
    match &*error.kind {
        ErrorKind::Authentication { message, .. } => locked(message),
        ErrorKind::Command(told) => {
            let text = format!("{} ({})", told.message.trim_end_matches('.'), told.code);
            match told.code {
                AUTHENTICATION_FAILED => locked(&text),
                UNAUTHORIZED if address.user.is_none() => address.locked(request, &text),
                UNAUTHORIZED => address.denied(request, &text),
                code if PASSING.contains(&code) => address.unreachable(&text),
                _ => address.answered(request, &text),
            }
        }
        ErrorKind::InvalidArgument { message, .. } => address.answered(request, message),
        ErrorKind::InvalidTlsConfig { message, .. } => address.answered(request, message),
        ErrorKind::IncompatibleServer { message, .. } => address.answered(request, message),
        ErrorKind::BsonSerialization(_)
        | ErrorKind::BsonDeserialization(_)
        | ErrorKind::Bson(_) => address.answered(request, &error.kind.to_string()),
        ErrorKind::Io(error) if is_of_certificate(&error.to_string()) => {
            let advice = "an authority of your own can be given by ?tlsCAFile=FILE";
            address.unreachable(&format!("{error}; {advice}"))
        }
        ErrorKind::ServerSelection { message, .. } if is_of_certificate(message) => {
            let advice = "an authority of your own can be given by ?tlsCAFile=FILE";
            address.unreachable(&format!("{message}; {advice}"))
        }
        kind => address.unreachable(&kind.to_string()),
    }
}

fn is_of_certificate(text: &str) -> bool {
    text.contains("invalid peer certificate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    #[test]
    fn an_address_is_written_anew_as_it_was_read() {
        for (text, expected) in [
            ("mongodb://h", "mongodb://h:27017/"),
            ("MONGODB://h/d", "mongodb://h:27017/d"),
            (
                "mongodb://joe:p%40w%2F@a:1,b,[::1]:2/d%20e?authSource=admin&replicaSet=r%20s",
                "mongodb://joe:p%40w%2F@a:1,b:27017,[::1]:2/d%20e?authsource=admin&replicaset=r%20s",
            ),
            ("mongodb://joe@h", "mongodb://joe@h:27017/"),
        ] {
            assert_eq!(uri(&Service::Mongodb.address(text).unwrap()), expected, "{text}");
        }
    }
}
