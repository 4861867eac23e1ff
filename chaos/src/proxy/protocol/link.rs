//! A connection with one toxic and without sockets, for tests.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::super::effects::{Effect, Effects};
use super::super::pipeline::{Item, Pipeline};
use super::super::stage::{Place, Way};
use super::super::toxic::{Kind, Per, Toxic};

pub(crate) struct Link {
    pub(crate) pipeline: Pipeline,
    effects: Arc<Effects>,
    pub(crate) now: Instant,
}

impl Link {
    pub(crate) fn new(kind: &str, attributes: Value, seed: u64) -> Self {
        let mut link = Self::bare(seed);
        link.refit(&[toxic(kind, attributes)]);
        link
    }

    /// With several toxics.
    pub(crate) fn with(toxics: &[(&str, Value)], seed: u64) -> Self {
        let mut link = Self::bare(seed);
        let numbered = (1..).zip(toxics);
        let toxics: Vec<Arc<Toxic>> = numbered
            .map(|(id, (kind, attributes))| {
                let mut toxic = toxic(kind, attributes.clone());
                Arc::make_mut(&mut toxic).id = id;
                toxic
            })
            .collect();
        link.refit(&toxics);
        link
    }

    /// Before anybody has looked at its toxics.
    pub(crate) fn bare(seed: u64) -> Self {
        let effects = Arc::<Effects>::default();
        let place = Place { proxy: "p".into(), connection: 1, effects: effects.clone() };
        Self { pipeline: Pipeline::new(seed, place), effects, now: Instant::now() }
    }

    pub(crate) fn refit(&mut self, toxics: &[Arc<Toxic>]) {
        self.pipeline.refit(toxics, self.now);
    }

    pub(crate) fn push(&mut self, way: Way, bytes: &[u8]) {
        self.pipeline.push(way, Item::Bytes(Bytes::copy_from_slice(bytes)));
        self.pipeline.run(self.now);
    }

    pub(crate) fn written(&mut self, way: Way) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(Item::Bytes(bytes)) = self.pipeline.front(way) {
            all.extend_from_slice(bytes);
            let count = bytes.len();
            self.pipeline.written(way, count);
        }
        all
    }

    /// Whether all that is left of a direction is its end.
    pub(crate) fn has_ended(&self, way: Way) -> bool {
        matches!(self.pipeline.front(way), Some(Item::End(_)))
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.effects.page(0, usize::MAX).effects
    }

    /// What was done, and to what.
    pub(crate) fn told(&self) -> Vec<(&'static str, Value)> {
        let effects = self.effects();
        effects.iter().map(|effect| (effect.what, effect.identity["id"].clone())).collect()
    }
}

pub(crate) fn toxic(kind: &str, attributes: Value) -> Arc<Toxic> {
    let attributes: Map<String, Value> = serde_json::from_value(attributes).unwrap();
    let kind = Kind::read(kind, attributes).unwrap();
    let (stream, per, tally) = (Way::Upstream, Per::Connection, Arc::default());
    let name = "t".into();
    Arc::new(Toxic { id: 1, name, stream, toxicity: 1.0, per, life: None, kind, tally })
}
