//! A scenario for a system that the suite does not know: no reference system, no
//! lab, and programs of the user's own that do what is asked and tell what was
//! done.

use reports::record::Verdict;
use tests::run::Ended;
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, finding, not_held, sandbox, verify};

/// Stores the identity of each operation as a line; every tenth is forgotten
/// where `losing` says so.
const STORE: &str = r#"
sequence=${SHAKEDOWN_ID##*/}
[ "$1" = losing ] && [ $((sequence % 10)) = 7 ] && exit 0
printf '{"order":{"id":"%s"},"customer":%s}\n' "$SHAKEDOWN_ID" $((sequence % 3)) >> "$2"
"#;

fn scenario(sandbox: &Sandbox, mode: &str, effects: &str) -> String {
    let store = sandbox.file("store.sh", STORE).unwrap();
    let rows = sandbox.file("rows.ndjson", "").unwrap();
    let (store, rows) = (store.display(), rows.display());
    let effects = effects.replace("ROWS", &rows.to_string());
    let text = format!(
        r#"
name = "orders"
title = "an order is stored once"

[system]

[[phase]]
name = "load"
for = "4s"

[[workload]]
name = "order"
rate = "25/s"
phases = ["load"]
max_in_flight = 1
command = {{ run = "sh {store} {mode} {rows}" }}

[[probe]]
name = "stored"
command = {{ run = "sh -c 'echo \"rows{{all}} $(wc -l < {rows})\"'", series.rows = {{ counter = true }} }}

[[effects]]
name = "rows"
settle = "3s"
{effects}

[[check]]
name = "nothing-lost"
title = "every order is stored once"
effects = {{ source = "rows", workloads = ["order"] }}

[[check]]
name = "in-order"
title = "the orders of a customer are stored in order"
order = {{ source = "rows", workloads = ["order"], at_least = 20 }}

[[check]]
name = "rows-counted"
title = "as many rows as orders"
equal = {{ counts = ["stored.rows", "order.acked"] }}
"#
    );
    sandbox.file("orders.toml", &text).unwrap().to_string_lossy().into_owned()
}

const BY_COMMAND: &str =
    r#"command = { run = "cat 'ROWS'", identity = "/order/id", order = "/customer" }"#;

fn run(sandbox: &Sandbox, mode: &str, effects: &str) -> Ended {
    let file = scenario(sandbox, mode, effects);
    verify(sandbox, &["--scenario", &file])
}

#[test]
fn effects_and_probes_by_command_judge_a_system_of_ones_own() {
    let correct = sandbox();
    let ended = run(&correct, "all", BY_COMMAND);
    let record = correct.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    assert!(record.effects.iter().any(|effects| effects.joined.ok >= 99), "{:?}", record.effects);
    correct.expect_nothing_left().unwrap();

    let losing = sandbox();
    let ended = run(&losing, "losing", BY_COMMAND);
    let record = losing.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::VIOLATED)), "{}", record.headline);
    let lost = finding(&record, "nothing-lost");
    assert_eq!(lost.verdict, Verdict::Violated, "{}", lost.why);
    let counted = finding(&record, "rows-counted");
    assert_eq!(counted.verdict, Verdict::Violated, "{}", counted.why);
}

/// Nothing is known of the effects when their program fails, hangs, or the
/// identity is looked for at the wrong place: that is no lost order.
#[test]
fn a_program_that_fails_makes_its_source_unknown() {
    for (effects, why) in [
        (
            r#"command = { run = "sh -c 'cat ROWS; echo no such table >&2; exit 3'", identity = "/order/id" }"#,
            "no such table",
        ),
        (
            r#"command = { run = "sh -c 'cat ROWS; sleep 600'", identity = "/order/id", timeout = "1s" }"#,
            "did not end within 1 s",
        ),
        (
            r#"command = { run = "no-such-program-here", identity = "/order/id" }"#,
            "no-such-program-here",
        ),
        (r#"command = { run = "cat 'ROWS'", identity = "/id" }"#, "has a text at \"/id\""),
    ] {
        let sandbox = sandbox();
        let order = effects.replace(" }", ", order = \"/customer\" }");
        let ended = run(&sandbox, "all", &order);
        let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
        assert_eq!(ended.code, Some(i32::from(exit::INCONCLUSIVE)), "{}", record.headline);
        let lost = finding(&record, "nothing-lost");
        assert_eq!(lost.verdict, Verdict::Inconclusive, "{}", lost.why);
        assert!(lost.why.contains(why), "{why:?} is not said: {}", lost.why);
        sandbox.expect_nothing_left().unwrap();
    }
}

#[test]
fn what_a_scenario_without_a_lab_needs_is_said_at_once() {
    let sandbox = sandbox();
    let file = scenario(&sandbox, "all", BY_COMMAND);
    let targets = r#"[system]
[system.targets.shop]
help = "the shop's API"
schemes = ["http"]
[system.targets.store]
help = "where orders end"
schemes = ["postgres"]"#;
    let text = std::fs::read_to_string(&file).unwrap().replace("[system]", targets);
    std::fs::write(&file, text).unwrap();
    let ended = verify(&sandbox, &["--scenario", &file]);
    expect(
        &ended,
        exit::USAGE,
        &["--target shop=http://", "--target store=postgres://", "where orders end"],
    );
    sandbox.expect_no_trace().unwrap();
    // What can be said of the file is said without them.
    expect(&verify(&sandbox, &["lint", &file]), exit::HELD, &[]);
    let ended = verify(&sandbox, &["--scenario", &file, "--variant", "leaky"]);
    expect(&ended, exit::USAGE, &["leaky"]);
}
