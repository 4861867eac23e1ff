//! The judge is tested with liars: every variant of every shipped scenario must
//! get the verdict that the scenario expects, by the checks that it names, with
//! evidence that points at the guilty, and again when it is judged again.

mod again;
mod evidence;

use std::time::Duration;

use anyhow::Result;
use reports::Record;
use reports::record::{Finding, Verdict};
use scenarios::plan::{Expected, Severity, Variant};
use scenarios::{Settings, suite};
use verify::exit;

use crate::program::Profile;
use crate::run::Ended;
use crate::sandbox::Sandbox;

/// A variant of a shipped scenario, with what it must come to.
#[derive(Debug, Clone)]
pub struct Case {
    /// The scenario's name.
    pub scenario: String,
    /// The variant's name.
    pub variant: String,
    /// What is expected of it.
    pub expected: Variant,
}

/// What a run of a case came to.
#[derive(Debug, Clone)]
pub struct Tried {
    /// The verdict.
    pub verdict: Verdict,
    /// The violated checks, warnings among them.
    pub caught_by: Vec<String>,
    /// The time that the whole run took.
    pub took: Duration,
    /// Everything that was not as expected.
    pub misses: Vec<String>,
}

/// Every variant of every shipped scenario.
///
/// # Errors
/// When a shipped scenario has problems.
pub fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for shipped in suite::ALL {
        let plan = scenarios::plan(shipped.name, shipped.source, &Settings::default())
            .map_err(|problems| anyhow::anyhow!(problems.render(false)))?;
        for (variant, expected) in plan.system.variants {
            cases.push(Case { scenario: shipped.name.to_owned(), variant, expected });
        }
    }
    Ok(cases)
}

impl Case {
    /// Its quick form may take so long, all in all; more is reported.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        let seconds = match self.scenario.as_str() {
            "channel-leak" => 90,
            "soak" => 360,
            _ => 120,
        };
        Duration::from_secs(seconds)
    }

    /// What makes it a quick form, where it has none by itself.
    fn quick(&self) -> &'static [&'static str] {
        match self.scenario.as_str() {
            "soak" => &["--duration", "4m", "--set", "faults_every=3m"],
            _ => &[],
        }
    }

    /// The case of a variant.
    ///
    /// # Errors
    /// When there is no such variant of that scenario.
    pub fn find(scenario: &str, variant: &str) -> Result<Self> {
        let found = cases()?.into_iter().find(|c| c.scenario == scenario && c.variant == variant);
        found.ok_or_else(|| anyhow::anyhow!("{scenario} has no variant {variant}"))
    }

    /// Runs it, with these further arguments, in a place of its own.
    ///
    /// # Errors
    /// When the run comes to no verdict, or leaves something behind.
    pub fn attempt(&self, profile: Profile, arguments: &[&str]) -> Result<Tried> {
        let sandbox = Sandbox::new(profile)?;
        let mut line = vec!["--scenario", &self.scenario, "--variant", &self.variant];
        line.extend(self.quick());
        line.extend(arguments);
        let ended = sandbox.verify(&line)?.end()?;
        sandbox.expect_nothing_left()?;
        let record = sandbox.record().map_err(|error| {
            error.context(format!("exit code {:?}; it said:\n{}", ended.code, ended.stderr))
        })?;
        let mut misses = self.misses(&record, &ended);
        misses.extend(again::misses(&sandbox, &record, &ended)?);
        if !misses.is_empty() {
            misses.push(format!("the run is kept in {}", sandbox.keep().display()));
        }
        Ok(Tried {
            verdict: record.verdict,
            caught_by: violated(&record).map(|finding| finding.check.clone()).collect(),
            took: ended.took,
            misses,
        })
    }

    /// What is not as the scenario expects.
    fn misses(&self, record: &Record, ended: &Ended) -> Vec<String> {
        let mut misses = Vec::new();
        let (verdict, code) = match self.expected.expect {
            Expected::Held => (Verdict::Held, exit::HELD),
            Expected::Violated => (Verdict::Violated, exit::VIOLATED),
            Expected::Inconclusive => (Verdict::Inconclusive, exit::INCONCLUSIVE),
        };
        if record.verdict != verdict {
            let (got, wanted) = (record.verdict.word(), verdict.word());
            misses.push(format!("{got}, not {wanted}: {}", record.headline));
            misses.extend(unclear(record));
        }
        if ended.code != Some(i32::from(code)) {
            misses.push(format!("exit code {:?}, not {code}", ended.code));
        }
        for check in &self.expected.caught_by {
            match record.findings.iter().find(|finding| finding.check == *check) {
                None => misses.push(format!("{check} was not judged")),
                Some(finding) if finding.verdict != Verdict::Violated => {
                    misses.push(format!("{check} is {}: {}", finding.verdict.word(), finding.why));
                }
                Some(finding) => misses.extend(evidence::misses(finding, record)),
            }
        }
        if self.expected.expect == Expected::Held {
            let unexpected = violated(record).filter(|finding| {
                finding.severity == Severity::Warning
                    && !self.expected.caught_by.contains(&finding.check)
            });
            misses.extend(unexpected.map(|f| format!("{} warns: {}", f.check, f.why)));
        }
        misses
    }
}

fn violated(record: &Record) -> impl Iterator<Item = &Finding> {
    record.findings.iter().filter(|finding| finding.verdict == Verdict::Violated)
}

/// The findings that keep a run from being held, in words.
fn unclear(record: &Record) -> Vec<String> {
    let guilty = record.findings.iter().filter(|finding| finding.verdict != Verdict::Held);
    guilty.map(|f| format!("{} is {}: {}", f.check, f.verdict.word(), f.why)).collect()
}
