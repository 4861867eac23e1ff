//! What stands for the client in a build without it.

use super::Kafka;
use crate::error::LoadError;
use crate::lane::Lane;
use crate::reach::Unready;
use crate::reader::Reader;
use crate::shape::Shape;

/// There is none in this build.
#[derive(Debug)]
pub(crate) enum Target {}

impl Target {
    pub(in crate::transport) fn new(
        kafka: &Kafka,
        _: &Shape,
        _: &[String],
    ) -> Result<Self, LoadError> {
        kafka.addresses()?;
        Err(LoadError::NotBuilt {
            what: "Kafka",
            how: "build it without `--no-default-features`, or with `--features kafka`; that \
                  takes a C compiler, make and perl",
        })
    }
}

pub(in crate::transport) fn files(target: &Target) -> u64 {
    match *target {}
}

pub(in crate::transport) async fn drive(target: &Target, _: &Lane) {
    match *target {}
}

pub(in crate::transport) async fn led(target: &Target) -> Result<(), Unready> {
    match *target {}
}

pub(in crate::transport) async fn setup(target: &Target) -> Result<(), Unready> {
    match *target {}
}

pub(in crate::transport) async fn consume(target: &Target, _: &Reader) {
    match *target {}
}
