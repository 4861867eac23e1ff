//! PostgreSQL: `postgres://user:password@host:5432,host:5432/database`.
//!
//! libpq also takes hosts, user and password from parameters, where no guard
//! would look for them. They are refused there.

use crate::address::Address;
use crate::service::{About, Scheme};

#[cfg(feature = "postgres")]
mod connect;

#[cfg(feature = "postgres")]
pub use connect::{connect, trouble};

pub(crate) const ABOUT: About = About {
    name: "PostgreSQL",
    see: "see that the server runs",
    credentials: "give a user with the role pg_signal_backend as postgres://USER:PASSWORD@HOST:PORT/NAME",
    login: "postgres://USER:PASSWORD@HOST:PORT/NAME",
    example: "postgres://postgres@127.0.0.1:5432/postgres",
    schemes: &[Scheme::plain("postgres", 5432), Scheme::plain("postgresql", 5432)],
    read,
};

/// What belongs before the `?`.
const ELSEWHERE: [&str; 8] =
    ["host", "hostaddr", "port", "user", "password", "dbname", "service", "passfile"];

const PARAMETERS: [&str; 5] =
    ["sslmode", "connect_timeout", "application_name", "options", "target_session_attrs"];

fn read(address: &mut Address) -> Result<(), String> {
    address.name()?;
    if let Some((name, _)) = address.query.iter().find(|(name, _)| ELSEWHERE.contains(&&**name)) {
        return Err(format!(
            "{name}= must not stand behind the ?; hosts, user and database stand before it"
        ));
    }
    address.only(&PARAMETERS)?;
    let one_of = |name: &str, values: &[&str]| match address.parameter(name) {
        Some(value) if !values.contains(&value) => {
            Err(format!("{name} must be one of {}", values.join(", ")))
        }
        _ => Ok(()),
    };
    one_of("sslmode", &["disable", "prefer", "require"])?;
    one_of("target_session_attrs", &["any", "read-write", "read-only"])
}
