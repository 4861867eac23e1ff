//! A load balancer gives the new version another share of the requests, for a while:
//! a step of a canary, which is taken back like any fault.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::ShiftTraffic;

use super::{About, Order, Scene, Strike};
use crate::undo::Undo;
use crate::weight::{Weight, same};
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "shift_traffic",
    command: "shift-traffic",
    does: "gives the new version another share of the requests for a while",
    confirmed: "the balancer says that share",
    undone: "the share from before is set, unless somebody else has changed it since",
    contract: "a change of the weight loses no request, and a new version is as good as the old one",
};

pub(super) fn prepare(
    asked: &ShiftTraffic,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let weight = Weight::new(&order.fill(&asked.url)?, scene.http.clone())?;
    // As nginx takes it, with at most two decimals.
    let set = format!("{}", (asked.to.0 * 10_000.0).round() / 100.0);
    Ok(Box::new(Shift { weight, set }))
}

struct Shift {
    weight: Weight,
    /// In percent.
    set: String,
}

#[async_trait]
impl Strike for Shift {
    fn victims(&self) -> Vec<String> {
        vec![format!("the weight at {}", self.weight.shown())]
    }

    fn thing(&self) -> Option<String> {
        Some(format!("the weight at {}", self.weight.shown()))
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let before = self.weight.get().await?;
        let (url, set) = (self.weight.shown().to_owned(), self.set.clone());
        Ok(Undo::SetWeight { url, before, set })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        self.weight.set(&self.set).await
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let told = self.weight.get().await?;
        if same(&told, &self.set) {
            return Ok(());
        }
        let what = format!("the new version has {told} %");
        Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
    }

    async fn whole(&self, _: &dyn World, _: Duration) -> Result<Option<String>, FaultError> {
        Ok(Some(format!("the new version has {} %", self.weight.get().await?)))
    }
}
