//! The download-worker: fetches the object of each event and writes its result.

pub(crate) mod breaker;
pub(crate) mod counts;
pub(crate) mod download;
pub(crate) mod handler;
pub(crate) mod retry;
