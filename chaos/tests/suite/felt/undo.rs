//! A program that was killed between its record and its fault: what is taken
//! back then never happened, and that is harmless.

use chaos::journal::{State, open_faults, read};
use chaos::{Journal, Pinned, Undo};

use crate::program::Desk;
use crate::sleeper::Sleeper;

/// No process has this id.
const NOBODY: Pinned = Pinned { pid: u32::MAX >> 1, start_time: 1 };

#[test]
fn what_never_happened_is_taken_back_harmlessly() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let folder = tempfile::tempdir().unwrap();
    let (absent, kept) = (folder.path().join("absent"), folder.path().join("kept"));
    std::fs::write(&kept, "+0\n").unwrap();
    let restore = |path: &std::path::Path, before: Option<&str>| Undo::RestoreFile {
        path: path.to_owned(),
        before: before.map(str::to_owned),
        written: "+1h\n".to_owned(),
    };
    #[expect(clippy::disallowed_methods, reason = "the undo of a pause says when it ends")]
    let by = jiff::Timestamp::now();
    let undos = [
        Undo::Nothing { why: "nothing".to_owned() },
        Undo::Expires { what: "a pause".to_owned(), by },
        Undo::ContinueProcesses { victims: vec![sleeper.pinned(), NOBODY] },
        // A burner that ended with its program, whose id is somebody else's now.
        Undo::EndProcesses { victims: vec![NOBODY, Pinned { start_time: 1, ..sleeper.pinned() }] },
        Undo::RemoveFile { path: absent.clone() },
        restore(&absent, None),
        restore(&kept, Some("+0\n")),
        Undo::SetNode { node: NOBODY, words: vec!["status".to_owned()], set: Vec::new() },
        Undo::Run { command: format!("rm -f {}", absent.display()).parse().unwrap(), folder: None },
    ];
    let journal = Journal::open(desk.journal(), "killed").unwrap();
    for (number, undo) in undos.into_iter().enumerate() {
        let state = State::Injecting { undo, owner: NOBODY, watchdog: None };
        journal.record(&format!("fault {number}"), "any", state).unwrap();
    }
    for _ in 0..2 {
        let (code, out, err) = desk.run(&["recover"]);
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(err.is_empty(), "{err}");
    }
    assert_eq!(open_faults(&read(&desk.journal()).unwrap().entries), []);
    assert!(!sleeper.has_ended() && !sleeper.pinned().is_stopped());
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "+0\n");
    assert!(!absent.exists());
}
