//! Series: what a sampled figure is called and measured in.

use std::borrow::Cow;

use crate::units::Unit;

/// What is known of a series before it has a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInfo {
    /// The last part of the name: `channels` of `broker.channels`. A scenario
    /// may choose it.
    pub name: Cow<'static, str>,
    /// What its values are measured in.
    pub unit: Unit,
    /// Whether it only rises, and starts at 0 again with its process.
    pub counter: bool,
    /// What it says, for the list of series.
    pub about: &'static str,
}

const fn operations(name: &'static str, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit: Unit::Count, counter: true, about }
}

/// The series of every workload: operations, each counted in the second in
/// which it was *due*, so that a phase owns exactly the operations that came
/// due in it.
pub const WORKLOAD: &[SeriesInfo] = &[
    operations("due", "operations that came due"),
    operations("acked", "operations that were accepted"),
    operations("failed", "operations that were refused"),
    operations("indeterminate", "operations whose outcome is unknown"),
    operations("dropped", "operations that were never attempted"),
    operations("late", "operations that started more than 10 ms after they were due"),
    operations("unsuccessful", "failed, indeterminate and dropped operations together"),
    operations("resent", "operations that were sent for a second time"),
    operations("resent_acked", "operations of which the second sending was accepted"),
    operations("hits", "answers that say that the operation was known, where they are compared"),
    operations(
        "disagreed",
        "operations of which the two answers disagree, where they are compared",
    ),
    operations("poisoned", "operations that were poison"),
];
