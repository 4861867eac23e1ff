//! Everything of the command line that runs no scenario.

use std::io::Read;
use std::process::{Command, Stdio};

use tests::program::{Profile, Program};
use verify::exit;

use crate::support::{expect, run, sandbox, verify};

#[test]
fn help_shows_how_to_begin() {
    let sandbox = sandbox();
    let help = verify(&sandbox, &["--help"]);
    expect(&help, exit::HELD, &[]);
    for text in ["Examples:", "verify --scenario channel-leak", "Exit codes:", "--target"] {
        assert!(help.stdout.contains(text), "{text:?} is not in\n{}", help.stdout);
    }
    assert!(!help.stdout.contains("__"), "a hidden subcommand shows:\n{}", help.stdout);
    let version = verify(&sandbox, &["--version"]);
    assert_eq!(version.stdout, format!("verify {}\n", env!("CARGO_PKG_VERSION")));
    expect(&verify(&sandbox, &[]), exit::USAGE, &["--scenario", "Usage"]);
    sandbox.expect_no_trace().unwrap();
}

#[test]
fn list_names_every_variant_and_what_catches_it() {
    let list = verify(&sandbox(), &["list"]);
    expect(&list, exit::HELD, &[]);
    for case in tests::matrix::cases().unwrap() {
        let variant = format!("--variant {}\n", case.variant);
        assert!(list.stdout.contains(&case.scenario) && list.stdout.contains(&variant));
        assert!(case.expected.caught_by.iter().all(|check| list.stdout.contains(check)));
    }
}

#[test]
fn show_describes_a_scenario_and_its_source_can_be_run_as_a_file() {
    let sandbox = sandbox();
    let shown = verify(&sandbox, &["show", "channel-leak"]);
    expect(&shown, exit::HELD, &[]);
    for text in ["kill-one-process", "channels-per-1000", "baseline", "rate", "management"] {
        assert!(shown.stdout.contains(text), "{text:?} is not in\n{}", shown.stdout);
    }
    let source = verify(&sandbox, &["show", "channel-leak", "--source"]);
    let file = sandbox.file("copy.toml", &source.stdout).unwrap();
    let linted = verify(&sandbox, &["lint", &file.to_string_lossy()]);
    expect(&linted, exit::HELD, &[]);
    assert!(linted.stdout.contains("copy.toml: fine"), "{}", linted.stdout);
    let unknown = verify(&sandbox, &["show", "chanel-leak"]);
    expect(&unknown, exit::USAGE, &["chanel-leak", "channel-leak"]);
}

#[test]
fn lint_shows_every_problem_of_every_file_with_its_line() {
    let sandbox = sandbox();
    let source = scenarios::suite::find("channel-leak").unwrap().source;
    let wrong = source.replacen("for = \"3s\"", "for = \"3kg\"", 1).replacen("per =", "pre =", 1);
    let file = sandbox.file("wrong.toml", &wrong).unwrap();
    let fine = sandbox.file("fine.toml", source).unwrap();
    let linted = verify(&sandbox, &["lint", &file.to_string_lossy(), &fine.to_string_lossy()]);
    expect(&linted, exit::USAGE, &["3kg", "pre", "wrong.toml:"]);
    assert!(linted.stdout.contains("fine.toml: fine"));
    let missing = verify(&sandbox, &["lint", "./nowhere.toml"]);
    expect(&missing, exit::USAGE, &["nowhere.toml", "No such file"]);
}

#[test]
fn exports_are_what_other_programs_read() {
    let sandbox = sandbox();
    let schema = verify(&sandbox, &["export", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = verify(&sandbox, &["completions", shell]);
        expect(&completions, exit::HELD, &[]);
        assert!(completions.stdout.contains("scenario"), "{shell}");
        assert!(!completions.stdout.contains("__keeper"), "{shell}");
    }
    let pages = sandbox.path().join("man");
    let man = verify(&sandbox, &["man", &pages.to_string_lossy()]);
    expect(&man, exit::HELD, &[]);
    for (page, says) in [("verify.1", "inconclusive"), ("verify-compare.1", "BASELINE")] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(says) && !text.contains("__keeper"), "{page}");
    }
    let bash = verify(&sandbox, &["completions", "bash"]).stdout;
    let script = sandbox.file("completions.bash", &bash).unwrap();
    expect(&run(&sandbox, Command::new("bash").arg("-n").arg(script)), 0, &[]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = sandbox();
    for arguments in [&["show", "channel-leak", "--source"][..], &["--help"], &["export", "schema"]]
    {
        let mut command = sandbox.command(Program::Verify, arguments).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(status.code().is_some_and(|code| code < 2), "{arguments:?}: {status}, {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let sandbox = sandbox();
    let line = ["--scenario", "no-such-scenario"];
    let plain = verify(&sandbox, &line);
    assert!(!plain.stderr.contains('\x1b'), "colours in a file: {:?}", plain.stderr);
    let mut forced = sandbox.command(Program::Verify, &line).unwrap();
    let forced = tests::run::Run::start(forced.env("CLICOLOR_FORCE", "1")).unwrap().end().unwrap();
    assert!(forced.stderr.contains('\x1b'), "{:?}", forced.stderr);
    // A terminal, and one whose user does not want colours.
    for (no_color, colourful) in [("", true), ("1", false)] {
        let verify = Program::Verify.build(Profile::from_environment()).unwrap();
        let line = format!("{} --scenario no-such-scenario", verify.display());
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        sandbox.dress(&mut script);
        if !no_color.is_empty() {
            script.env("NO_COLOR", no_color);
        }
        let said = tests::run::Run::start(&mut script).unwrap().end().unwrap();
        assert!(said.stdout.contains("no-such-scenario"), "{said:?}");
        assert_eq!(said.stdout.contains('\x1b'), colourful, "{said:?}");
    }
}
