//! RabbitMQ's management API: `http://user:password@host:15672`.

use crate::address::Address;
use crate::http::SCHEMES;
use crate::service::About;

pub(crate) const ABOUT: About = About {
    name: "RabbitMQ's management API",
    see: "see that the broker runs with the plugin rabbitmq_management",
    credentials: "give a user with the tag administrator as http://USER:PASSWORD@HOST:PORT",
    example: "http://guest:guest@127.0.0.1:15672",
    schemes: &SCHEMES,
    read,
};

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    address.only(&[])
}
