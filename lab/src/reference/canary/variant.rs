//! The planted bugs of the new version.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

/// The correct new version, or one with exactly one bug; or something around it that
/// is no bug of its own.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Variant {
    /// As good as the stable version.
    #[strum(message = "the new version is as good as the stable one")]
    Correct,
    /// The 95th percentile is above its bound.
    #[strum(message = "one request in ten takes 6 ms")]
    SlowP95,
    /// Only the 99th percentile suffers.
    #[strum(message = "one request in fifty takes 25 ms longer")]
    SlowTail,
    /// Worse than the stable version, within the absolute bound.
    #[strum(message = "every request takes some 12 % longer, as its caller sees it")]
    #[serde(rename = "slow-12-percent")]
    #[strum(serialize = "slow-12-percent")]
    Slow12Percent,
    /// One route of ten suffers.
    #[strum(message = "one route of ten takes half as long again")]
    SlowOnOneRoute,
    /// Twice the errors that are allowed.
    #[strum(message = "1 % of the requests fail")]
    #[serde(rename = "errors-1-percent")]
    #[strum(serialize = "errors-1-percent")]
    Errors1Percent,
    /// Errors come seldom and together.
    #[strum(message = "3 % of the requests fail, in bursts")]
    ErrorsSparse,
    /// One caller is lost.
    #[strum(message = "every request of one caller in fifty fails")]
    ErrorsForOneCaller,
    /// Memory grows.
    #[strum(message = "256 KiB a second are never freed")]
    MemoryLeak,
    /// Memory grows and is freed, as by a garbage collector; no bug.
    #[strum(message = "1 MiB a second is freed every 12 s, as by a garbage collector")]
    MemorySawtooth,
    /// Requests are rejected.
    #[strum(message = "3 % of the requests are rejected as too many")]
    RateLimits,
    /// Queries time out, and callers do not see it.
    #[strum(message = "0.5 % of the requests have a query that times out")]
    QueryTimeouts,
    /// The breaker opens and stays so.
    #[strum(message = "a circuit breaker opens after a while and stays open")]
    BreakerOpen,
    /// The breaker opens again and again.
    #[strum(message = "a circuit breaker opens for half a second every five")]
    BreakerFlaps,
    /// The process dies again and again.
    #[strum(message = "a process dies of every 400th request")]
    CrashLoop,
    /// Slow for its first seconds; no bug.
    #[strum(message = "every request takes four times as long for the first 4 s")]
    ColdStart,
    /// Well by its own word.
    #[strum(message = "5 % of the requests fail, and /health says that all is well")]
    HealthLies,
    /// The weight is not what it says.
    #[strum(message = "the new version gets three times the share that it should get")]
    WrongSplit,
    /// The new version is never asked.
    #[strum(message = "the new version gets no request")]
    NoTraffic,
    /// Both versions suffer at once; no bug.
    #[strum(message = "both versions take 2.5 times as long for 3 s of every 10")]
    NoisyNeighbour,
    /// Nobody but the log knows.
    #[strum(
        message = "2 % of the requests write an error into the log and are answered all the same"
    )]
    LogErrors,
    /// The new version does not count its errors.
    #[strum(message = "2 % of the requests fail, and its counter says that none did")]
    MetricsLie,
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_variant_is_found_by_its_own_name_and_says_what_it_does() {
        for variant in Variant::iter() {
            assert_eq!(variant.to_string().parse::<Variant>().unwrap(), variant);
            let written = serde_json::to_value(variant).unwrap();
            assert_eq!(written, variant.to_string(), "one name everywhere");
            assert!(variant.get_message().is_some_and(|about| !about.is_empty()), "{variant}");
        }
        assert_eq!(Variant::iter().next(), Some(Variant::Correct));
    }
}
