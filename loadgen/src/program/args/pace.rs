//! When operations are due: rates, profiles, stages, or a closed loop.

use std::time::Duration;

use anyhow::{Context as _, bail};
use loadgen::profile::{self, Profile, Stages};
use loadgen::{Arrival, Closed, Pace, Schedule};
use scenarios::units::{Rate, Span};

/// How long a run is if nobody says.
const USUAL: Duration = Duration::from_secs(10);

/// The rate if nobody says.
const USUAL_RATE: Rate = Rate(100.0);

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct PaceArgs {
    /// Operations due per second: 500, 5k, 5k/s, 30/min [default: 100/s]
    #[arg(long, short, value_parser = profile::rate)]
    rate: Option<Rate>,
    /// How long operations come due [default: 10s]
    #[arg(long, short = 'z')]
    duration: Option<Span>,
    /// End after this many operations
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Rates one after another: 1k:30s,5k:2m
    #[arg(long, conflicts_with_all = ["rate", "duration", "profile"])]
    stages: Option<Stages>,
    /// constant, ramp:100..5k, steps:1k,2k,5k, spike:10k@20s+5s, sine:500,10s (around --rate)
    #[arg(long, default_value = "constant", conflicts_with = "stages")]
    profile: Profile,
    /// How operations arrive
    #[arg(long, value_enum, default_value_t)]
    arrival: Arrivals,
    /// Without a rate: a closed loop with this many operations under way at once;
    /// it shows how fast the target can be, not how it does under a load
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["stages", "rate"])]
    pub(super) concurrency: Option<u64>,
    /// The most operations under way at once [default: as many as the connections carry]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    max_in_flight: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Arrivals {
    /// Evenly spaced
    #[default]
    Uniform,
    /// At random, with exponential gaps
    Poisson,
}

/// What the arguments come to.
pub(super) struct Asked {
    pub(super) pace: Pace,
    /// Operations per second in the mean; `None` in a closed loop.
    pub(super) rate: Option<f64>,
    pub(super) max_in_flight: Option<u64>,
}

impl PaceArgs {
    /// Whether answers make operations due.
    pub(super) fn is_closed(&self) -> bool {
        self.concurrency.is_some()
            && self.rate.is_none()
            && matches!(self.profile, Profile::Constant)
    }

    pub(super) fn read(self, seed: u64) -> anyhow::Result<Asked> {
        let max_in_flight = match (self.max_in_flight, self.concurrency) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        if self.is_closed() {
            let duration = match (self.duration, self.count) {
                (Some(Span(duration)), _) => Some(duration),
                (None, Some(_)) => None,
                (None, None) => Some(USUAL),
            };
            let pace = Pace::Closed(Closed { count: self.count, duration });
            return Ok(Asked { pace, rate: None, max_in_flight });
        }
        let arrival = match self.arrival {
            Arrivals::Uniform => Arrival::Uniform,
            Arrivals::Poisson => Arrival::Poisson(seed),
        };
        let schedule = self.schedule(arrival)?;
        let length = schedule.last_due().unwrap_or_default();
        if schedule.total() == 0 {
            bail!("nothing comes due in the time given; raise --rate or --duration");
        }
        let spaces = (schedule.total() - 1) as f64;
        // A single operation has no rate but the one that was asked for.
        let asked = self.rate.unwrap_or(USUAL_RATE).0;
        let rate = if length.is_zero() { asked } else { spaces / length.as_secs_f64() };
        Ok(Asked { pace: Pace::Open(schedule), rate: Some(rate), max_in_flight })
    }

    fn schedule(&self, arrival: Arrival) -> anyhow::Result<Schedule> {
        let most = self.count.unwrap_or(u64::MAX);
        if let Some(stages) = &self.stages {
            return Ok(Schedule::of(stages.segments(), arrival)?.first(most));
        }
        let rate = self.rate.unwrap_or(USUAL_RATE);
        let length = match (self.duration, self.count) {
            (Some(Span(length)), _) => length,
            (None, Some(count)) if matches!(self.profile, Profile::Constant) => {
                long_enough(rate, count)?
            }
            (None, _) => USUAL,
        };
        let segments = self.profile.segments(rate, length).map_err(anyhow::Error::msg)?;
        Ok(Schedule::of(segments, arrival)?.first(most))
    }
}

/// A time in which this many operations come due, even if they arrive at
/// random: ten standard deviations more than the mean.
fn long_enough(Rate(rate): Rate, count: u64) -> anyhow::Result<Duration> {
    let count = count as f64;
    let seconds = (count + 10.0 * count.sqrt() + 10.0) / rate;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .with_context(|| format!("{count} operations never come due at {rate}/s; raise --rate"))
}
