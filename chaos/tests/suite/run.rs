//! `chaos run` and `chaos replay` with sleepers and files: what is shown, what
//! is taken back whatever happens, and that a repetition is one.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use chaos::victim::Signal;
use serde_json::Value;

use crate::program::{Desk, kill, send};
use crate::sleeper::{Sleeper, wait_for};

/// A pause of a sleeper, a file that takes up space, and a file made by
/// programs, all at once.
fn three(desk: &Desk, lasts: &str) -> String {
    let folder = desk.0.path().display();
    format!(
        r#"
name = "three"

[[phase]]
name = "load"
for = "60s"

[[fault]]
name = "pause"
phase = "load"
pause_process = {{ role = "worker", for = "{lasts}" }}

[[fault]]
name = "fill"
phase = "load"
at = "20ms"
fill_disk = {{ folder = "{folder}/disk", size = "64KiB", for = "{lasts}" }}

[[fault]]
name = "own"
phase = "load"
at = "40ms"
run_command = {{ inject = "touch {folder}/broken", confirm = "test -e {folder}/broken", undo = "rm -f {folder}/broken", for = "{lasts}" }}
"#
    )
}

struct Run {
    desk: Desk,
    sleepers: Vec<Sleeper>,
}

impl Run {
    /// A file of faults, and sleepers with a pid file each.
    fn new(faults: impl FnOnce(&Desk) -> String, sleepers: usize) -> Self {
        let desk = Desk::new();
        fs::create_dir(desk.0.path().join("disk")).unwrap();
        fs::write(desk.0.path().join("faults.toml"), faults(&desk)).unwrap();
        let run = Self { desk, sleepers: (0..sleepers).map(|_| Sleeper::start()).collect() };
        run.sleepers.iter().enumerate().for_each(|(index, one)| run.write_pid(index, one));
        run
    }

    fn write_pid(&self, index: usize, sleeper: &Sleeper) {
        let file = self.desk.0.path().join(format!("worker-{index}.pid"));
        fs::write(file, sleeper.pid().to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.0.path().join(name)
    }

    /// The words after the subcommand and what it is about.
    fn words(&self, more: &[&str]) -> Vec<String> {
        let mut words = vec!["--out".to_owned(), self.path("runs").display().to_string()];
        for index in 0..self.sleepers.len() {
            let file = self.path(&format!("worker-{index}.pid"));
            words.extend(["--role".to_owned(), format!("worker=pid-file:{}", file.display())]);
        }
        words.extend(more.iter().map(|&word| word.to_owned()));
        words
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let file = self.path("faults.toml").display().to_string();
        [vec!["run".to_owned(), file], self.words(more)].concat()
    }

    fn run(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let arguments = self.arguments(more);
        self.desk.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn replay(&self, of: &str, more: &[&str]) -> (Option<i32>, String, String) {
        let arguments = [vec!["replay".to_owned(), of.to_owned()], self.words(more)].concat();
        self.desk.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Begins a run and waits until all three faults are there.
    fn begin(&self) -> Child {
        let arguments = self.arguments(&[]);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let chaos = self.desk.command(&arguments).stdout(Stdio::null()).spawn().unwrap();
        wait_for("three faults to land", || self.is_broken() && self.count("confirmed") == 3);
        chaos
    }

    fn count(&self, state: &str) -> usize {
        self.desk.states().iter().filter(|known| *known == state).count()
    }

    fn is_broken(&self) -> bool {
        self.path("broken").exists()
            && !self.disk_is_empty()
            && self.sleepers[0].pinned().is_stopped()
    }

    fn is_whole(&self) -> bool {
        !self.path("broken").exists()
            && self.disk_is_empty()
            && self.sleepers.iter().all(|sleeper| !sleeper.pinned().is_stopped())
    }

    fn disk_is_empty(&self) -> bool {
        fs::read_dir(self.path("disk")).unwrap().next().is_none()
    }

    /// The names of the runs' folders, the latest last.
    fn folders(&self) -> Vec<String> {
        let folders = fs::read_dir(self.path("runs")).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Fault and victims of each injection in a run's folder, in order.
    fn injections(&self, folder: &str) -> Vec<(String, Vec<String>)> {
        let events = fs::read_to_string(self.path("runs").join(folder).join("events.jsonl"));
        let mut seen: Vec<(String, Vec<String>)> = Vec::new();
        for line in events.unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let fault = &event["fault"];
            let name = fault["name"].as_str().unwrap_or_default().to_owned();
            if fault["injected"].is_f64() && seen.iter().all(|(known, _)| *known != name) {
                let victims = fault["victims"].as_array().unwrap().iter();
                let victims = victims.map(|v| v.as_str().unwrap().to_owned()).collect();
                seen.push((name, victims));
            }
        }
        seen
    }

    /// The faults in the order in which the journal has them in a state.
    fn order(&self, state: &str) -> Vec<String> {
        let journal = fs::read_to_string(self.desk.journal()).unwrap();
        let entries = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let named = entries.filter(|entry| entry["state"] == state);
        named.map(|entry| entry["fault"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_dry_run_shows_the_whole_timetable_and_touches_nothing() {
    let run = Run::new(|desk| three(desk, "1h"), 1);
    let (code, out, err) = run.run(&["--dry-run"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.is_empty(), "{err}");
    let would =
        format!("pause (pause_process) would hit worker-0 (pid {})", run.sleepers[0].pinned());
    for says in
        [&*would, "lasts     1h", "SIGCONT", "contract", "fill (fill_disk)", "own (run_command)"]
    {
        assert!(out.contains(says), "{says}: {out}");
    }
    assert!(run.is_whole());
    assert!(run.desk.states().is_empty());
    assert!(run.folders().is_empty());
}

#[test]
fn faults_come_at_their_times_and_are_taken_back() {
    let run = Run::new(|desk| three(desk, "2s"), 1);
    let (code, out, err) = run.run(&[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("every fault landed and is taken back"), "{out}");
    assert!(run.is_whole());
    assert_eq!(run.desk.states()[..3], ["planned", "planned", "planned"]);
    assert_eq!(run.order("undone").len(), 3);
    let [folder] = &run.folders()[..] else { panic!("one folder") };
    let folder = run.path("runs").join(folder);
    let copied = fs::read_to_string(folder.join("faults.ndjson")).unwrap();
    assert_eq!(copied, fs::read_to_string(run.desk.journal()).unwrap());
    let plan = fs::read_to_string(folder.join("plan.toml")).unwrap();
    assert_eq!(scenarios::plan_from_toml(&plan).unwrap().faults.len(), 3);
}

#[test]
fn a_signal_takes_all_of_them_back_the_latest_first() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let run = Run::new(|desk| three(desk, "1h"), 1);
        let mut chaos = run.begin();
        send(&chaos, signal);
        assert_eq!(chaos.wait().unwrap().code(), Some(130));
        assert!(run.is_whole());
        assert_eq!(run.order("undone"), ["own", "fill", "pause"]);
    }
}

#[test]
fn what_a_killed_run_leaves_is_recovered() {
    let run = Run::new(|desk| three(desk, "1h"), 1);
    kill(run.begin());
    assert!(run.is_broken());
    let (code, out, err) = run.desk.run(&["recover", "--list"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(out.matches("STILL OPEN").count(), 3, "{out}");
    assert!(run.is_broken());
    let (code, out, err) = run.desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}{err}");
    wait_for("everything to be whole", || run.is_whole());
    assert_eq!(run.order("undone").len(), 3);
    let (code, out, _) = run.desk.run(&["recover", "--list"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("nothing to recover"), "{out}");
}

#[test]
fn the_log_says_who_broke_what_and_how_it_ended() {
    let run = Run::new(|desk| three(desk, "2s"), 1);
    assert_eq!(run.run(&[]).0, Some(0));
    let (code, out, err) = run.desk.run(&["log"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.lines().count(), 4, "{out}");
    let victim = format!("worker-0 (pid {})", run.sleepers[0].pinned());
    for says in ["HOW IT ENDED", "pause_process", &*victim, "healed after", "@"] {
        assert!(out.contains(says), "{says}: {out}");
    }
    let folder = run.folders().pop().unwrap();
    let (_, out, _) = run.desk.run(&["log", "--json", "--run", &folder]);
    let stories: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stories.len(), 3);
    assert_eq!((&stories[0]["fault"], &stories[0]["end"]), (&"pause".into(), &"healed".into()));
    assert_eq!(stories[0]["victims"][0], victim);
    let (_, out, _) = run.desk.run(&["log", "--json", "--run", "another"]);
    assert!(out.is_empty(), "{out}");
}

/// Processes that are stopped at the same time by two programs are not one thing:
/// each program sees its own whole again.
#[test]
fn programs_that_pause_others_at_the_same_time_see_their_own_whole_again() {
    let runs = [(); 2].map(|()| Run::new(|desk| three(desk, "1s"), 1));
    std::thread::scope(|scope| {
        runs.iter().for_each(|run| _ = scope.spawn(|| assert_eq!(run.run(&[]).0, Some(0))));
    });
    for run in &runs {
        let folder = run.folders().pop().unwrap();
        let (_, out, err) = run.desk.run(&["log", "--json", "--run", &folder]);
        let pause = out.lines().next().unwrap_or_default();
        assert!(pause.contains("\"end\":\"healed\""), "{out}{err}");
    }
}

/// Two pauses, of one of three workers each, by the seed.
fn two_pauses(_: &Desk) -> String {
    let pause = |name: &str, at: &str| {
        format!(
            "[[fault]]\nname = \"{name}\"\nphase = \"load\"\nat = \"{at}\"\n\
             pause_process = {{ role = \"worker\", pick = \"one\", for = \"150ms\" }}\n"
        )
    };
    let phase = "name = \"two\"\n[[phase]]\nname = \"load\"\nfor = \"60s\"\n";
    format!("{phase}{}{}", pause("late", "1500ms"), pause("early", "100ms"))
}

#[test]
fn a_replay_repeats_the_order_and_the_victims() {
    let run = Run::new(two_pauses, 3);
    let (code, out, err) = run.run(&["--seed", "5"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let first = run.folders().pop().unwrap();
    let then = run.injections(&first);
    assert_eq!(then.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["early", "late"]);
    let (code, out, err) = run.replay(&first, &["--dry-run"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.find("early (").unwrap() < out.find("late (").unwrap(), "{out}");
    let (code, out, err) = run.replay(&first, &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    let second = run.folders().into_iter().find(|folder| *folder != first).unwrap();
    // On a busy machine the two may have come close to each other, and one that
    // takes long to land is overtaken.
    let victims = |folder: &str| run.injections(folder).into_iter().collect::<BTreeMap<_, _>>();
    let then: BTreeMap<_, _> = then.into_iter().collect();
    assert_eq!(victims(&second), then);
    // The repetition can be repeated as well.
    let (code, out, err) = run.replay(&second, &["--dry-run"]);
    assert_eq!(code, Some(0), "{out}{err}");
    // So can a run whose folder is lost: the journal knows it, too.
    fs::remove_dir_all(run.path("runs")).unwrap();
    let (code, out, err) = run.replay(&first, &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(victims(&run.folders().pop().unwrap()), then);
    let (code, _, err) = run.replay("no-such-run", &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("is not the folder of a run"), "{err}");
}

/// What a fault hits that does not choose may carry the name of its run.
#[test]
fn faults_that_do_not_choose_are_repeated() {
    let run = Run::new(|desk| three(desk, "2s"), 1);
    assert_eq!(run.run(&[]).0, Some(0));
    let (code, out, err) = run.replay(&run.folders().pop().unwrap(), &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("every fault landed and is taken back"), "{out}");
}

/// A fault that is aimed at another machine, whose programs send nothing there.
fn far(desk: &Desk) -> String {
    let file = desk.0.path().join("broken");
    format!(
        r#"
name = "far"
[[phase]]
name = "load"
for = "60s"
[[fault]]
name = "own"
phase = "load"
run_command = {{ inject = "env FAR=${{target.far}} touch {0}", confirm = "test -e {0}", undo = "rm -f {0}", for = "100ms" }}
"#,
        file.display()
    )
}

#[test]
fn a_replay_asks_again_for_what_the_run_was_allowed() {
    let run = Run::new(far, 0);
    let target = ["--target", "far=tcp://192.0.2.1"];
    let allow = ["--allow", "192.0.2.1"];
    let (code, _, err) = run.run(&target);
    assert_eq!(code, Some(2), "{err}");
    let (code, out, err) = run.run(&[target, allow].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("allowed beyond this machine: 192.0.2.1"), "{out}");
    let folder = run.folders().pop().unwrap();
    let plan = fs::read_to_string(run.path("runs").join(&folder).join("plan.toml")).unwrap();
    assert_eq!(scenarios::plan_from_toml(&plan).unwrap().safety.allowed, ["192.0.2.1"]);
    // From the folder, and from the journal alone.
    for lost in [false, true] {
        if lost {
            fs::remove_dir_all(run.path("runs")).unwrap();
        }
        let (code, _, err) = run.replay(&folder, &target);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("unless you say so again: --allow 192.0.2.1"), "{err}");
        assert!(err.contains("192.0.2.1 is not on this machine: fault own"), "{err}");
        let (code, out, err) = run.replay(&folder, &[target, allow].concat());
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(!err.contains("say so again"), "{err}");
    }
}

#[test]
fn a_replay_hits_nobody_in_the_place_of_one_who_is_gone() {
    let mut run = Run::new(two_pauses, 1);
    assert_eq!(run.run(&["--seed", "5"]).0, Some(0));
    let folder = run.folders().pop().unwrap();
    let victim = format!("worker-0 (pid {})", run.sleepers[0].pinned());
    run.sleepers[0] = Sleeper::start();
    run.write_pid(0, &run.sleepers[0]);
    let (code, out, err) = run.replay(&folder, &["--dry-run"]);
    assert_eq!(code, Some(3), "{out}{err}");
    let (code, out, err) = run.replay(&folder, &[]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains(&format!("{victim} was hit then")), "{out}");
    assert!(out.contains("nobody else was hit"), "{out}");
    let (code, out, err) = run.replay(&folder, &["--by-name"]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn a_fault_that_is_refused_is_blocked_and_the_others_go_on() {
    let run =
        Run::new(|desk| three(desk, "2s").replace("{ role = \"worker\"", "{ role = \"parent\""), 1);
    let parent = format!("parent=pid:{}", std::process::id());
    let (code, out, err) = run.run(&["--role", &parent]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("pause is BLOCKED") && out.contains("ancestors"), "{out}");
    assert!(out.contains("not as planned: pause (1 blocked)"), "{out}");
    assert_eq!(run.order("undone").len(), 2);
    let (code, out, _) = run.run(&["--role", &parent, "--dry-run"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("would be BLOCKED"), "{out}");
}

#[test]
fn the_limit_blocks_what_goes_beyond_it() {
    let run = Run::new(|desk| two_pauses(desk).replace("\"one\"", "2"), 3);
    let (code, out, err) = run.run(&["--most-victims", "34%"]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("(2 blocked)"), "{out}");
    assert_eq!(run.count("injecting"), 0);
    assert_eq!(run.run(&["--most-victims", "10%"]).0, Some(2));
}

#[test]
fn a_stop_condition_takes_everything_back() {
    let run = Run::new(|desk| three(desk, "1h"), 1);
    let broken = run.path("broken").display().to_string();
    let condition = format!("test ! -e {broken}");
    let (code, out, err) = run.run(&["--stop-if", &condition]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("stopped: --stop-if"), "{out}");
    assert!(run.is_whole());
    // One that holds at once lets nothing begin.
    let before = run.desk.states().len();
    let (code, _, err) = run.run(&["--stop-if", "false"]);
    assert_eq!(code, Some(3));
    assert!(err.contains("nothing was broken"), "{err}");
    assert_eq!(run.desk.states().len(), before);
}

#[test]
fn a_selector_that_matches_nothing_is_an_error_and_the_others_go_on() {
    let nobody = ["--role", "nobody=name:no-such-program-anywhere"];
    let faults = |desk: &Desk| three(desk, "1h").replace("role = \"worker\"", "role = \"nobody\"");
    let run = Run::new(faults, 1);
    let (code, out, err) = run.run(&[&nobody[..], &["--fail-fast"]].concat());
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("pause did not land: process \"nobody\" matches nothing"), "{out}");
    assert!(out.contains("--fail-fast"), "{out}");
    assert!(run.is_whole());
    let run = Run::new(|desk| faults(desk).replace("1h", "2s"), 1);
    let (code, out, err) = run.run(&nobody);
    assert_eq!(code, Some(3), "{out}{err}");
    assert_eq!(run.order("undone").len(), 2);
}

#[test]
fn what_cannot_be_carried_out_is_said_before_anything_begins() {
    let waits = |desk: &Desk| {
        let load = "[[workload]]\nname = \"publish\"\nrate = \"5/s\"\nphases = [\"load\"]\n\
                    command = { run = \"true\" }\n";
        let after = "at = \"20ms\"\nafter = { workload = \"publish\", acked = 5 }";
        format!("{}{load}", three(desk, "1h").replace("at = \"20ms\"", after))
    };
    let address = |desk: &Desk| {
        let close = "close_connections = { management = \"${target.management}\" }";
        let faults = three(desk, "1h");
        format!("{faults}[[fault]]\nname = \"close\"\nphase = \"load\"\n{close}\n")
    };
    let run = Run::new(waits, 1);
    let (code, _, err) = run.run(&[]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("fault fill waits for 5 operations of workload publish"), "{err}");
    let run = Run::new(address, 1);
    let (code, _, err) = run.run(&[]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("fault close needs --target management=URL"), "{err}");
    let far = "management=http://joe:cret@192.0.2.1:15672";
    let (code, out, err) = run.run(&["--target", far, "--dry-run"]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("close (close_connections) would be BLOCKED"), "{out}");
    assert!(!out.contains("cret") && !err.contains("cret"), "{out}{err}");
    let (code, out, err) = run.run(&["--target", far]);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("192.0.2.1 is not on this machine: fault close"), "{err}");
    assert!(err.contains("--allow 192.0.2.1") && !err.contains("cret"), "{err}");
    assert!(run.desk.states().is_empty());
    let stops = |desk: &Desk| {
        let load = "[[workload]]\nname = \"ask\"\nrate = \"5/s\"\nphases = [\"load\"]\n\
                    command = { run = \"true\" }\n";
        let ratio =
            "ratio = { of = \"ask.failed\", to = \"ask.due\", phases = [\"load\"], max = \"1%\" }";
        let check = format!("[[check]]\nname = \"few\"\ntitle = \"few fail\"\n{ratio}\n");
        format!("{}{load}{check}[safety]\nstop_if = [\"few\"]\n", three(desk, "1h"))
    };
    let run = Run::new(stops, 1);
    let (code, out, err) = run.run(&["--dry-run"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("the file stops at few"), "{err}");
    let run = Run::new(|desk| three(desk, "1h"), 0);
    let (code, _, err) = run.run(&[]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--role worker=name:COMMAND"), "{err}");
    assert!(run.desk.states().is_empty());
}
