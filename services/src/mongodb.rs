//! MongoDB: `mongodb://user:password@host:27017,host:27017/database`.
//!
//! The hosts behind `mongodb+srv://` are only known to a name server, and those
//! that `proxyHost` would lead through are no hosts of the database: no guard
//! could see them, so both are refused.

use crate::address::{Address, AddressError};
use crate::service::{About, Scheme};

#[cfg(feature = "mongodb")]
mod connect;

#[cfg(feature = "mongodb")]
pub use connect::{connect, trouble};

pub(crate) const ABOUT: About = About {
    name: "MongoDB",
    see: "see that the server runs",
    credentials: "give a user who may read the database as mongodb://USER:PASSWORD@HOST:PORT/NAME",
    login: "mongodb://USER:PASSWORD@HOST:PORT/NAME",
    example: "mongodb://127.0.0.1:27017/database",
    schemes: &[Scheme::plain("mongodb", 27017), Scheme::plain("mongodb+srv", 27017)],
    read,
};

/// The database that an address names.
#[must_use]
pub fn database(address: &Address) -> Option<String> {
    address.name().ok().flatten().filter(|name| !name.is_empty())
}

/// The database that is meant: the one that is given, or else that of the address.
///
/// # Errors
/// When neither names one.
pub fn database_or(address: &Address, given: Option<&str>) -> Result<String, AddressError> {
    let named = given.map(str::to_owned).or_else(|| database(address));
    named.ok_or_else(|| AddressError {
        service: address.service,
        shown: address.shown(),
        reason: "it names no database, nor does the scenario".to_owned(),
    })
}

/// The options of its connection string, in lower case, as they are compared.
const OPTIONS: [&str; 32] = [
    "appname",
    "authmechanism",
    "authmechanismproperties",
    "authsource",
    "compressors",
    "connecttimeoutms",
    "directconnection",
    "heartbeatfrequencyms",
    "journal",
    "loadbalanced",
    "localthresholdms",
    "maxidletimems",
    "maxpoolsize",
    "maxstalenessseconds",
    "minpoolsize",
    "readconcernlevel",
    "readpreference",
    "readpreferencetags",
    "replicaset",
    "retryreads",
    "retrywrites",
    "serverselectiontimeoutms",
    "sockettimeoutms",
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword",
    "tlsinsecure",
    "w",
];

fn read(address: &mut Address) -> Result<(), String> {
    if address.scheme.name == "mongodb+srv" {
        return Err(
            "its hosts cannot be seen; write them out: mongodb://a:27017,b:27017/NAME".to_owned()
        );
    }
    address.name()?;
    for (name, _) in &mut address.query {
        name.make_ascii_lowercase();
    }
    let other = address.query.iter().find(|(name, _)| !OPTIONS.contains(&name.as_str()));
    match other {
        Some((name, _)) => Err(format!("the option {name:?} is not known")),
        None => Ok(()),
    }
}
