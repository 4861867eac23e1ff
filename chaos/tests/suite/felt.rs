//! Every fault against the real thing: a client feels it, and nothing of it is
//! left, however the program that injected it came to its end.
//!
//! A fault is an entry: how it is asked for, what its client sees while it is
//! there, and what it sees before and after. All of them are put through the
//! same five ends.

mod amqp;
mod ground;
mod machine;
mod postgres;
mod redis;
mod undo;

use std::process::Child;
use std::time::{Duration, Instant};

use chaos::journal::{State, open_faults, read};
use chaos::victim::Signal;
use chaos::{Pinned, Undo};

use crate::program::{Desk, kill, reaches};
use crate::sleeper::wait_for;
pub(crate) use ground::{Ground, patience};

/// A password that must not be found in any journal.
pub(crate) const SECRET: &str = "s3cret";
/// How long a fault lasts whose end is waited for: a busy machine must have the
/// time to look while it is there.
const SHORT: &str = "6s";

/// How the program comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// By itself, when the fault's time is over.
    Heals,
    /// By SIGINT.
    Interrupted,
    /// By SIGKILL, and `chaos recover` is run.
    Recovered,
    /// By SIGKILL, and nobody does anything.
    Abandoned,
    /// By SIGKILL as soon as the undo is written down, whether anything has
    /// happened or not; `chaos recover` is run.
    CutShort,
}

const ENDINGS: [Ending; 5] =
    [Ending::Heals, Ending::Interrupted, Ending::Recovered, Ending::Abandoned, Ending::CutShort];

/// A fault with a client that feels it.
pub(crate) trait Case {
    /// What `chaos` is told, without the time.
    fn arguments(&self) -> Vec<String>;

    /// Whether it lasts for a while. Of one that does not, there may be nothing
    /// left to end when the client has felt it.
    fn lasts(&self) -> bool {
        true
    }

    /// Whether only its own time ends it, whatever anybody does.
    fn expires(&self) -> bool {
        false
    }

    /// Makes everything as before, which a killed client cannot do by itself.
    fn begin(&mut self) {}

    /// Whether the client sees the fault.
    fn is_felt(&mut self, desk: &Desk) -> bool;

    /// Whether the client sees nothing of it, before and after.
    fn is_whole(&mut self, desk: &Desk) -> bool;
}

/// Puts one fault through every end.
pub(crate) fn feel(case: &mut impl Case) {
    for ending in ENDINGS {
        live(case, ending);
    }
}

fn live(case: &mut impl Case, ending: Ending) {
    let desk = Desk::new();
    case.begin();
    wait_for(&format!("a whole system before {ending:?}"), || case.is_whole(&desk));
    let mut chaos = begin(case, ending, &desk);
    if ending == Ending::CutShort {
        return cut_short(case, &desk, chaos);
    }
    wait_for(&format!("the fault to be felt ({ending:?})"), || {
        let felt = case.is_felt(&desk);
        let ended = chaos.try_wait().unwrap().filter(|status| !status.success());
        assert!(felt || ended.is_none(), "{ending:?}: {ended:?}");
        felt
    });
    let code = match ending {
        Ending::Heals => chaos.wait().unwrap().code(),
        Ending::Interrupted => {
            // The undo is in the journal since before the client felt anything.
            // A fault that does not last may be over by now.
            let sent = reaches(&chaos, Signal::INT);
            assert!(sent || !case.lasts(), "the fault ended by itself");
            chaos.wait().unwrap().code()
        }
        Ending::Recovered => {
            kill(chaos);
            let (code, out, err) = desk.run(&["recover"]);
            assert_eq!(code, Some(0), "{out}{err}");
            Some(0)
        }
        Ending::Abandoned | Ending::CutShort => {
            kill(chaos);
            Some(0)
        }
    };
    let interrupted = ending == Ending::Interrupted && case.lasts();
    let expected = if interrupted { vec![130] } else { vec![0, 130] };
    assert!(code.is_some_and(|code| expected.contains(&code)), "{ending:?}: {code:?}");
    if ending == Ending::Heals {
        assert_eq!(code, Some(0));
        assert!(desk.states().contains(&"confirmed".to_owned()), "{:?}", desk.states());
    }
    wait_for(&format!("a whole system after {ending:?}"), || case.is_whole(&desk));
    nothing_is_left(&desk, ending);
}

/// What the program had begun must not go on behind its back: the system stays
/// whole. That something does not come can only be seen by waiting.
fn cut_short(case: &mut impl Case, desk: &Desk, chaos: Child) {
    wait_for("the record", || desk.states().contains(&"injecting".to_owned()));
    kill(chaos);
    let (code, out, err) = desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}{err}");
    wait_for("a whole system after a fault that was cut short", || case.is_whole(desk));
    let begun = Instant::now();
    while case.lasts() && begun.elapsed() < Duration::from_secs(2) {
        assert!(case.is_whole(desk), "it was broken after it had been taken back");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    nothing_is_left(desk, Ending::CutShort);
}

fn begin(case: &impl Case, ending: Ending, desk: &Desk) -> Child {
    let mut arguments = case.arguments();
    if case.lasts() {
        let short = case.expires() || matches!(ending, Ending::Heals | Ending::Abandoned);
        arguments.extend(["--for".to_owned(), if short { SHORT } else { "1h" }.to_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    desk.command(&arguments).arg("--quiet").spawn().unwrap()
}

/// No process of the tool's, nothing open in the journal, no password in it.
fn nothing_is_left(desk: &Desk, ending: Ending) {
    let entries = read(&desk.journal()).unwrap().entries;
    let helpers: Vec<Pinned> = entries.iter().flat_map(|entry| helpers(&entry.state)).collect();
    wait_for(&format!("the tool's processes to end after {ending:?}"), || {
        helpers.iter().all(|helper| !helper.is_alive())
    });
    if ending == Ending::Abandoned {
        let (code, out, err) = desk.run(&["recover"]);
        assert_eq!(code, Some(0), "to take it back once more is harmless: {out}{err}");
    }
    let entries = read(&desk.journal()).unwrap().entries;
    assert_eq!(open_faults(&entries), [], "{ending:?}");
    let text = std::fs::read_to_string(desk.journal()).unwrap();
    assert!(!text.contains(SECRET), "{text}");
}

/// The processes that the tool has started for a fault.
fn helpers(state: &State) -> Vec<Pinned> {
    let State::Injecting { undo, watchdog, .. } = state else { return Vec::new() };
    let burners = match undo {
        Undo::EndProcesses { victims } => victims.clone(),
        _ => Vec::new(),
    };
    burners.into_iter().chain(*watchdog).collect()
}

/// The first process that a fault has started to take something away.
pub(crate) fn burner(desk: &Desk) -> Option<Pinned> {
    let entries = read(&desk.journal()).unwrap().entries;
    entries.iter().find_map(|entry| match &entry.state {
        State::Injecting { undo: Undo::EndProcesses { victims }, .. } => victims.first().copied(),
        _ => None,
    })
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
