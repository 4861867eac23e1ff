//! Redis: `redis://user:password@host:6379/database`.

use crate::address::Address;
use crate::service::{About, Scheme};

#[cfg(feature = "redis")]
mod connect;

#[cfg(feature = "redis")]
pub use connect::{connect, trouble};

pub(crate) const ABOUT: About = About {
    name: "Redis",
    see: "see that the server runs",
    credentials: "give a user who may use CLIENT as redis://USER:PASSWORD@HOST:PORT",
    login: "redis://USER:PASSWORD@HOST:PORT",
    example: "redis://127.0.0.1:6379",
    schemes: &[Scheme::plain("redis", 6379), Scheme::encrypted("rediss", 6379)],
    read,
};

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    address.only(&[])?;
    database(address).map(drop)
}

/// The number of the database.
///
/// # Errors
/// When what follows the host is none.
pub fn database(address: &Address) -> Result<u32, String> {
    match address.name()?.as_deref() {
        None | Some("") => Ok(0),
        Some(number) => {
            number.parse().map_err(|_| "the database after the host is no number".to_owned())
        }
    }
}
