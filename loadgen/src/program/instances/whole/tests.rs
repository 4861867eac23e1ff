use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use clap::Parser as _;
use loadgen::{Fate, Stride, Tally, hlog, latency};
use proptest::prelude::*;

use super::super::super::args::{Args, Asked, Load};
use super::super::Folder;
use super::super::record::{Clock, LOG};
use super::*;

/// What became of each operation, and how many microseconds that took. One comes due
/// every 10 ms.
type Operations = [(Fate, u64)];

const WARM_UP: u64 = 1;

const THRESHOLDS: [&str; 4] = ["p99<40ms", "p50<30ms each 1s", "errors<30%", "rate>=50/s"];

/// The load of an instance whose results go into this folder.
fn load(results: &Path, number: u32, of: u32, count: usize, more: &[&str]) -> Load {
    let (count, instance) = (count.to_string(), format!("{number}/{of}"));
    let mut words = vec!["loadgen", "http", "http://h/", "-r", "100/s", "-n", &count];
    words.extend(["--warmup", "1s", "--run", "r", "--instance", &instance]);
    words.extend(["--start-at", "2030-01-01T00:00:00Z", "--results", results.to_str().unwrap()]);
    words.extend(THRESHOLDS.iter().flat_map(|threshold| ["--threshold", threshold]));
    words.extend(more);
    let Ok(Asked::Load(load)) = Args::parse_from(words).read() else { panic!("it is a load") };
    *load
}

/// What a generator would have found that offered those of the operations that are its own.
fn offered(operations: &Operations, own: Stride) -> (Offered, Vec<Second>) {
    let mut report = Report::empty("r", "http");
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    let mut dues = Vec::new();
    for (seq, &(fate, micros)) in (0..).zip(operations) {
        if !own.owns(seq) {
            continue;
        }
        let due = Duration::from_millis(10 * seq);
        let second = seconds.entry(due.as_secs()).or_insert_with(|| Second::empty(due.as_secs()));
        let count = |is: Fate| u64::from(fate == is);
        second.tally += Tally {
            due: 1,
            acked: count(Fate::Acked),
            failed: count(Fate::Failed),
            indeterminate: count(Fate::Indeterminate),
            dropped: count(Fate::Dropped),
            ..Tally::default()
        };
        if fate == Fate::Acked {
            latency::record(&mut second.latency.response, Duration::from_micros(micros));
            report.last_settled = report.last_settled.max(due + Duration::from_micros(micros));
        }
        report.ledger.add_due(1);
        report.ledger.record(seq, fate);
        dues.push(due);
    }
    report.first_due = dues.first().copied().unwrap_or_default();
    report.last_due = dues.last().copied().unwrap_or_default();
    report.warm_up = Duration::from_secs(WARM_UP);
    for (&number, second) in &seconds {
        report.seconds.push((number, second.tally));
        report.totals += second.tally;
        if number >= WARM_UP {
            report.measured += second.tally;
            report.latency.merge(&second.latency);
        }
    }
    report.unreachable = report.totals.failed;
    if report.totals.failed > 0 {
        report.errors.push(("unreachable".to_owned(), report.totals.failed));
    }
    report.retries.operations = report.totals.indeterminate;
    let seconds: Vec<_> = seconds.into_values().collect();
    let mut watch = Watch::new(THRESHOLDS.map(|text| text.parse().unwrap()).to_vec(), WARM_UP);
    seconds.iter().for_each(|second| watch.take(second));
    let clock = Clock {
        start: "2030-01-01T00:00:00Z".parse().unwrap(),
        ready_before: Duration::from_secs(1),
        moved_seconds: 0.0,
        read: None,
    };
    let offered = Offered {
        kept: watch.finish(&report),
        report,
        rows: seconds.iter().map(Row::of).collect(),
        course: None,
        started: UNIX_EPOCH,
        thresholds: Vec::new(),
        interrupted: false,
        logged: Ok(()),
        fails_on_error: false,
        clock: Some(clock),
        instances: None,
    };
    (offered, seconds)
}

/// Lets an instance offer its part of the operations, and leave its results.
fn leave(results: &Path, (number, of): (u32, u32), operations: &Operations, more: &[&str]) {
    let mut load = load(results, number, of, operations.len(), more);
    let own = load.job.instance.stride(0, 1);
    let folder = Folder::claim(&mut load).unwrap().unwrap();
    let (offered, seconds) = offered(operations, own);
    let mut log = Vec::new();
    let mut writer = hlog::Writer::new(&mut log, UNIX_EPOCH).unwrap();
    seconds.iter().for_each(|second| writer.write("http", second).unwrap());
    fs::write(folder.path().join(LOG), log).unwrap();
    folder.end(&offered).unwrap();
}

fn merged(results: &Path, allow_missing: bool) -> anyhow::Result<Offered> {
    let (parts, instances) = fit(find(&[results.to_owned()])?, allow_missing)?;
    Ok(merge(&parts, instances, |_, _| Ok(()))?.0)
}

fn said(results: &Path) -> String {
    format!("{:#}", merged(results, false).err().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// However many instances share a run, and whatever becomes of its operations: what is
    /// merged is what one generator would have found that offered all of them. That goes
    /// for counts, seconds, histograms, the ledger and the thresholds.
    #[test]
    fn the_whole_is_what_one_generator_would_have_found(
        of in 1_u32..5,
        operations in prop::collection::vec(
            (
                prop_oneof![
                    4 => Just(Fate::Acked),
                    1 => Just(Fate::Failed),
                    1 => Just(Fate::Indeterminate),
                    1 => Just(Fate::Dropped),
                ],
                1_u64..60_000,
            ),
            2..300,
        ),
    ) {
        let results = tempfile::tempdir().unwrap();
        for number in 1..=of {
            leave(results.path(), (number, of), &operations, &[]);
        }
        let merged = merged(results.path(), false).unwrap();
        let (alone, _) = offered(&operations, Stride::WHOLE);
        prop_assert_eq!(&merged.report, &alone.report);
        prop_assert_eq!(&merged.kept, &alone.kept);
        let rows = |offered: &Offered| -> Vec<_> {
            offered.rows.iter().map(|row| (row.second, row.tally, row.response)).collect()
        };
        prop_assert_eq!(rows(&merged), rows(&alone));
        let instances = merged.instances.unwrap();
        prop_assert_eq!(instances.contributed.len(), of as usize);
        prop_assert!(instances.missing.is_empty());
    }
}

const TEN: [(Fate, u64); 10] = [(Fate::Acked, 1_000); 10];

#[test]
fn an_instance_that_is_missing_is_refused_or_said() {
    let results = tempfile::tempdir().unwrap();
    for number in [1, 3] {
        leave(results.path(), (number, 3), &TEN, &[]);
    }
    let error = said(results.path());
    assert!(error.contains("1 of 3 instances are missing: 2/3 left no results"), "{error}");
    let merged = merged(results.path(), true).unwrap();
    assert!(merged.is_incomplete());
    assert_eq!(merged.report.totals.due, 7);
    // One that was started and has not ended, and one that said why not.
    let mut load = load(results.path(), 2, 3, 10, &[]);
    let folder = Folder::claim(&mut load).unwrap().unwrap();
    let error = said(results.path());
    assert!(error.contains("has not ended"), "{error}");
    assert!(!is_settled(&find(&[results.path().to_owned()]).unwrap()));
    folder.fail(&anyhow::anyhow!("it was late"), &Secrets::default());
    let error = said(results.path());
    assert!(error.contains("it was late"), "{error}");
    assert!(is_settled(&find(&[results.path().to_owned()]).unwrap()));
}

#[test]
fn an_instance_that_is_started_again_offers_nothing() {
    let results = tempfile::tempdir().unwrap();
    leave(results.path(), (1, 2), &TEN, &[]);
    let mut again = load(results.path(), 1, 2, 10, &[]);
    let error = Folder::claim(&mut again).unwrap_err().to_string();
    assert!(error.contains("was started before"), "{error}");
}

#[test]
fn parts_that_make_up_no_load_are_refused() {
    let results = tempfile::tempdir().unwrap();
    let at = |name: &str| results.path().join(name);
    let both = |one: &str, other: &str| {
        let found = find(&[at(one), at(other)]).and_then(|parts| fit(parts, false));
        found.map(|_| ()).unwrap_err().to_string()
    };
    leave(&at("one"), (1, 2), &TEN, &[]);
    leave(&at("same"), (1, 2), &TEN, &[]);
    assert!(both("one", "same").contains("instance 1/2 is there twice"));
    leave(&at("slower"), (2, 2), &TEN, &["--timeout", "5s"]);
    let said = both("one", "slower");
    assert!(said.contains("--timeout: \"10s\" and \"5s\""), "{said}");
    leave(&at("seeded"), (2, 2), &TEN, &["--seed", "7"]);
    assert!(both("one", "seeded").contains("shape: "));
    leave(&at("other"), (2, 2), &TEN, &["--body", "x"]);
    assert!(both("one", "other").contains("requests: "));
    leave(&at("three"), (2, 3), &TEN, &[]);
    assert!(both("one", "three").contains("of 2 instances and of 3"));
    // An instance whose ledger is another one's.
    leave(&at("two"), (2, 2), &TEN, &[]);
    let ledger = |name: &str, number| at(name).join(format!("instance-{number}-of-2")).join(LEDGER);
    fs::copy(ledger("one", 1), ledger("two", 2)).unwrap();
    let (parts, instances) = fit(find(&[at("one"), at("two")]).unwrap(), false).unwrap();
    let error = merge(&parts, instances, |_, _| Ok(())).err().unwrap();
    assert!(format!("{error:#}").contains("both ledgers hold operation"), "{error:#}");
}
