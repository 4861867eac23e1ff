//! Choices among a few words: how they are read, and their schema.

use serde_json::{Value as Json, json};

use super::{Field, Scalar};
use crate::nearest::nearest;
use crate::plan::check::{DeadLetters, Timed};
use crate::plan::data::Order;
use crate::plan::deployment::Afterwards;
use crate::plan::fault::{AlarmOf, StopSignal};
use crate::plan::probe::exporter::Exporter;
use crate::plan::probe::{Isolation, Uncommitted};
use crate::plan::workload::{Acks, Arrival, Late};
use crate::plan::{Expect, Expected, Severity};
use crate::units::Unit;

macro_rules! words {
    ($type:ty, $name:literal, $placeholder:expr, $($word:literal => $value:path),+) => {
        impl Field for $type {
            const NAME: &'static str = $name;

            fn read(scalar: &Scalar) -> Result<Self, String> {
                let known = [$(concat!("\"", $word, "\"")),+].join(" nor ");
                match scalar {
                    $(Scalar::Text(text) if text == $word => Ok($value),)+
                    Scalar::Text(text) => {
                        let meant = nearest(text, &[$($word),+]);
                        let meant = meant.map(|word| format!("; did you mean {word:?}?"));
                        Err(format!("{text:?} is neither {known}{}", meant.unwrap_or_default()))
                    }
                    Scalar::Number(_) | Scalar::Switch(_) => {
                        Err(format!("this is neither {known}"))
                    }
                }
            }

            fn write(&self) -> Json {
                match self {
                    $($value => json!($word),)+
                }
            }

            fn definition() -> Json {
                // A parameter may stand for the word.
                let about = concat!("One of ", $("\"", $word, "\", "),+, "or a ${parameter}.");
                json!({ "type": "string", "description": about, "anyOf": [{ "enum": [$($word),+] }, { "pattern": r"\$\{" }] })
            }

            fn placeholder() -> Self {
                $placeholder
            }
        }
    };
}

words!(Severity, "severity", Severity::Violation,
    "violation" => Severity::Violation, "warning" => Severity::Warning);
words!(Expected, "expected-verdict", Expected::Held,
    "held" => Expected::Held, "violated" => Expected::Violated,
    "inconclusive" => Expected::Inconclusive);
words!(Expect, "expected-outcome", Expect::Accepted,
    "accepted" => Expect::Accepted, "refused" => Expect::Refused);
words!(AlarmOf, "alarm", AlarmOf::Memory,
    "memory" => AlarmOf::Memory, "disk" => AlarmOf::Disk);
words!(StopSignal, "stop-signal", StopSignal::Term,
    "term" => StopSignal::Term, "int" => StopSignal::Int, "quit" => StopSignal::Quit);
words!(Afterwards, "afterwards", Afterwards::Restore,
    "restore" => Afterwards::Restore, "keep" => Afterwards::Keep);
words!(Arrival, "arrival", Arrival::Uniform,
    "uniform" => Arrival::Uniform, "poisson" => Arrival::Poisson);
words!(Late, "late", Late::Queue,
    "queue" => Late::Queue, "drop" => Late::Drop);
words!(Order, "row-order", Order::InTurn,
    "in-turn" => Order::InTurn, "random" => Order::Random, "once" => Order::Once);
words!(Acks, "acks", Acks::All,
    "all" => Acks::All, "1" => Acks::Leader, "0" => Acks::Nobody);
words!(Unit, "unit", Unit::Count,
    "count" => Unit::Count, "seconds" => Unit::Seconds, "bytes" => Unit::Bytes,
    "share" => Unit::Share, "per_second" => Unit::PerSecond);
words!(DeadLetters, "dead-letters", DeadLetters::None,
    "none" => DeadLetters::None, "poison" => DeadLetters::Poison, "allowed" => DeadLetters::Allowed);
words!(Timed, "timed", Timed::Effects,
    "effects" => Timed::Effects, "dead-letters" => Timed::DeadLetters);
words!(Exporter, "exporter", Exporter::PromClient,
    "prom-client" => Exporter::PromClient, "micrometer" => Exporter::Micrometer,
    "opentelemetry" => Exporter::OpenTelemetry, "nginx-exporter" => Exporter::NginxExporter,
    "envoy" => Exporter::Envoy);
words!(Isolation, "isolation", Isolation::ReadCommitted,
    "read_uncommitted" => Isolation::ReadUncommitted, "read_committed" => Isolation::ReadCommitted);
words!(Uncommitted, "uncommitted", Uncommitted::Unknown,
    "unknown" => Uncommitted::Unknown, "earliest" => Uncommitted::Earliest);
