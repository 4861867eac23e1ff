//! The reference canary: two versions of an HTTP service behind nginx, which shares
//! the requests out by weight.
//!
//! `GET /route/0` … `/route/9` are answered 200 after some 2 ms; the header
//! `x-caller` says who asks. nginx adds `x-version: VERSION.rN`, whoever answered. A
//! process serves `/health` and `/metrics` at its private address and writes its log
//! as NDJSON. A further process, the control, puts the figures of a version's processes
//! together (`/metrics/canary`, `/health/canary`) and sets the weight:
//! `GET /weight` gives the new version's share in percent, `PUT /weight` sets it and
//! answers when no worker of nginx goes by the old one any more.
//!
//! The planted bugs are the [`Variant`]s, in the new version or in the weight.

mod arguments;
mod control;
mod counts;
mod heap;
mod tactics;
mod timer;
mod variant;
mod version;

use std::collections::BTreeMap;
use std::path::Path;

use super::process::{self, Place};
use super::{Ground, Parts, System, VariantInfo, variant as variants};
use crate::server::Kind;
use crate::server::Server;
use crate::server::nginx::{self, Nginx, NginxOptions};
use crate::{LabError, Need};
use arguments::{Arguments, ControlPart, Part, VersionPart};
pub use variant::Variant;

/// The roles of the processes.
const STABLE: &str = "stable";
const CANARY: &str = "canary";
const CONTROL: &str = "control";

/// The canary as one of the reference systems.
#[derive(Debug)]
pub(super) struct Entry;

impl System for Entry {
    fn name(&self) -> &'static str {
        "canary"
    }

    fn about(&self) -> &'static str {
        "two versions of an HTTP service behind nginx"
    }

    fn variants(&self) -> Vec<VariantInfo> {
        variants::all::<Variant>()
    }

    fn servers(&self) -> &'static [&'static Kind] {
        &[]
    }

    fn targets(&self) -> &'static [&'static str] {
        &["service", STABLE, CANARY, "health", "weight"]
    }

    fn roles(&self) -> &'static [&'static str] {
        &[STABLE, CANARY, CONTROL, nginx::SERVER]
    }

    fn needs(&self) -> &'static [&'static Need] {
        &[&nginx::NEED]
    }

    /// First the versions, then nginx before them, then what sets its weight.
    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError> {
        let variant: Variant = ground.variant()?;
        let (lab, patience) = (ground.lab, ground.patience);
        let mut parts = Parts::default();
        let mut versions = BTreeMap::new();
        for role in [STABLE, CANARY] {
            let mut places = Vec::new();
            for number in 1..=ground.options.replicas.max(1) {
                let place = Place::reserve(role, number)?;
                let part = VersionPart { is_canary: role == CANARY };
                let arguments = Arguments {
                    name: place.name.clone(),
                    private: place.address(),
                    variant,
                    part: Part::Version(part),
                };
                place.start(lab, self, &arguments, patience)?;
                places.push(place);
            }
            let at: Vec<_> =
                places.iter().map(|place| (place.name.clone(), place.address())).collect();
            versions.insert(role.to_owned(), at);
            let (replicas, ports) = process::all_healthy(lab, places, patience)?;
            parts.replicas.extend(replicas);
            parts.ports.extend(ports);
        }
        let addresses = |role: &str| versions[role].iter().map(|(_, at)| at.clone()).collect();
        let options = NginxOptions { stable: addresses(STABLE), canary: addresses(CANARY) };
        let nginx = Nginx::start(lab, &options, patience)?;
        let control = Place::reserve(CONTROL, 1)?;
        let part = ControlPart { nginx: nginx.port(), folder: nginx.folder().to_owned(), versions };
        let arguments = Arguments {
            name: control.name.clone(),
            private: control.address(),
            variant,
            part: Part::Control(part),
        };
        let at = format!("http://{}", control.address());
        control.start(lab, self, &arguments, patience)?;
        let (replicas, ports) = process::all_healthy(lab, vec![control], patience)?;
        parts.replicas.extend(replicas);
        parts.ports.extend(ports);
        parts.targets = [
            ("service", nginx.url.clone()),
            (STABLE, format!("{at}/metrics/{STABLE}")),
            (CANARY, format!("{at}/metrics/{CANARY}")),
            ("health", format!("{at}/health/{CANARY}")),
            ("weight", format!("{at}/weight")),
        ]
        .map(|(name, address)| (name.to_owned(), address))
        .into();
        parts.servers.push(Box::new(nginx) as Box<dyn Server>);
        Ok(parts)
    }

    fn run(&self, arguments: &Path) -> u8 {
        process::run(arguments, serve)
    }
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    let Arguments { name, private, variant, part } = arguments;
    match part {
        Part::Version(part) => version::run(&name, &private, variant, part).await,
        Part::Control(part) => control::run(&private, variant, part).await,
    }
}
