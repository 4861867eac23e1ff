//! What stands for the client in a build without it.

use services::Trouble;
use tokio::sync::mpsc::Sender;

use super::{Access, Deadline, Edge, Group, Looked, Offsets, Partition, Place, Starts, Taken};

const HOW: &str = "this build has no Kafka; build it without `--no-default-features`, or with \
                   `--features kafka`; that takes a C compiler, make and perl";

/// There is none in this build.
#[derive(Debug)]
pub(crate) enum Client {}

impl Client {
    pub(crate) fn open(_: &Access, _: &str) -> Result<Self, String> {
        Err(HOW.to_owned())
    }

    pub(crate) fn partitions(
        &self,
        _: &str,
        _: Deadline,
    ) -> Result<Option<Vec<Partition>>, Trouble> {
        match *self {}
    }

    pub(crate) fn topics(&self, _: Deadline) -> Result<Vec<String>, Trouble> {
        match *self {}
    }

    pub(crate) fn groups(&self, _: Deadline) -> Result<Vec<String>, Trouble> {
        match *self {}
    }

    pub(crate) fn offsets(&self, _: Edge, _: &[Partition], _: Deadline) -> Offsets {
        match *self {}
    }

    pub(crate) fn committed(
        &self,
        _: &str,
        _: &[Partition],
        _: Deadline,
    ) -> Result<Vec<(Place, Option<i64>)>, Trouble> {
        match *self {}
    }

    pub(crate) fn group(&self, _: &str, _: Deadline) -> Result<Group, Trouble> {
        match *self {}
    }
}

pub(crate) fn read(
    _: &Access,
    _: &str,
    _: Option<&Starts>,
    _: Deadline,
    _: &Sender<Vec<Taken>>,
) -> Result<Looked, String> {
    Err(HOW.to_owned())
}
