use super::*;

const PIN: Pinned = Pinned { pid: 1, start_time: 2 };

fn injecting() -> State {
    let undo = Undo::ContinueProcesses { victims: vec![PIN] };
    State::Injecting { undo, owner: PIN, watchdog: Some(PIN) }
}

fn journal(folder: &tempfile::TempDir) -> Journal {
    Journal::open(folder.path().join("deep/journal.ndjson"), "run-1").unwrap()
}

fn names(record: &Record) -> Vec<String> {
    open_faults(&record.entries).into_iter().map(|open| open.fault).collect()
}

#[test]
fn a_fault_is_open_from_its_undo_until_it_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let record = |fault: &str, state| journal.record(fault, "pause_process", state).unwrap();
    record("a", State::Planned);
    record("b", State::Planned);
    assert!(names(&journal.read().unwrap()).is_empty());
    record("a", injecting());
    record("b", injecting());
    record("a", State::Injected { victims: vec!["x".into()] });
    record("a", State::Confirmed);
    record("b", State::Failed { why: "half of it".into() });
    assert_eq!(names(&journal.read().unwrap()), ["b", "a"]);
    record("b", State::Undone { how: "continued".into() });
    assert_eq!(names(&journal.read().unwrap()), ["a"]);
    record("a", State::Healed { how: "runs".into() });
    assert!(names(&journal.read().unwrap()).is_empty());
}

#[test]
fn the_same_name_in_two_runs_is_two_faults() {
    let folder = tempfile::tempdir().unwrap();
    let first = journal(&folder);
    let second = Journal::open(first.path(), "run-2").unwrap();
    first.record("a", "pause_process", injecting()).unwrap();
    second.record("a", "pause_process", injecting()).unwrap();
    first.record("a", "pause_process", State::Undone { how: String::new() }).unwrap();
    let open = open_faults(&first.read().unwrap().entries);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].run, "run-2");
}

#[test]
fn a_line_torn_at_any_byte_loses_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let whole = journal(&folder);
    whole.record("a", "pause_process", injecting()).unwrap();
    let first = fs::read(whole.path()).unwrap().len();
    whole.record("a", "pause_process", State::Undone { how: "ü".into() }).unwrap();
    let bytes = fs::read(whole.path()).unwrap();
    for cut in first + 1..bytes.len() - 1 {
        fs::write(whole.path(), &bytes[..cut]).unwrap();
        let torn = read(whole.path()).unwrap();
        assert_eq!(names(&torn), ["a"], "cut at {cut}");
        assert_eq!(torn.unreadable, [2]);
    }
    Journal::open(whole.path(), "run-3").unwrap().record("b", "k", injecting()).unwrap();
    let after = read(whole.path()).unwrap();
    assert_eq!(names(&after), ["b", "a"]);
    assert_eq!(after.unreadable, [2]);
}

#[test]
fn writers_at_the_same_time_do_not_mix_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal(&folder).path().to_owned();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let journal = Journal::open(path, format!("run-{writer}")).unwrap();
                for fault in 0..20 {
                    journal.record(&format!("f{fault}"), "k", injecting()).unwrap();
                }
            });
        }
    });
    let record = read(&path).unwrap();
    assert_eq!((record.entries.len(), record.unreadable.len()), (80, 0));
}

#[test]
fn an_absent_journal_is_empty_and_an_impossible_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(&folder.path().join("none")).unwrap(), Record::default());
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Journal::open(folder.path().join("file/journal"), "r").unwrap_err();
    assert!(error.to_string().contains("nothing is injected"), "{error}");
}

#[test]
fn an_entry_keeps_its_shape() {
    let ts = "2026-01-02T03:04:05Z".parse().unwrap();
    let state = injecting();
    let (run, fault, kind) = ("r".into(), "f".into(), "pause_process".into());
    let text = serde_json::to_string(&Entry {
        ts,
        by: "me@here".into(),
        run,
        fault,
        kind,
        due: None,
        state,
    })
    .unwrap();
    assert_eq!(
        text,
        r#"{"ts":"2026-01-02T03:04:05Z","by":"me@here","run":"r","fault":"f","kind":"pause_process","state":"injecting","undo":{"do":"continue_processes","victims":[{"pid":1,"start_time":2}]},"owner":{"pid":1,"start_time":2},"watchdog":{"pid":1,"start_time":2}}"#
    );
}
