//! The head of a record: who it is of and what it came to, without the series, which stand
//! behind and are nine tenths of `verdict.json`. Reading ends where they begin.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use reports::record::{EffectsRecord, FaultRecord, Run, SCHEMA, Verdict, WorkloadRecord};
use scenarios::plan::Severity;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// What stands at the beginning of a record.
#[derive(Debug, Clone)]
pub struct Head {
    /// Which run it was.
    pub run: Run,
    /// What it came to.
    pub verdict: Verdict,
    /// That in a sentence.
    pub headline: String,
    /// What each check came to.
    pub checks: Vec<CheckHead>,
    /// What became of each workload.
    pub workloads: Vec<WorkloadRecord>,
    /// The joins with effects.
    pub effects: Vec<EffectsRecord>,
    /// What became of each fault.
    pub faults: Vec<FaultRecord>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckHead {
    /// The check's name.
    pub check: String,
    /// Whether breaking it violates the run or only warns.
    pub severity: Severity,
    /// What it came to.
    pub verdict: Verdict,
    /// What was measured, for people.
    #[serde(default)]
    pub measured: String,
}

/// Reads the head of a `verdict.json`.
///
/// # Errors
/// Why it is not one.
pub fn read(path: &Path) -> Result<Head, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    parse(BufReader::with_capacity(32 << 10, file))
}

fn parse(source: impl Read) -> Result<Head, String> {
    let mut parts = Parts::default();
    let mut json = serde_json::Deserializer::from_reader(source);
    // That the rest was not read is an error to the parser and none to us.
    let read = Reading(&mut parts).deserialize(&mut json);
    if let Some(schema) = parts.schema.filter(|&schema| schema != u64::from(SCHEMA)) {
        return Err(format!("it has schema {schema}, and this program reads schema {SCHEMA}"));
    }
    match parts.head() {
        Some(head) => Ok(head),
        None => Err(match read {
            Err(error) => error.to_string(),
            Ok(()) => "it is not the record of a run".to_owned(),
        }),
    }
}

#[derive(Default)]
struct Parts {
    schema: Option<u64>,
    run: Option<Run>,
    verdict: Option<Verdict>,
    headline: Option<String>,
    findings: Option<Vec<CheckHead>>,
    workloads: Option<Vec<WorkloadRecord>>,
    effects: Option<Vec<EffectsRecord>>,
    faults: Option<Vec<FaultRecord>>,
}

impl Parts {
    fn is_whole(&self) -> bool {
        let texts = self.schema.is_some() && self.verdict.is_some() && self.headline.is_some();
        let lists = self.findings.is_some() && self.workloads.is_some();
        texts && lists && self.run.is_some() && self.effects.is_some() && self.faults.is_some()
    }

    fn head(self) -> Option<Head> {
        self.schema?;
        Some(Head {
            run: self.run?,
            verdict: self.verdict?,
            headline: self.headline?,
            checks: self.findings?,
            workloads: self.workloads?,
            effects: self.effects?,
            faults: self.faults?,
        })
    }
}

/// Reads into the parts, whatever comes of the rest.
struct Reading<'a>(&'a mut Parts);

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the record of a run")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let parts = self.0;
        while !parts.is_whole() {
            let Some(key) = map.next_key::<String>()? else { break };
            match key.as_str() {
                "schema" => parts.schema = Some(map.next_value()?),
                "run" => parts.run = Some(map.next_value()?),
                "verdict" => parts.verdict = Some(map.next_value()?),
                "headline" => parts.headline = Some(map.next_value()?),
                "findings" => parts.findings = Some(map.next_value()?),
                "workloads" => parts.workloads = Some(map.next_value()?),
                "effects" => parts.effects = Some(map.next_value()?),
                "faults" => parts.faults = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record, whose series are cut off.
    fn record() -> String {
        let run = r#"{"id":"r","scenario":"shop","title":"","description":"","variant":null,
            "place":"lab","seed":1,"started":"2026-11-28T14:33:55Z","seconds":61.5,
            "interrupted":false,"version":"0.1.0","brokers":[],"again":"","folder":""}"#;
        format!(
            r#"{{"schema":{SCHEMA},"run":{run},"verdict":"violated","headline":"h","advice":null,
            "findings":[{{"check":"c","severity":"violation","verdict":"violated","measured":"3","evidence":[]}}],
            "workloads":[],"effects":[],"faults":[],"series":[{{"name":"x","poi"#
        )
    }

    #[test]
    fn reading_ends_before_the_series() {
        let head = parse(record().as_bytes()).unwrap();
        assert_eq!((head.verdict, head.run.scenario.as_str()), (Verdict::Violated, "shop"));
        assert_eq!(head.checks[0].check, "c");
    }

    #[test]
    fn what_is_no_record_says_why() {
        let cut = &record()[..120];
        for (text, says) in [
            ("", "EOF"),
            ("[]", "the record of a run"),
            ("{}", "it is not the record of a run"),
            ("{\"schema\":7}", "it has schema 7"),
            (cut, "EOF"),
        ] {
            let why = parse(text.as_bytes()).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
