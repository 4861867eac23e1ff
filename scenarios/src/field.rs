//! Field types: how one value of a scenario file is read, and what the JSON
//! Schema says of it.

mod number;
mod revision;
mod tries;
mod word;

use serde_json::{Map, Value as Json, json};

use crate::documents::{Document, Pipeline};
use crate::locator::Locator;
use crate::plan::check::{DeadLetters, Timed, Tries};
use crate::plan::data::Order;
use crate::plan::deployment::{Afterwards, Revision, Weight};
use crate::plan::fault::{AlarmOf, StopSignal};
use crate::plan::probe::exporter::Exporter;
use crate::plan::probe::matchers::{Matchers, MatchersError};
use crate::plan::probe::{Isolation, Uncommitted};
use crate::plan::route::{ConnectTo, Resolve};
use crate::plan::shape::{Again, KeyDist, Sizes};
use crate::plan::workload::{Acks, Arrival, Late, Statuses};
use crate::plan::{Expect, Expected, Pick, Severity};
use crate::pointer::Pointer;
use crate::program::Program;
use crate::selector::Selector;
use crate::template::Template;
use crate::units::{Quantity, Rate, Share, Size, Span, Unit, UnitError};

/// A value as it stands in the file, with parameters already replaced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// A string.
    Text(String),
    /// An integer or a float; infinite or not a number where it does not fit.
    Number(f64),
    /// `true` or `false`.
    Switch(bool),
}

/// A type that a single value of the file can be read as.
pub(crate) trait Field: Sized {
    /// What the type is called in the schema and the reference.
    const NAME: &'static str;

    /// Whether `${target.key}` stays in the text for later.
    const KEEPS_TARGETS: bool = false;

    /// Reads the value, or says what would be right.
    fn read(scalar: &Scalar) -> Result<Self, String>;

    /// Reads a list of texts; `None` for a type that has no lists.
    fn read_list(texts: Vec<String>) -> Option<Result<Self, String>> {
        let _ = texts;
        None
    }

    /// Writes the value as a file would, for defaults in the schema.
    fn write(&self) -> Json;

    /// What the JSON Schema says of every value of the type.
    fn definition() -> Json;

    /// A stand-in with which reading goes on after a problem.
    fn placeholder() -> Self;

    /// Whether it is a text without a character.
    fn is_blank(&self) -> bool {
        false
    }

    /// The reference to [`Field::definition`].
    fn schema() -> Json {
        json!({ "$ref": format!("#/$defs/{}", Self::NAME) })
    }
}

/// The definitions of all types, by name.
pub(crate) fn definitions() -> Json {
    fn enter<T: Field>(all: &mut Map<String, Json>) {
        all.insert(T::NAME.to_owned(), T::definition());
    }
    let mut all = Map::new();
    enter::<Span>(&mut all);
    enter::<Rate>(&mut all);
    enter::<Share>(&mut all);
    enter::<Size>(&mut all);
    enter::<Statuses>(&mut all);
    enter::<Locator>(&mut all);
    enter::<Document>(&mut all);
    enter::<Pipeline>(&mut all);
    enter::<Selector>(&mut all);
    enter::<Quantity>(&mut all);
    enter::<Pick>(&mut all);
    enter::<String>(&mut all);
    enter::<Template>(&mut all);
    enter::<Program>(&mut all);
    enter::<bool>(&mut all);
    enter::<f64>(&mut all);
    enter::<u32>(&mut all);
    enter::<i32>(&mut all);
    enter::<Raw>(&mut all);
    enter::<Severity>(&mut all);
    enter::<Expected>(&mut all);
    enter::<Expect>(&mut all);
    enter::<AlarmOf>(&mut all);
    enter::<StopSignal>(&mut all);
    enter::<Sizes>(&mut all);
    enter::<KeyDist>(&mut all);
    enter::<Again>(&mut all);
    enter::<Pointer>(&mut all);
    enter::<Resolve>(&mut all);
    enter::<ConnectTo>(&mut all);
    enter::<Arrival>(&mut all);
    enter::<Late>(&mut all);
    enter::<Order>(&mut all);
    enter::<Acks>(&mut all);
    enter::<Unit>(&mut all);
    enter::<DeadLetters>(&mut all);
    enter::<Timed>(&mut all);
    enter::<Tries>(&mut all);
    enter::<Exporter>(&mut all);
    enter::<Isolation>(&mut all);
    enter::<Uncommitted>(&mut all);
    enter::<Matchers>(&mut all);
    enter::<Afterwards>(&mut all);
    enter::<Weight>(&mut all);
    enter::<Revision>(&mut all);
    Json::Object(all)
}

fn text<'a>(scalar: &'a Scalar, what: &str, example: &str) -> Result<&'a str, String> {
    match scalar {
        Scalar::Text(text) => Ok(text),
        Scalar::Number(number) if number.is_finite() => {
            Err(format!("{number} has no unit; write {what} such as \"{example}\""))
        }
        Scalar::Number(_) | Scalar::Switch(_) => {
            Err(format!("expected {what} such as \"{example}\""))
        }
    }
}

macro_rules! parsed {
    ($type:ty, $name:literal, $what:literal, $example:literal, $pattern:literal, $about:literal, $placeholder:expr) => {
        impl Field for $type {
            const NAME: &'static str = $name;

            fn read(scalar: &Scalar) -> Result<Self, String> {
                let parsed = text(scalar, $what, $example)?.parse();
                parsed.map_err(|error: <$type as std::str::FromStr>::Err| error.to_string())
            }

            fn write(&self) -> Json {
                json!(self.to_string())
            }

            fn definition() -> Json {
                json!({
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$example],
                    "description": $about,
                })
            }

            fn placeholder() -> Self {
                $placeholder
            }
        }
    };
}

mod document;
mod route;

// Every pattern also lets a placeholder through.
parsed!(
    Span,
    "duration",
    "a duration",
    "30s",
    r"^\s*([0-9._+]+\s*(us|µs|ms|s|m|min|h|d))+\s*$|\$\{",
    "A length of time in us, ms, s, m, h or d, or several in turn: \"1h30m\".",
    Span::seconds(1)
);
parsed!(
    Rate,
    "rate",
    "a rate",
    "500/s",
    r"^\s*[0-9._+]+\s*[kM]?\s*/(s|m|min|h)\s*$|\$\{",
    "So many a second, minute or hour; k and M multiply: \"5k/s\", \"90/m\".",
    Rate(1.0)
);
parsed!(
    Share,
    "share",
    "a share",
    "5%",
    r"^\s*[0-9._+]+\s*%\s*$|\$\{",
    "A part of a whole, in per cent.",
    Share(0.5)
);
parsed!(
    Size,
    "size",
    "a size",
    "64KiB",
    r"^\s*[0-9._+]+\s*(B|[kKMG]B|[KMG]iB)\s*$|\$\{",
    "A number of bytes, in B, KB, MB, GB, KiB, MiB or GiB.",
    Size(1)
);
parsed!(
    Statuses,
    "statuses",
    "HTTP statuses",
    "200-299,304",
    r"^[0-9,\s-]*$|\$\{",
    "HTTP statuses and ranges of them.",
    Statuses::none()
);
parsed!(
    Locator,
    "locator",
    "a place in a record",
    "field:payload /order/id",
    r"^(message_id|property:|header:|field:|/|regex:)|\$\{",
    "Where a text stands in a record: a part (property:NAME, header:NAME, field:NAME; the body, line or first column without one), then a JSON pointer into it, then regex:EXPRESSION, whose first group is taken; each may be left out: \"/id\", \"field:payload /order/id\", \"header:trace regex:op=([^;]+)\".",
    Locator::default()
);
parsed!(
    Selector,
    "processes",
    "processes",
    "name:worker",
    r"^(pid-file|name|unit|pid|k8s):|\$\{",
    "Which processes: \"pid-file:FILE\" (the one that wrote its id there), \"name:EXPRESSION\" (the name exactly, or a regular expression on the command line), \"unit:NAME\" (the main process of a unit of systemd), \"pid:PID\", or \"k8s:NAMESPACE/LABELS\" (pods of the current cluster).",
    Selector::Pid { pid: 0, start_time: None }
);
parsed!(
    Sizes,
    "sizes",
    "a size",
    "100B-4KiB",
    r"^[0-9._+\s]+(B|[kKMG]B|[KMG]iB)\s*(-[0-9._+\s]+(B|[kKMG]B|[KMG]iB)\s*)?$|:|\$\{",
    "A size, a range of sizes, or sizes with weights: \"100B:9,4KiB:1\".",
    Sizes::Even(Size(1), Size(1))
);
parsed!(
    KeyDist,
    "key-distribution",
    "a distribution",
    "zipf:1.1",
    r"^(roundrobin|uniform|zipf:[0-9.]+)$|\$\{",
    "How keys are drawn: \"roundrobin\", \"uniform\" or, with an exponent, \"zipf:1.1\".",
    KeyDist::RoundRobin
);
parsed!(
    Again,
    "again",
    "a moment",
    "5s",
    r"^(at-once|concurrently|\s*([0-9._+]+\s*(us|µs|ms|s|m|min|h|d))+\s*)$|\$\{",
    "When an operation is sent again: \"at-once\", \"concurrently\" or so long after.",
    Again::AtOnce
);
parsed!(
    Pointer,
    "pointer",
    "a JSON pointer",
    "/messageId",
    r"^/|\$\{",
    "A JSON pointer (RFC 6901) into a body.",
    Pointer::default()
);

parsed!(
    Weight,
    "weight",
    "a weight",
    "1 of 10",
    r"^\s*[0-9]+ of [0-9]+\s*$|\$\{",
    "How many of all pods are the canary's: \"1 of 10\".",
    Weight { pods: 0, of: 1 }
);

impl Field for Matchers {
    const NAME: &'static str = "label-matchers";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Text(text) => text.parse().map_err(|error: MatchersError| error.to_string()),
            Scalar::Number(_) | Scalar::Switch(_) => {
                Err("expected labels such as 'status=~\"5..\"'".to_owned())
            }
        }
    }

    fn write(&self) -> Json {
        json!(self.to_string())
    }

    fn definition() -> Json {
        json!({
            "type": "string",
            "examples": ["status=~\"5..\", version!=\"stable\""],
            "description": "Matchers of labels as PromQL has them, with =, !=, =~ and !~; an expression matches all of a value, and a label that is missing is the empty text.",
        })
    }

    fn placeholder() -> Self {
        Self::default()
    }
}

impl Field for Quantity {
    const NAME: &'static str = "quantity";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Number(number) if number.is_finite() => Ok(Self::count(*number)),
            Scalar::Number(_) => Err("the number is out of range".to_owned()),
            other => {
                let parsed = text(other, "a quantity", "30s")?.parse();
                parsed.map_err(|error: UnitError| error.to_string())
            }
        }
    }

    fn write(&self) -> Json {
        json!(self.to_string())
    }

    fn definition() -> Json {
        json!({
            "type": ["number", "string"],
            "examples": [5, "30s", "64KiB", "5%", "100/s"],
            "description": "A plain number for things that are counted, else a number with the unit of the series: a duration, a size (B, KiB, MiB, GiB), a share or a rate.",
        })
    }

    fn placeholder() -> Self {
        Self::count(1.0)
    }
}

impl Field for Pick {
    const NAME: &'static str = "pick";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Number(number) => number.to_string().parse(),
            other => text(other, "a choice", "one")?.parse(),
        }
    }

    fn write(&self) -> Json {
        json!(self.to_string())
    }

    fn definition() -> Json {
        json!({
            "type": ["integer", "string"],
            "examples": ["one", "all", 2, "50%", "oldest 2"],
            "description": "How many of the candidates: \"one\", \"all\", a number above 0 or a share; the seed says who, or \"oldest\" in front.",
        })
    }

    fn placeholder() -> Self {
        Self::ALL
    }
}

impl Field for String {
    const NAME: &'static str = "text";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Text(text) => Ok(text.clone()),
            Scalar::Number(_) | Scalar::Switch(_) => {
                Err("expected a text in quotation marks".to_owned())
            }
        }
    }

    fn write(&self) -> Json {
        json!(self)
    }

    fn definition() -> Json {
        json!({ "type": "string", "description": "A text; may hold ${param}." })
    }

    fn placeholder() -> Self {
        Self::new()
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl Field for Template {
    const NAME: &'static str = "template";
    const KEEPS_TARGETS: bool = true;

    fn read(scalar: &Scalar) -> Result<Self, String> {
        String::read(scalar).map(Self::new)
    }

    fn write(&self) -> Json {
        json!(self.as_str())
    }

    fn definition() -> Json {
        json!({ "type": "string", "description": "A text; may hold ${param} and ${target.NAME}." })
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn is_blank(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl Field for Program {
    const NAME: &'static str = "command";
    const KEEPS_TARGETS: bool = true;

    fn read(scalar: &Scalar) -> Result<Self, String> {
        let text = String::read(scalar).map_err(|_| {
            "expected a text for sh -c, or a list: a program and its arguments".to_owned()
        })?;
        let template = Template::new(text);
        // There quotes are part of the text, and what it holds is carried out.
        if template.as_str().contains("<<") && !template.targets().is_empty() {
            let why = "an address cannot be quoted in a text with a here-document (<<); write \
                       printf '%s' \"${target.NAME}\", or a list";
            return Err(why.to_owned());
        }
        Ok(Self::Shell(template))
    }

    fn read_list(texts: Vec<String>) -> Option<Result<Self, String>> {
        let words = Self::Words(texts.into_iter().map(Template::new).collect());
        Some(match words.is_empty() {
            true => Err("the list begins with the program that is to be run".to_owned()),
            false => Ok(words),
        })
    }

    fn write(&self) -> Json {
        json!(self.to_string())
    }

    fn definition() -> Json {
        json!({
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
            "examples": [["./orders", "--all"], "./orders > orders.txt"],
            "description": "A list is a program and its arguments, which run without a shell; a text goes through sh -c. Either may hold ${param} and ${target.NAME}; an address in a text is quoted, so that it is part of one word.",
        })
    }

    fn placeholder() -> Self {
        Self::default()
    }

    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}

impl Field for bool {
    const NAME: &'static str = "switch";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Switch(on) => Ok(*on),
            Scalar::Text(text) if text == "on" || text == "true" => Ok(true),
            Scalar::Text(text) if text == "off" || text == "false" => Ok(false),
            Scalar::Text(_) | Scalar::Number(_) => Err("expected \"on\" or \"off\"".to_owned()),
        }
    }

    fn write(&self) -> Json {
        json!(self)
    }

    fn definition() -> Json {
        json!({
            "anyOf": [
                { "type": "boolean" },
                { "type": "string", "pattern": r"^(on|off|true|false)$|\$\{" },
            ],
            "examples": [true, "on", "off"],
            "description": "true, false, \"on\" or \"off\".",
        })
    }

    fn placeholder() -> Self {
        false
    }
}

/// The default of a parameter: kept as text, whatever it will be read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw(pub(crate) String);

impl Field for Raw {
    const NAME: &'static str = "any";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        match scalar {
            Scalar::Text(text) => Ok(Self(text.clone())),
            Scalar::Number(number) if number.is_finite() => Ok(Self(number.to_string())),
            Scalar::Number(_) => Err("the number is out of range".to_owned()),
            Scalar::Switch(on) => Ok(Self(on.to_string())),
        }
    }

    fn write(&self) -> Json {
        json!(self.0)
    }

    fn definition() -> Json {
        json!({
            "type": ["string", "number", "boolean"],
            "description": "A text, a number or a switch.",
        })
    }

    fn placeholder() -> Self {
        Self(String::new())
    }
}
