//! Deployments of the lab, in the terms of Kubernetes: a number of pods that run an
//! image, replaced one after another when they are to run another one.
//!
//! [`Deployment`] is the controller, a state machine without clock and process; a
//! [`Track`] is one with a canary beside it. [`Deployments`] runs some of them in a lab
//! and has a control API: `GET /deployments`, `POST /deployments/NAME/set_image`.

pub(crate) mod amount;
pub(crate) mod canary;
pub(crate) mod controller;
pub(crate) mod crash_loop;
pub(crate) mod driver;
mod handle;
pub(crate) mod manifest;
mod pod;
mod progress;
mod setting;
mod sizes;
pub(crate) mod spec;
pub(crate) mod status;

#[cfg(test)]
mod world;

pub use amount::Amount;
pub use canary::Track;
pub use controller::{Action, Deployment, Seen};
pub use crash_loop::Pace;
pub use handle::{DEPLOYMENTS, Deployments};
pub use manifest::{Image, Readiness, Workload};
pub use setting::{OfCanary, Setting};
pub use spec::{Refusal, Request, Spec, Template};
pub use status::{Condition, PodStatus, Revision, Status};
