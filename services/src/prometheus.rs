//! Metrics in the format of Prometheus, or a Prometheus server:
//! `http://host:port/metrics`.

use crate::address::Address;
use crate::http::SCHEMES;
use crate::service::About;

pub(crate) const ABOUT: About = About {
    name: "Prometheus",
    see: "see that it runs, and that its metrics are at that path",
    credentials: "give a user whom it knows as http://USER:PASSWORD@HOST:PORT",
    login: "http://USER:PASSWORD@HOST:PORT",
    example: "http://127.0.0.1:9090/metrics",
    schemes: &SCHEMES,
    read,
};

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()
}
