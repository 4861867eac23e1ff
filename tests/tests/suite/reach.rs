//! What is told before a load of addresses, permissions and what is read; and the
//! command that does a run again.

use std::net::TcpListener;
use std::time::Instant;

use reports::record::Verdict;
use tests::program::Program;
use tests::run::Run;
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, finding, sandbox, verify};

/// A scenario without a lab, with a load that needs nobody.
fn scenario(sandbox: &Sandbox, more: &str) -> String {
    let text = format!(
        r#"
name = "own"
title = "a shop"

[system.targets.shop]
help = "the shop"
schemes = ["http"]

[system.targets.store]
help = "its store"
schemes = ["redis"]
required = false

[[phase]]
name = "load"
for = "3s"
stretch = true

[[workload]]
name = "order"
rate = "5/s"
phases = ["load"]
command = {{ run = ["true"] }}

[[check]]
name = "accepted"
title = "orders are accepted"
ratio = {{ of = "order.unsuccessful", to = "order.due", phases = ["load"], max = "1%", at_least = 5 }}
{more}
"#
    );
    sandbox.file("own.toml", &text).unwrap().to_string_lossy().into_owned()
}

#[test]
fn faulty_targets_are_told_all_at_once_and_never_shown() {
    let sandbox = sandbox();
    let file = scenario(&sandbox, "");
    let line = ["--scenario", &file, "--target", "shp=", "--target", "shop=ftp://h"];
    let told = verify(&sandbox, &line);
    expect(&told, exit::USAGE, &["shp=: the address is missing", "--target shop: ", "ftp"]);
    let line = ["--scenario", &file, "--target", "shop=ftp://h", "--target", "joe:hunter22@h"];
    let told = verify(&sandbox, &line);
    expect(&told, exit::USAGE, &["(the 2nd)", "shop", "ftp"]);
    assert!(!told.stderr.contains("hunter22"), "{}", told.stderr);
    // A space in a password splits nothing.
    let line = ["--scenario", &file, "--target", "shop=http://joe:pass hunter22@h"];
    let told = verify(&sandbox, &line);
    expect(&told, exit::USAGE, &["--target shop", "percent-encoded"]);
    assert!(!told.stderr.contains("hunter22"), "{}", told.stderr);
    sandbox.expect_no_trace().unwrap();
}

#[test]
fn what_allows_nothing_is_refused_by_every_program() {
    let sandbox = sandbox();
    let file = scenario(&sandbox, "");
    let words = ["http://joe:hunter22@h:1", "h:1", "192.0.2.0/24", "a,b", "*"];
    for word in words {
        let lines = [
            (Program::Verify, vec!["--scenario", &file, "--allow", word]),
            (
                Program::Chaos,
                vec!["redis-pause", "--url", "redis://127.0.0.1:1", "--for", "1s", "--allow", word],
            ),
            (
                Program::Loadgen,
                vec!["command", "--rate", "1/s", "--duration", "1s", "--allow", word, "--", "true"],
            ),
        ];
        for (program, line) in lines {
            let mut command = sandbox.command(program, &line).unwrap();
            let ended = Run::start(&mut command).unwrap().end().unwrap();
            expect(&ended, exit::USAGE, &["--allow", "; write "]);
            assert!(!ended.stderr.contains("hunter22"), "{}", ended.stderr);
        }
    }
    sandbox.expect_no_trace().unwrap();
}

#[test]
fn a_check_of_the_tools_own_cannot_be_skipped() {
    let sandbox = sandbox();
    let file = scenario(&sandbox, "");
    for check in ["load-was-offered", "faults-landed", "record-intact"] {
        let told = verify(&sandbox, &["--scenario", &file, "--skip", check]);
        expect(&told, exit::USAGE, &[check, "cannot be left out", "says nothing"]);
    }
}

#[test]
fn the_command_that_does_a_run_again_names_the_file_of_targets() {
    let sandbox = sandbox();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let targets = sandbox.file("targets.toml", &format!("shop = \"http://{address}\"\n")).unwrap();
    let targets = targets.to_string_lossy().into_owned();
    let file = scenario(&sandbox, "");
    let ended = verify(&sandbox, &["--scenario", &file, "--targets", &targets]);
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(finding(&record, "accepted").verdict, Verdict::Held);
    let again = format!("--targets {targets}");
    assert!(record.run.again.contains(&again), "{}", record.run.again);
}

/// An address that a source cannot read, and a database at which nobody answers:
/// how long their users wait for the error is printed.
#[test]
fn what_cannot_be_read_ends_the_run_before_the_load() {
    let sandbox = sandbox();
    let source = "[[effects]]\nname = \"stored\"\nsql = { url = \"sqlite:///orders.db\", query = \"select 1\" }";
    let file = scenario(&sandbox, source);
    let begun = Instant::now();
    let told = verify(&sandbox, &["--scenario", &file, "--target", "shop=http://127.0.0.1:1"]);
    println!("refused at planning after {:?}", begun.elapsed());
    expect(&told, exit::USAGE, &["effects stored", "postgres"]);
    expect(&verify(&sandbox, &["lint", &file]), exit::USAGE, &["effects stored"]);
    let source = "[[effects]]\nname = \"stored\"\nsql = { url = \"postgres://joe@127.0.0.1:1/d\", query = \"select 1\" }";
    let file = scenario(&sandbox, source);
    let begun = Instant::now();
    let told = verify(&sandbox, &["--scenario", &file, "--target", "shop=http://127.0.0.1:1"]);
    println!("refused by a look after {:?}", begun.elapsed());
    expect(&told, exit::ENVIRONMENT, &["shop: nobody answers"]);
    sandbox.expect_nothing_left().unwrap();
    sandbox.expect_only_junit().unwrap();
}
