//! How the rate changes over a run: named profiles, and stages.
//!
//! | profile | the rate |
//! | --- | --- |
//! | `constant` | stays |
//! | `ramp` or `ramp:100..5k` | rises evenly, from 0 or the first to the second |
//! | `steps` or `steps:1k,2k,5k` | rises in equal times, to a fifth, two fifths …, or as given |
//! | `spike` or `spike:10k@20s+5s` | jumps, to ten times for the middle tenth, or to a rate at a time for a time |
//! | `sine` or `sine:500,10s` | swings around the usual rate, by half of it in a fifth of the run, or by an amplitude in a period |

use std::f64::consts::TAU;
use std::str::FromStr;
use std::time::Duration;

use scenarios::units::{Rate, Span};

use crate::schedule::Segment;

/// A sine is laid as straight pieces with its exact integrals. Between their
/// ends it differs by this many operations at most, unless that would take
/// more than [`MOST_PIECES`].
const SINE_ERROR: f64 = 0.1;

/// The most pieces of a sine.
const MOST_PIECES: f64 = 200_000.0;

/// How the rate changes over a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Profile {
    /// The usual rate, always.
    #[default]
    Constant,
    /// Rises or falls evenly; by default from 0 to the usual rate.
    Ramp(Option<(Rate, Rate)>),
    /// Rates that are held for equal times; by default five up to the usual
    /// one.
    Steps(Option<Vec<Rate>>),
    /// The usual rate, with another for a while.
    Spike(Option<Spike>),
    /// Swings around the usual rate.
    Sine(Option<Sine>),
}

/// Another rate for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spike {
    /// The rate meanwhile.
    pub rate: Rate,
    /// When it begins, after T0.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// A swing of the rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sine {
    /// The greatest distance from the usual rate; at most that rate.
    pub amplitude: Rate,
    /// The time from one peak to the next.
    pub period: Duration,
}

/// Rates one after another: `1k:30s,5k:2m`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages(Vec<(Rate, Duration)>);

impl Profile {
    /// The segments of a run of this length with this usual rate.
    ///
    /// # Errors
    /// When the profile does not fit into the run or below the rate.
    pub fn segments(&self, rate: Rate, length: Duration) -> Result<Vec<Segment>, String> {
        let even = |from, to, rate| Segment { from, to, first: rate, last: rate };
        Ok(match self {
            Self::Constant => vec![even(Duration::ZERO, length, rate)],
            Self::Ramp(ends) => {
                let (first, last) = ends.unwrap_or((Rate(0.0), rate));
                vec![Segment { from: Duration::ZERO, to: length, first, last }]
            }
            Self::Steps(rates) => {
                let usual = || (1..=5).map(|step| Rate(rate.0 * f64::from(step) / 5.0)).collect();
                let rates = rates.clone().unwrap_or_else(usual);
                let count = rates.len() as u32;
                let edge = |step: u32| length * step / count;
                (0..).zip(rates).map(|(step, r)| even(edge(step), edge(step + 1), r)).collect()
            }
            Self::Spike(spike) => {
                let spike = spike.unwrap_or_else(|| Spike {
                    rate: Rate(rate.0 * 10.0),
                    at: length * 9 / 20,
                    length: length / 10,
                });
                let end = spike.at + spike.length;
                if end > length {
                    return Err(format!(
                        "the spike ends at {}, after the run's {}; move it or lengthen the run",
                        Span(end),
                        Span(length)
                    ));
                }
                let parts = [
                    even(Duration::ZERO, spike.at, rate),
                    even(spike.at, end, spike.rate),
                    even(end, length, rate),
                ];
                parts.into_iter().filter(|part| part.from < part.to).collect()
            }
            Self::Sine(sine) => {
                let sine =
                    sine.unwrap_or(Sine { amplitude: Rate(rate.0 / 2.0), period: length / 5 });
                if sine.amplitude.0 > rate.0 {
                    return Err(format!(
                        "an amplitude of {} around {rate} falls below zero; use at most the rate",
                        sine.amplitude
                    ));
                }
                sine.segments(rate, length)
            }
        })
    }
}

impl Sine {
    fn segments(self, Rate(mean): Rate, length: Duration) -> Vec<Segment> {
        let Rate(amplitude) = self.amplitude;
        let period = self.period.as_secs_f64();
        // Over a piece of length h a straight line's integral strays from the
        // sine's by at most max|f″|·h³/72√3, about A·(2π/P)²·h³/125.
        let swing = amplitude * period;
        let fine = (swing * TAU * TAU / 125.0 / SINE_ERROR).cbrt().clamp(16.0, 1e6).ceil();
        let periods = length.as_secs_f64() / period;
        let pieces = (fine * periods).min(MOST_PIECES.max(16.0 * periods)).ceil().max(1.0) as u32;
        let edge = |piece: u32| {
            let nanos = length.as_nanos() * u128::from(piece) / u128::from(pieces);
            Duration::from_nanos(nanos as u64)
        };
        let rate = |at: Duration| mean + amplitude * (TAU * at.as_secs_f64() / period).sin();
        let integral = |at: Duration| {
            let at = at.as_secs_f64();
            mean * at + swing / TAU * (1.0 - (TAU * at / period).cos())
        };
        (0..pieces)
            .map(|piece| (edge(piece), edge(piece + 1)))
            .filter(|(from, to)| from < to)
            .map(|(from, to)| {
                let wanted = (integral(to) - integral(from)) / (to - from).as_secs_f64();
                let (first, last) = (rate(from), rate(to));
                let shift = wanted - (first + last) / 2.0;
                // Near zero the line keeps its integral and leaves the shape.
                let (first, last) = match (first + shift, last + shift) {
                    (first, _) if first < 0.0 => (0.0, 2.0 * wanted),
                    (_, last) if last < 0.0 => (2.0 * wanted, 0.0),
                    both => both,
                };
                Segment { from, to, first: Rate(first.max(0.0)), last: Rate(last.max(0.0)) }
            })
            .collect()
    }
}

impl Stages {
    /// The segments of the stages, one after another.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        let mut at = Duration::ZERO;
        let stage = |&(rate, length): &(Rate, Duration)| {
            let from = at;
            at += length;
            Segment { from, to: at, first: rate, last: rate }
        };
        self.0.iter().map(stage).collect()
    }

    /// How long all of them take.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.0.iter().map(|&(_, length)| length).sum()
    }
}

/// Reads a rate; on a command line `5k` is enough for `5k/s`.
///
/// # Errors
/// When the text is no rate.
pub fn rate(text: &str) -> Result<Rate, String> {
    let whole = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    let rate: Rate = whole.parse().map_err(|error| format!("{error}"))?;
    if rate.0 < 0.0 { Err(format!("{text:?} is below zero")) } else { Ok(rate) }
}

fn time(text: &str) -> Result<Duration, String> {
    let Span(time) = text.parse().map_err(|error| format!("{error}"))?;
    if time.is_zero() { Err(format!("{text:?} is no length of time")) } else { Ok(time) }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, given) = match text.split_once(':') {
            Some((name, given)) => (name, Some(given)),
            None => (text, None),
        };
        let split = |given: &str, mark: char, example: &str| {
            given
                .split_once(mark)
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .ok_or_else(|| format!("{text:?} is not complete; write {example}"))
        };
        match (name, given) {
            ("constant", None) => Ok(Self::Constant),
            ("ramp", None) => Ok(Self::Ramp(None)),
            ("ramp", Some(given)) => {
                let (first, last) = split(&given.replace("..", "~"), '~', "ramp:100..5k")?;
                Ok(Self::Ramp(Some((rate(&first)?, rate(&last)?))))
            }
            ("steps", None) => Ok(Self::Steps(None)),
            ("steps", Some(given)) => {
                let rates = given.split(',').map(rate).collect::<Result<_, _>>()?;
                Ok(Self::Steps(Some(rates)))
            }
            ("spike", None) => Ok(Self::Spike(None)),
            ("spike", Some(given)) => {
                let example = "spike:10k@20s+5s";
                let (peak, when) = split(given, '@', example)?;
                let (at, length) = split(&when, '+', example)?;
                let Span(at) = at.parse().map_err(|error| format!("{error}"))?;
                Ok(Self::Spike(Some(Spike { rate: rate(&peak)?, at, length: time(&length)? })))
            }
            ("sine", None) => Ok(Self::Sine(None)),
            ("sine", Some(given)) => {
                let (amplitude, period) = split(given, ',', "sine:500,10s")?;
                let (amplitude, period) = (rate(&amplitude)?, time(&period)?);
                Ok(Self::Sine(Some(Sine { amplitude, period })))
            }
            _ => Err(format!(
                "{text:?} is no profile; write constant, ramp:100..5k, steps:1k,2k,5k, \
                 spike:10k@20s+5s or sine:500,10s"
            )),
        }
    }
}

impl FromStr for Stages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stages = text.split(',').map(|stage| {
            let (pace, length) = stage
                .split_once(':')
                .ok_or_else(|| format!("{stage:?} is no stage; write 1k:30s,5k:2m"))?;
            Ok((rate(pace.trim())?, time(length.trim())?))
        });
        Ok(Self(stages.collect::<Result<_, String>>()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schedule::{Arrival, Schedule};

    const MINUTE: Duration = Duration::from_secs(60);

    fn total(text: &str, rate: f64, length: Duration) -> u64 {
        let profile: Profile = text.parse().unwrap();
        let segments = profile.segments(Rate(rate), length).unwrap();
        Schedule::of(segments, Arrival::Uniform).unwrap().total()
    }

    #[test]
    fn profiles_hold_what_they_say() {
        assert_eq!(total("constant", 1_000.0, MINUTE), 60_000);
        assert_eq!(total("ramp", 1_000.0, MINUTE), 30_000);
        assert_eq!(total("ramp:100..5k", 1.0, MINUTE), 153_000);
        assert_eq!(total("steps", 1_000.0, MINUTE), 36_000);
        assert_eq!(total("steps:1k,2k,6k", 1.0, MINUTE), 180_000);
        assert_eq!(total("spike", 100.0, MINUTE), 5_400 + 6_000);
        assert_eq!(total("spike:10k@20s+5s", 1_000.0, MINUTE), 55_000 + 50_000);
        assert_eq!(total("sine", 1_000.0, MINUTE), 60_000);
        assert_eq!(total("sine:1k,7s", 1_000.0, Duration::from_secs(70)), 70_000);
    }

    #[test]
    fn stages_follow_each_other() {
        let stages: Stages = "1k:30s, 5k:2m".parse().unwrap();
        assert_eq!(stages.length(), Duration::from_secs(150));
        let schedule = Schedule::of(stages.segments(), Arrival::Uniform).unwrap();
        assert_eq!(schedule.total(), 630_000);
        assert_eq!(schedule.released_before(Duration::from_secs(30)), 30_000);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (bad, hint) in [
            ("ramp:5", "ramp:100..5k"),
            ("spike:5@3s", "spike:10k@20s+5s"),
            ("sine:5", "sine:500,10s"),
            ("sine:5,0s", "no length of time"),
            ("wave", "is no profile"),
            ("constant:5", "is no profile"),
            ("steps:1k,x", "x"),
        ] {
            let error = bad.parse::<Profile>().unwrap_err();
            assert!(error.contains(hint), "{bad}: {error}");
        }
        for bad in ["", "1k", "1k:30s,", "1k:0s", "-1k:3s"] {
            assert!(bad.parse::<Stages>().is_err(), "{bad}");
        }
        let late: Profile = "spike:10@50s+20s".parse().unwrap();
        assert!(late.segments(Rate(1.0), MINUTE).unwrap_err().contains("move it"));
        let deep: Profile = "sine:500,10s".parse().unwrap();
        assert!(deep.segments(Rate(100.0), MINUTE).unwrap_err().contains("below zero"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// By any time the integral of the sine has come due, to within one
        /// operation, down to a rate of zero.
        #[test]
        fn a_sine_releases_its_integral(
            mean in 1.0_f64..50_000.0,
            depth in 0.0_f64..=1.0,
            period in 0.5_f64..100.0,
            share in 0.0_f64..1.0,
        ) {
            let sine = Sine {
                amplitude: Rate(mean * depth),
                period: Duration::from_secs_f64(period),
            };
            let period = sine.period.as_secs_f64();
            let segments = Profile::Sine(Some(sine)).segments(Rate(mean), MINUTE).unwrap();
            let schedule = Schedule::of(segments, Arrival::Uniform).unwrap();
            let at = MINUTE.mul_f64(share);
            let t = at.as_secs_f64();
            let swing = mean * depth * period / TAU;
            let integral = mean * t + swing * (1.0 - (TAU * t / period).cos());
            let released = schedule.released_before(at) as f64;
            prop_assert!((released - integral).abs() <= 1.0 + SINE_ERROR, "{released} {integral}");
        }
    }
}
