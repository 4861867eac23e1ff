//! Redis: `redis://user:password@host:6379/database`, or `?db=database`.

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
    address.only(&["db"])?;
    database(address).map(drop)
}

/// The number of the database.
///
/// # Errors
/// When what follows the host is none.
pub fn database(address: &Address) -> Result<u32, String> {
    let number = |text: &str, at: &str| {
        text.parse::<u32>().map_err(|_| format!("the database {at} is no number"))
    };
    let name = address.name()?.filter(|name| !name.is_empty());
    let path = name.map(|name| number(&name, "after the host")).transpose()?;
    let parameter = address.parameter("db").map(|db| number(db, "of db=")).transpose()?;
    match (path, parameter) {
        (Some(path), Some(parameter)) if path != parameter => {
            Err(format!("it names two databases, {path} and {parameter}"))
        }
        (path, parameter) => Ok(path.or(parameter).unwrap_or(0)),
    }
}

/// User and password to log in with; `None` where none are needed. A server of a
/// time before users knows no name, so the one that everybody is by default is
/// left out; a user may do without a password.
#[must_use]
pub fn login(address: &Address) -> Option<(Option<&str>, &str)> {
    let user = address.user.as_deref().filter(|&user| user != "default");
    let password = address.password.as_deref().unwrap_or_default();
    match user {
        None if password.is_empty() => None,
        user => Some((user, password)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    #[test]
    fn databases_and_logins_are_read_in_every_usual_form() {
        for (text, user, number) in [
            ("redis://h", None, 0),
            ("redis://h/", None, 0),
            ("redis://h/3", None, 3),
            ("redis://h?db=3", None, 3),
            ("redis://h/?db=3", None, 3),
            ("redis://h/3?db=3", None, 3),
            ("redis://:p%40w@h", Some((None, "p@w")), 0),
            ("redis://:@h", None, 0),
            ("redis://default:pw@h/1", Some((None, "pw")), 1),
            ("redis://joe:pw@h", Some((Some("joe"), "pw")), 0),
            ("redis://joe@h", Some((Some("joe"), "")), 0),
        ] {
            let address = Service::Redis.address(text).unwrap();
            assert_eq!((login(&address), database(&address)), (user, Ok(number)), "{text}");
        }
    }
}
