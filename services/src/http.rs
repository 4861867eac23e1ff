//! Anything that speaks HTTP: `http://host:port/path`.

use crate::address::Address;
use crate::service::{About, Scheme};

pub(crate) const ABOUT: About = About {
    name: "the HTTP service",
    see: "see that it runs",
    credentials: "give a user whom it knows as http://USER:PASSWORD@HOST:PORT",
    example: "http://127.0.0.1:8080",
    schemes: &SCHEMES,
    read,
};

pub(crate) const SCHEMES: [Scheme; 2] =
    [Scheme::plain("http", 80), Scheme::encrypted("https", 443)];

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()
}
