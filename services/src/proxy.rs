//! The admin API of a proxy, ours or Toxiproxy: `http://host:8474`.

use crate::address::Address;
use crate::service::{About, Scheme};

pub(crate) const ABOUT: About = About {
    name: "the proxy's admin API",
    see: "see that chaos proxy runs there",
    credentials: "give the address of one that lets you in",
    login: "http://HOST:PORT",
    example: "http://127.0.0.1:8474",
    schemes: &[Scheme::plain("http", 80)],
    read,
};

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    if address.user.is_some() || address.password.is_some() {
        return Err("it knows no users".to_owned());
    }
    address.only(&[])
}
