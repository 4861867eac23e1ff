//! A scenario for a system that the suite does not know: no reference system, no
//! lab, and programs of the user's own that do what is asked and tell what was
//! done.

use reports::record::Verdict;
use tests::run::Ended;
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, finding, not_held, sandbox, verify};

/// Stores the identity of each operation as a line; every tenth is forgotten
/// where `losing` says so, and has a name for a number where `naming` does.
const STORE: &str = r#"
sequence=${SHAKEDOWN_ID##*/}
customer=$((sequence % 3))
[ "$1" = losing ] && [ $((sequence % 10)) = 7 ] && exit 0
[ "$1" = naming ] && [ $((sequence % 10)) = 7 ] && customer='"ann"'
printf '{"order":{"id":"%s"},"customer":%s}\n' "$SHAKEDOWN_ID" "$customer" >> "$2"
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

const CONTRACT: &str = r##"{
  "type": "object",
  "required": ["order", "customer"],
  "properties": {
    "order": { "$ref": "#/$defs/order" },
    "customer": { "type": "integer" }
  },
  "$defs": { "order": { "type": "object", "required": ["id"] } }
}"##;

const FOLLOWS: &str = r#"
[[check]]
name = "follows"
title = "every row follows the contract"
schema = { source = "rows", at_least = 90 }
"#;

/// The schema is a part of the plan: the run is judged again without its file.
#[test]
fn rows_that_break_their_contract_are_told_with_the_place() {
    for (mode, code) in [("all", exit::HELD), ("naming", exit::VIOLATED)] {
        let sandbox = sandbox();
        let effects = format!("schema = \"row.schema.json\"\n{BY_COMMAND}\n{FOLLOWS}");
        let file = scenario(&sandbox, mode, &effects);
        let missing = verify(&sandbox, &["lint", &file]);
        expect(&missing, exit::USAGE, &["row.schema.json", "there is no such file"]);
        let contract = sandbox.file("row.schema.json", CONTRACT).unwrap();
        let ended = verify(&sandbox, &["--scenario", &file]);
        let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
        assert_eq!(ended.code, Some(i32::from(code)), "{:#?}", not_held(&record));
        let follows = finding(&record, "follows");
        if code == exit::VIOLATED {
            assert_eq!(follows.verdict, Verdict::Violated, "{}", follows.why);
            let seen = "/customer: \"ann\" is a string, and must be integer";
            assert!(follows.evidence[0].seen.contains(seen), "{:?}", follows.evidence);
            assert!(follows.evidence[0].what.ends_with("/order/7"), "{:?}", follows.evidence);
        }
        std::fs::remove_file(contract).unwrap();
        let folder = sandbox.run().unwrap();
        let again = verify(&sandbox, &["recheck", &folder.path().to_string_lossy()]);
        expect(&again, code, &[]);
        let wrong = CONTRACT.replace("\"#/$defs/order\"", "\"https://example.com/order.json\"");
        sandbox.file("row.schema.json", &wrong).unwrap();
        let refused = verify(&sandbox, &["--scenario", &file]);
        let says = ["effects rows", "/properties/order/$ref", "nothing is fetched"];
        expect(&refused, exit::USAGE, &says);
    }
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
