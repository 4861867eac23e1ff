//! The language of a scenario: what to load, what to break, what to watch and
//! what must hold.
//!
//! A scenario file is read strictly ([`mod@file`]), every problem at once, into a
//! [`plan::Plan`], whose types carry their units. The shipped scenarios stand in
//! [`suite`]; the JSON Schema of the language comes from the same functions
//! that read it ([`schema`]). Nothing here opens a socket or asks the time.

pub mod documents;
mod field;
pub mod file;
pub mod locator;
mod mistake;
pub mod nearest;
pub mod plan;
pub mod pointer;
pub mod problem;
pub mod program;
mod read;
pub mod redact;
pub mod schema;
pub mod seed;
pub mod selector;
pub mod series;
pub mod suite;
pub mod targets;
pub mod template;
pub mod units;
mod unused;

pub use file::{Settings, plan, plan_faults, plan_from_toml};
pub use mistake::Mistake;
pub use plan::Plan;
pub use problem::{Problem, Problems};
pub use selector::Selector;
pub use unused::unused;
