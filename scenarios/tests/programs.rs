//! How a file says which program is to be run.

use std::collections::BTreeMap;

use scenarios::plan::Transport;
use scenarios::program::Program;
use scenarios::{Plan, Settings, plan_from_toml};

fn plan(run: &str) -> Result<Plan, String> {
    let text = format!(
        r#"
name = "own"
title = "an own one"
[params.word]
help = "a word"
default = "a b"
[system.targets.db]
help = "a database"
schemes = ["http"]
[[phase]]
name = "load"
for = "5s"
[[workload]]
name = "orders"
rate = "5/s"
phases = ["load"]
command = {{ run = {run} }}
[[check]]
name = "accepted"
title = "orders are accepted"
ratio = {{ of = "orders.unsuccessful", to = "orders.due", phases = ["load"], max = "1%" }}
"#
    );
    let settings = Settings { targets: Some(["db".to_owned()].into()), ..Settings::default() };
    scenarios::plan("own", &text, &settings).map_err(|problems| problems.render(false))
}

fn program(plan: &Plan) -> &Program {
    match &plan.workloads[0].transport {
        Transport::Command(command) => &command.run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_is_a_program_and_a_text_is_for_a_shell() {
    let targets = BTreeMap::from([("db".to_owned(), "http://h/x?a=1&b=2".to_owned())]);
    for (run, words) in [
        (r#"["./put", "${word}", "${target.db}"]"#, &["./put", "a b", "http://h/x?a=1&b=2"][..]),
        (
            r#""./put ${word} ${target.db} > file""#,
            &["sh", "-c", "./put a b 'http://h/x?a=1&b=2' > file"],
        ),
    ] {
        let plan = plan(run).unwrap();
        assert_eq!(program(&plan).words(&targets).unwrap(), words);
        let again = plan_from_toml(&toml::to_string(&plan).unwrap()).unwrap();
        assert_eq!(program(&again), program(&plan));
    }
}

#[test]
fn what_is_no_program_is_said() {
    for (run, why) in [
        ("[]", "begins with the program"),
        ("[1]", "expected a text in quotation marks"),
        ("5", "or a list: a program and its arguments"),
        (r#"["./put", "${wort}"]"#, "there is no parameter \"wort\""),
        (r#"["./put", "${target.bd}"]"#, "there is no target \"bd\""),
    ] {
        let told = plan(run).unwrap_err();
        assert!(told.contains(why), "{run}: {told}");
    }
}
