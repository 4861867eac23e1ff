//! What a check states about itself is what its file refers to.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use super::*;
use crate::file::{Purpose, Settings, read};
use crate::plan::{Check, CheckKind};
use crate::read::Table;

type Referred = BTreeSet<(&'static str, String)>;

fn stated(check: &Check) -> Referred {
    let mut kind = check.kind.clone();
    // It goes with its deployment, so that nobody asks for that.
    let deployment = match &kind {
        CheckKind::Rollout(rollout) => vec![rollout.deployment.clone()],
        _ => Vec::new(),
    };
    let states = kind.statement();
    let named = |what, names: Vec<&str>| {
        names.into_iter().map(move |name| (what, name.to_owned())).collect::<Vec<_>>()
    };
    [
        named("deployment", deployment.iter().map(String::as_str).collect()),
        named("phase", states.phases.iter().collect()),
        named("series", states.series().collect()),
        named("workload", states.workloads.iter().collect()),
        named("effects", states.sources.iter().collect()),
        named("fault", states.faults.iter().chain(states.excused_by.iter()).collect()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Phase => "phase",
        Kind::Workload | Kind::Timed | Kind::Compared => "workload",
        Kind::Fault => "fault",
        Kind::Deployment => "deployment",
        Kind::Effects
        | Kind::Ordered
        | Kind::Tried
        | Kind::Aggregates
        | Kind::TimedEffects
        | Kind::TimedDead
        | Kind::Contracted => "effects",
        Kind::Check | Kind::LiveCheck => "check",
        Kind::Level | Kind::Counter => "series",
    }
}

/// The kinds of check that no shipped scenario has.
const OTHERS: &str = r#"
[[check]]
name = "recovers"
title = "the backlog is worked off"
recovery = { series = "streams.backlog", baseline = "baseline", after = "stop-workers", within = "60s" }

[[check]]
name = "balances"
title = "every account has each booking once"
aggregate = { source = "balances", workloads = ["send"] }

[[check]]
name = "in-time"
title = "95 % are stored within 30 s"
end_to_end = { source = "rows", workloads = ["send"], phases = ["load"], max = "30s" }
"#;

#[test]
fn a_check_states_exactly_what_its_table_refers_to() {
    let mut kinds = BTreeSet::new();
    let shipped = crate::suite::ALL.iter().map(|shipped| shipped.source);
    for source in shipped.chain([OTHERS]) {
        let (document, errors) = DeTable::parse_recoverable(source);
        assert!(errors.is_empty());
        let (context, links) = (Context::new(source), Links::default());
        let mut table = Table::new(&context, document.get_ref(), 0..0);
        let file = read(&mut table, &Settings::default(), &links, Purpose::Run);
        let mut referred: BTreeMap<String, Referred> = BTreeMap::new();
        for link in links.links.borrow().iter().filter(|link| link.owner.0 == "check") {
            let told = (word(link.kind), link.name.value.clone());
            referred.entry(link.owner.1.clone()).or_default().insert(told);
        }
        for check in &file.checks {
            kinds.insert(check.value.kind.word());
            let told = referred.remove(&check.name.value).unwrap_or_default();
            assert_eq!(stated(&check.value), told, "{}", check.value.name);
        }
    }
    assert_eq!(kinds.len(), 18, "only {kinds:?} were seen");
}
