//! Somebody's own system, known by its addresses alone.

use reports::Record;
use reports::record::Verdict;
use rustix::process::Signal;
use scenarios::plan::Place;
use tests::kill::Moment;
use tests::machine::Machine;
use tests::program::{Profile, Program};
use tests::run::Run;
use tests::sandbox::Sandbox;
use tests::system::OwnSystem;
use verify::exit;

use crate::support::{expect, finding, get, not_held, sandbox, shortened, verify, words};

/// The parts that the scenario cannot do without.
const NEEDED: [&str; 3] = ["service", "rabbitmq", "management"];

fn own_system(variant: &str) -> OwnSystem {
    OwnSystem::start("publisher", variant, Profile::from_environment()).unwrap()
}

/// The shipped scenario as a file with shorter phases, for runs whose length
/// proves nothing.
fn short(sandbox: &Sandbox) -> String {
    let brief = [("warm-up", "1s"), ("load", "12s"), ("recovery", "5s"), ("settle", "3s")];
    shortened(sandbox, "channel-leak", &brief, &[])
}

/// Runs against a system; gives the exit code and the record.
fn judged(sandbox: &Sandbox, line: &[&str], targets: &[String]) -> (i32, Record) {
    let ended = verify(sandbox, &words(line, targets));
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(record.run.place, Place::Targets);
    (ended.code.unwrap(), record)
}

/// What a run may not leave in somebody's broker.
fn expect_no_tap(system: &OwnSystem) {
    let queues = get(system.target("management").unwrap(), "/api/queues").unwrap();
    assert!(queues.contains("events.out") && !queues.contains("shakedown"), "{queues}");
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn a_correct_service_is_held_by_each_way_of_looking_at_it() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("correct");

    let with_all = sandbox();
    let all =
        system.arguments(&["service", "rabbitmq", "management", "metrics", "stable"]).unwrap();
    let line = ["--scenario", "channel-leak", "--duration", "12s"];
    let (code, record) = judged(&with_all, &line, &all);
    assert_eq!(code, i32::from(exit::HELD), "{:#?}", not_held(&record));
    assert_eq!(finding(&record, "as-good-as-stable").verdict, Verdict::Held);
    assert!(record.effects.iter().any(|effects| effects.joined.ok > 2_000), "{:?}", record.effects);
    // What only a lab can do is left out, and said to be.
    assert!(record.left_out.iter().any(|item| item.name == "kill-one-process"));
    assert!(record.faults.iter().any(|fault| fault.name == "close-one-connection"));
    let plan = std::fs::read_to_string(with_all.run().unwrap().plan()).unwrap();
    assert!(!plan.contains("guest:guest"), "a password is in plan.toml");
    expect_no_tap(&system);

    // Without the optional addresses and without looking for the messages.
    let with_few = sandbox();
    let file = short(&with_few);
    let few = system.arguments(&NEEDED).unwrap();
    // The other fault needs the lab; that none is left was asked for.
    let skip = ["--skip", "response-time", "--skip-fault", "close-one-connection"];
    let line = ["--scenario", &*file, "--set", "effects=off", "--skip-fault", "kill-one-process"];
    let line = [&line[..], &skip].concat();
    let (code, record) = judged(&with_few, &line, &few);
    assert_eq!(code, i32::from(exit::HELD), "{:#?}", not_held(&record));
    let skipped = "; 3 workloads, 2 faults and 7 checks skipped, no fault is left";
    assert!(record.headline.ends_with(skipped), "{}", record.headline);
    let folder = with_few.run().unwrap();
    let junit = std::fs::read_to_string(folder.file("junit.xml")).unwrap();
    assert_eq!(junit.matches("<skipped").count(), 12, "{junit}");
    assert!(record.run.again.contains("--skip response-time"), "{}", record.run.again);
    for absent in ["nothing-lost", "as-good-as-stable", "as-many-as-stable"] {
        assert!(record.findings.iter().all(|finding| finding.check != absent));
        assert!(record.left_out.iter().any(|item| item.name == absent), "{:?}", record.left_out);
    }
    assert!(system.is_whole(), "a process of the system was hit");
}

#[test]
fn what_cannot_be_seen_is_never_held() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("correct");
    let needed = system.arguments(&NEEDED).unwrap();

    // A tap at an exchange that is not there would see nothing.
    let sandbox = sandbox();
    let file = short(&sandbox);
    let line = ["--scenario", &*file, "--set", "exchange=nope", "--duration", "2s"];
    let ended = verify(&sandbox, &words(&line, &needed));
    expect(&ended, exit::ENVIRONMENT, &["exchange \"nope\" does not exist"]);
    sandbox.expect_nothing_left().unwrap();
    sandbox.expect_only_junit().unwrap();

    a_full_disk_ends_the_run(&needed);
    a_stranger_is_told_so(&system);
}

/// A limit on the size of files is as good as a full disk, and needs no
/// privilege. The run must end soon, not at its planned end.
fn a_full_disk_ends_the_run(needed: &[String]) {
    let sandbox = sandbox();
    let verify = Program::Verify.build(Profile::from_environment()).unwrap();
    let mut command = std::process::Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]).arg(verify);
    command.args(words(&["--scenario", "channel-leak", "--duration", "10m"], needed));
    sandbox.dress(&mut command);
    let ended = Run::start(&mut command).unwrap().end().unwrap();
    expect(&ended, exit::ENVIRONMENT, &["samples.csv", "File too large", "--out DIR"]);
    sandbox.expect_nothing_left().unwrap();
    let folder = sandbox.run().unwrap();
    let again = crate::support::verify(&sandbox, &["recheck", &folder.path().to_string_lossy()]);
    expect(&again, exit::INCONCLUSIVE, &[]);
}

/// Wrong passwords are told before the load begins, and not shown.
fn a_stranger_is_told_so(system: &OwnSystem) {
    for key in ["rabbitmq", "management"] {
        let sandbox = sandbox();
        let mut targets = system.arguments(&NEEDED).unwrap();
        for target in &mut targets {
            if target.starts_with(key) {
                *target = target.replace("guest:guest", "guest:hidden");
            }
        }
        let ended = verify(&sandbox, &words(&["--scenario", "channel-leak"], &targets));
        expect(&ended, exit::ENVIRONMENT, &[key, "refuses us", "USER:PASSWORD"]);
        assert!(!ended.stderr.contains("hidden"), "{}", ended.stderr);
        sandbox.expect_nothing_left().unwrap();
    }
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn a_leaking_service_is_violated() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("leak-every-publish");
    let sandbox = sandbox();
    let file = short(&sandbox);
    let needed = system.arguments(&NEEDED).unwrap();
    let (code, record) = judged(&sandbox, &["--scenario", &file], &needed);
    assert_eq!(code, i32::from(exit::VIOLATED), "{}", record.headline);
    for check in ["channels-per-1000", "connection-channels"] {
        let finding = finding(&record, check);
        assert_eq!(finding.verdict, Verdict::Violated, "{check}: {}", finding.why);
        let guilty = finding.evidence.iter().any(|evidence| evidence.what.contains("service-"));
        assert!(guilty, "{check}: {:?}", finding.evidence);
    }
    assert!(record.advice.is_some_and(|advice| !advice.because.is_empty()));
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn a_program_that_publishes_takes_the_place_of_the_request() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("correct");
    let sandbox = sandbox();
    let publish = format!(
        "publish_command={} {}/publish",
        env!("CARGO_BIN_EXE_publish-once"),
        system.target("service").unwrap()
    );
    let file = short(&sandbox);
    let needed = system.arguments(&NEEDED).unwrap();
    // A process for each publish: fewer a second, and longer until there are
    // a thousand.
    let line =
        ["--scenario", &*file, "--set", "rate=100/s", "--duration", "12s", "--set", &*publish];
    let (code, record) = judged(&sandbox, &line, &needed);
    assert_eq!(code, i32::from(exit::HELD), "{:#?}", not_held(&record));
    let workload = &record.workloads[0];
    assert!(workload.target.contains("publish-once"), "{}", workload.target);
    assert!(workload.operations.acked > 1_000, "{:?}", workload.operations);
    assert_eq!(finding(&record, "nothing-lost").verdict, Verdict::Held);
}

#[test]
fn a_run_that_is_terminated_leaves_somebodys_system_alone() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("correct");
    let needed = system.arguments(&NEEDED).unwrap();
    let sandbox = sandbox();
    let line = words(&["--scenario", "channel-leak", "--quiet"], &needed);
    let mut run = sandbox.verify(&line).unwrap();
    let baseline = Moment::Event(r#""event":"phase-started","phase":"baseline""#);
    assert!(baseline.wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::TERM).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, exit::INTERRUPTED, &[]);
    assert!(ended.stderr.is_empty(), "--quiet prints only the report: {}", ended.stderr);
    sandbox.expect_nothing_left().unwrap();
    assert_eq!(sandbox.record().unwrap().verdict, Verdict::Inconclusive);
    expect_no_tap(&system);
    assert!(system.is_whole());

    // With --json the record alone is on standard output, also when a run is
    // cut short at once.
    let sandbox = crate::support::sandbox();
    let line = words(&["--scenario", "channel-leak", "--json"], &needed);
    let mut run = sandbox.verify(&line).unwrap();
    assert!(baseline.wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::INT).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, exit::INTERRUPTED, &[]);
    let printed = Record::from_json(ended.stdout.as_bytes()).unwrap();
    assert_eq!(printed, sandbox.record().unwrap());
}
