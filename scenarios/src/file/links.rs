//! References from one table to another, taken down while reading and
//! resolved when everything has been read.

mod resolve;
mod steps;

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::read::{At, Context};
use crate::units::{Quantity, Span};
pub(super) use steps::{Due, Wait, step_key};

/// What a name must be the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Phase,
    Workload,
    /// A workload, or what a value of its split answered: of that the counts and the
    /// response times are known, and nothing else.
    Timed,
    /// A workload whose answers are compared.
    Compared,
    Fault,
    Deployment,
    Effects,
    /// A source of effects that gives an order.
    Ordered,
    /// A source of what many operations came to together.
    Aggregates,
    /// A source of effects that tells when each came to be.
    TimedEffects,
    /// A source of effects that tells when each dead letter was given up.
    TimedDead,
    /// A source of effects whose dead letters say how often they were tried.
    Tried,
    /// A source of effects whose records must follow a schema.
    Contracted,
    Check,
    /// A check that can be judged while the run goes on.
    LiveCheck,
    /// A series of which every value can be judged: a level or a counter.
    Level,
    /// A series that must be a counter.
    Counter,
}

/// An item by its kind and name.
pub(super) type Key = (String, String);

struct Link {
    owner: Key,
    kind: Kind,
    name: At<String>,
    /// Links of one list; the owner can do without some of them.
    group: usize,
    /// Whether the owner can do without all of them.
    weak: bool,
    /// Limits that must be in the unit of the series.
    limits: Vec<At<Quantity>>,
}

/// An instant that must lie in a phase.
struct Moment {
    owner: Key,
    phase: String,
    at: At<Span>,
}

/// A phase that must come before another one.
struct Order {
    first: String,
    then: At<String>,
}

/// The references of one reading.
#[derive(Default)]
pub(super) struct Links {
    owner: RefCell<Key>,
    links: RefCell<Vec<Link>>,
    moments: RefCell<Vec<Moment>>,
    orders: RefCell<Vec<Order>>,
    steps: RefCell<steps::Steps>,
}

impl Links {
    /// The item that is read now.
    pub(super) fn enter(&self, kind: &str, name: &str) {
        *self.owner.borrow_mut() = (kind.to_owned(), name.to_owned());
    }

    /// Takes down a reference and gives the bare name.
    pub(super) fn refer(&self, kind: Kind, name: At<String>) -> String {
        let group = self.links.borrow().len();
        self.take_down(kind, name, group, false, Vec::new())
    }

    /// [`Links::refer`] for a list: the item that refers stays as long as one
    /// of the list does.
    pub(super) fn refer_all(
        &self,
        context: &Context,
        kind: Kind,
        names: Vec<At<String>>,
    ) -> Vec<String> {
        self.take_down_all(context, kind, names, false)
    }

    /// [`Links::refer_all`] for things of which none is needed.
    pub(super) fn refer_weakly(
        &self,
        context: &Context,
        kind: Kind,
        names: Vec<At<String>>,
    ) -> Vec<String> {
        self.take_down_all(context, kind, names, true)
    }

    /// [`Links::refer`] to a series that is compared with limits.
    pub(super) fn refer_level(&self, series: At<String>, limits: Vec<At<Quantity>>) -> String {
        let group = self.links.borrow().len();
        let limits = limits.into_iter().filter(|at| !at.is_placeholder()).collect();
        self.take_down(Kind::Level, series, group, false, limits)
    }

    /// Takes down that `at`, counted from the start of the phase, must come
    /// before its end.
    pub(super) fn within(&self, phase: &str, at: At<Span>) {
        if !at.is_placeholder() {
            let owner = self.owner.borrow().clone();
            self.moments.borrow_mut().push(Moment { owner, phase: phase.to_owned(), at });
        }
    }

    /// Takes down that phase `first` must come before phase `then`.
    pub(super) fn in_order(&self, first: &At<String>, then: &At<String>) {
        if !first.is_placeholder() && !then.is_placeholder() {
            let order = Order { first: first.value.clone(), then: then.clone() };
            self.orders.borrow_mut().push(order);
        }
    }

    fn take_down_all(
        &self,
        context: &Context,
        kind: Kind,
        names: Vec<At<String>>,
        weak: bool,
    ) -> Vec<String> {
        let group = self.links.borrow().len();
        let mut seen = BTreeSet::new();
        for name in &names {
            if !seen.insert(name.value.clone()) {
                let message = format!("{:?} stands twice in this list", name.value);
                context.problem(Some(name.span.clone()), message, None);
            }
        }
        let refer = |name| self.take_down(kind, name, group, weak, Vec::new());
        names.into_iter().map(refer).collect()
    }

    fn take_down(
        &self,
        kind: Kind,
        name: At<String>,
        group: usize,
        weak: bool,
        limits: Vec<At<Quantity>>,
    ) -> String {
        let text = name.value.clone();
        if !name.is_placeholder() {
            let owner = self.owner.borrow().clone();
            self.links.borrow_mut().push(Link { owner, kind, name, group, weak, limits });
        }
        text
    }
}

#[cfg(test)]
mod tests;
