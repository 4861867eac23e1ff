//! The result-processor: writes each result once into the database.

pub(crate) mod store;
