//! Generated secrets in every form of every address, header and parameter that
//! the programs take: none of them is in a file that they write or on a stream.
//!
//! Each secret begins and ends with letters that stand nowhere else and that no
//! encoding changes, so a part of it is found as well, however it is spelled.

mod generated;
mod scenario;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use tests::program::Program;
use tests::run::{Ended, Run};
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, sandbox, verify};
use generated::{ALPHABETS, Secrets};
use scenario::{faults, scenario};

/// A port that nobody listens at.
fn closed() -> u16 {
    lab::free_port().unwrap()
}

/// A service that repeats secrets: in its answers, each another one, and in the
/// labels of its metrics. It ends with the test's process.
fn service(secret: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let secret = secret.clone();
            thread::spawn(move || answer(stream, &secret));
        }
    });
    port
}

fn answer(mut stream: TcpStream, secret: &str) {
    let (mut buffer, mut seen, mut number) = ([0; 4096], Vec::new(), 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        while let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if seen.len() < end + 4 + length {
                break;
            }
            seen.drain(..end + 4 + length);
            number += 1;
            let body = if head.starts_with("get /metrics") {
                let label = secret.replace('\\', "\\\\").replace('"', "\\\"");
                format!("up{{dsn=\"redis://joe:{label}@h\",said=\"{label}\"}} 1\n")
            } else {
                serde_json::json!({"id": format!("{secret} {number}")}).to_string()
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The scenario without what is looked at before a load and would end it.
fn without_the_dead(source: &str) -> String {
    const DEAD: [&str; 6] = ["publish", "streams", "rows", "tapped", "stored", "streamed"];
    let mut file: toml::Table = source.parse().unwrap();
    for list in ["workload", "probe", "effects"] {
        let items = file[list].as_array_mut().unwrap();
        items.retain(|item| !DEAD.contains(&item["name"].as_str().unwrap()));
    }
    toml::to_string(&file).unwrap()
}

/// Runs a program in a place to its end.
fn run(sandbox: &Sandbox, program: Program, words: &[&str]) -> Ended {
    Run::start(&mut sandbox.command(program, words).unwrap()).unwrap().end().unwrap()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_run_and_what_is_made_of_it_show_no_secret() {
    let (sandbox, s) = (sandbox(), Secrets::new(1));
    let log = sandbox.path().join("service.log");
    let port = service(s.raw());
    // The service's secret is one of the run's: otherwise nobody could know it.
    let echoed = s.first();
    let file = sandbox.file("secrets.toml", &scenario(&s, port, closed(), &log)).unwrap();
    let (password, dsn) = (s.raw(), format!("dsn=postgres://u:{}@h/db", s.encoded()));
    std::fs::write(&log, "").unwrap();
    let target = format!("service=http://127.0.0.1:{port}/a?api_key={}", s.encoded());
    let set = format!("db_password={password}");
    let also = format!("own_token={echoed}");
    let source = std::fs::read_to_string(&file).unwrap();
    let param =
        "[params.own_token]\ndefault = \"none\"\nhelp = \"what the service repeats\"\n\n[system]";
    std::fs::write(&file, source.replacen("[system]", param, 1)).unwrap();
    let words = [
        "--scenario",
        &*text(&file),
        "--target",
        &target,
        "--set",
        &set,
        "--set",
        &dsn,
        "--set",
        &also,
    ];
    // Before any load everything at which nobody answers is told.
    let refused = verify(&sandbox, &words);
    s.expect_none_said(&refused);
    expect(&refused, exit::ENVIRONMENT, &["redis://joe:***@", "postgres://joe:***@"]);
    sandbox.expect_only_junit().unwrap();
    let of_refused = sandbox.run().unwrap();
    assert_eq!(s.expect_none_below(of_refused.path(), &[]), 1);
    std::fs::remove_dir_all(of_refused.path()).unwrap();
    std::fs::write(&file, without_the_dead(&std::fs::read_to_string(&file).unwrap())).unwrap();
    let writing = log.clone();
    let lines = [password, echoed].map(|secret| format!("failed to log in with {secret}\n"));
    let mut verify_run = sandbox.verify(&words).unwrap();
    let phase = "\"event\":\"phase-started\"";
    let begun = verify_run.wait_for("the load", |_| {
        let events = sandbox.run().map(|folder| folder.events());
        events
            .is_ok_and(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(phase)))
    });
    assert!(begun.unwrap(), "{}", verify_run.said().unwrap());
    std::fs::write(&writing, lines.concat()).unwrap();
    let ended = verify_run.end().unwrap();
    s.expect_none_said(&ended);
    assert_eq!(ended.code, Some(i32::from(exit::VIOLATED)), "{}\n{}", ended.stdout, ended.stderr);
    let folder = sandbox.run().unwrap();
    let place = text(folder.path());
    let events = std::fs::read_to_string(folder.events()).unwrap();
    // What was to be seen was there to be seen.
    for shown in ["failed to log in with ***", "postgres://u:***@h/db"] {
        assert!(events.contains(shown), "{shown}");
    }
    let answers = std::fs::read_to_string(folder.answers_of("ask")).unwrap();
    assert!(answers.contains("***"), "{answers}");

    let again = verify(&sandbox, &["recheck", &place]);
    s.expect_none_said(&again);
    assert_eq!(again.code, ended.code, "{}", again.stderr);
    assert!(!again.stdout.contains("is not the plan"), "{}", again.stdout);
    for format in ["terminal", "html", "markdown", "junit", "csv", "json"] {
        let drawn = verify(&sandbox, &["render", &place, "--format", format]);
        s.expect_none_said(&drawn);
        expect(&drawn, exit::HELD, &[]);
    }
    for command in [&["lint"][..], &["show"], &["export", "alerts"], &["export", "dashboard"]] {
        s.expect_none_said(&verify(&sandbox, &[command, &[&*text(&file)]].concat()));
    }
    // Its faults cannot be repeated without what was masked, and it is said so.
    let replayed = run(&sandbox, Program::Chaos, &["replay", &place, "--dry-run"]);
    s.expect_none_said(&replayed);
    expect(&replayed, exit::USAGE, &["${target.KEY}"]);
    let count = s.expect_none_below(sandbox.path(), &[&file, &log]);
    assert!(count > 20, "{count} files");
}

#[test]
fn what_is_refused_is_shown_without_its_secrets() {
    let (sandbox, s) = (sandbox(), Secrets::new(2));
    let port = closed();
    let file = sandbox.file("secrets.toml", &scenario(&s, port, port, Path::new("/none"))).unwrap();
    let file = text(&file);
    for _ in ALPHABETS {
        let broken = std::fs::read_to_string(&file).unwrap().replace("rate = ", "rat = ");
        let broken = text(&sandbox.file("broken.toml", &broken).unwrap());
        for words in
            [vec!["--scenario".to_owned(), broken.clone()], vec!["lint".to_owned(), broken]]
        {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let ended = verify(&sandbox, &words);
            expect(&ended, exit::USAGE, &["rat"]);
            s.expect_none_said(&ended);
        }
        let nobody = format!("service=http://127.0.0.1:{port}/?token={}", s.encoded());
        for (targets, sets) in [
            (vec![nobody.clone()], vec![format!("db_password={}", s.raw())]),
            (vec![nobody.clone()], vec![format!("no_such_password={}", s.raw())]),
            (vec![format!("service=amqp://joe:{}@h/", s.encoded())], vec![]),
            (vec![format!("service=amqp://joe:{}@h/", s.raw())], vec![]),
            (vec![format!("service=redis://:{}@h:8O/", s.raw())], vec![]),
            (vec![format!("servise=postgres://joe:{}@a,b/db", s.raw())], vec![]),
            (vec![nobody], vec![format!("dsn=mongodb://joe:{}@a,b/db", s.raw())]),
        ] {
            let mut words = vec!["--scenario", &*file];
            targets.iter().for_each(|target| words.extend(["--target", target]));
            sets.iter().for_each(|set| words.extend(["--set", set]));
            let ended = verify(&sandbox, &words);
            s.expect_none_said(&ended);
            let code = ended.code.unwrap();
            assert!([exit::USAGE, exit::ENVIRONMENT].map(i32::from).contains(&code), "{code}");
        }
    }
    s.expect_none_below(&sandbox.out(), &[]);
    s.expect_none_below(&sandbox.tmp(), &[]);
}

#[test]
fn a_load_shows_no_secret() {
    let (sandbox, s) = (sandbox(), Secrets::new(3));
    let (port, dead) = (service(s.raw()), closed());
    let out = sandbox.out();
    let at = |name: &str| text(&out.join(name));
    for round in 0..ALPHABETS.len() {
        let to = |scheme: &str, rest: &str| {
            format!("{scheme}://joe:{}@127.0.0.1:{dead}{rest}", s.encoded())
        };
        let wrong = |scheme: &str| format!("{scheme}://joe:{}@127.0.0.1:8O80/", s.raw());
        let url = format!("http://127.0.0.1:{port}/a?token={}", s.encoded());
        let header = format!("Authorization: Bearer {}", s.raw());
        let key = format!("X-Api-Key: {}", s.raw());
        let body = serde_json::json!({"password": s.raw()}).to_string();
        let [json, csv, html] =
            ["json", "csv", "html"].map(|k| format!("{k}={}", at(&format!("{round}.{k}"))));
        let (hlog, ledger) = (at(&format!("{round}.hlog")), at(&format!("{round}.ledger")));
        let brief = ["-r", "50/s", "-z", "200ms", "--timeout", "1s", "--grace", "0s"];
        let kafka = format!("joe:{}@127.0.0.1:{dead}", s.raw());
        let (user, password) = ("joe".to_owned(), s.raw());
        for (words, codes) in [
            (
                vec![
                    "http", &*url, "--header", &header, "--header", &key, "--body", &body, "--out",
                    &json, "--out", &csv, "--out", &html, "--hlog", &hlog, "--ledger", &ledger,
                ],
                &[0][..],
            ),
            (vec!["http", &*url, "--json", "--quiet", "--header", &header], &[0]),
            (vec!["http", &*to("http", "/")], &[4]),
            (vec!["http", &*wrong("http")], &[2]),
            (vec!["amqp", &*to("amqp", "/%2f"), "--queue", "q"], &[4]),
            (vec!["amqp", &*to("amqp", "/%2f"), "--queue", "q", "--predeclared", "--json"], &[4]),
            (vec!["amqp", &*wrong("amqp"), "--queue", "q"], &[2]),
            (vec!["redis", &*to("redis", "/3"), "--stream", "s"], &[4]),
            (vec!["redis", &*to("redis", "/"), "--list", "l", "--json"], &[4]),
            (vec!["redis", &*to("redis", "/"), "--stream", "s", "--cluster"], &[4]),
            (vec!["redis", &*to("redis", "/x"), "--stream", "s"], &[2]),
            (vec!["redis", &*wrong("redis"), "--stream", "s"], &[2]),
            (vec!["kafka", &*kafka, "--topic", "t"], &[2]),
            (
                vec![
                    "kafka",
                    "127.0.0.1:1",
                    "--topic",
                    "t",
                    "--sasl",
                    "PLAIN",
                    "--user",
                    &user,
                    "--password",
                    &password,
                ],
                &[4],
            ),
            (vec!["command", "--", "false", "--password", &password, &to("redis", "/")], &[0]),
        ] {
            let words = [&words[..1], &brief, &words[1..]].concat();
            let ended = run(&sandbox, Program::Loadgen, &words);
            s.expect_none_said(&ended);
            let code = ended.code.unwrap();
            assert!(codes.contains(&code), "{words:?}: {code} {}", ended.stderr);
        }
    }
    assert!(s.expect_none_below(sandbox.path(), &[]) >= 5 * ALPHABETS.len());
}

#[test]
fn faults_show_no_secret() {
    let (sandbox, s) = (sandbox(), Secrets::new(4));
    let dead = closed();
    let text_of = |faults: String, more: &str| {
        format!(
            "name = \"faults\"\n[params.db_password]\ndefault = \"none\"\nhelp = \"it\"\n[[phase]]\nname = \"load\"\nfor = \"2s\"\n{more}\n{faults}"
        )
    };
    let of_target = "[[fault]]\nname = \"of-target\"\nphase = \"load\"\nredis_pause = { url = \"${target.redis}\", for = \"1s\" }\n\
                     [[fault]]\nname = \"proxied\"\nphase = \"load\"\ntoxic = { admin = \"${target.proxy}\", proxy = \"p\", type = \"latency\", for = \"1s\" }";
    let file = sandbox.file("faults.toml", &text_of(faults(&s, dead), of_target)).unwrap();
    let undo = "[[fault]]\nname = \"undone\"\nphase = \"load\"\nrun_command = { inject = \"true\", confirm = \"true\", undo = \"true --password ${db_password}\", for = \"100ms\" }";
    let undone = sandbox.file("undone.toml", &text_of(String::new(), undo)).unwrap();
    let journal = text(&sandbox.out().join("journal.ndjson"));
    let (name, other) = (text(&file), text(&undone));
    let redis = format!("redis=redis://:{}@127.0.0.1:{dead}", s.encoded());
    let proxy = format!("proxy=http://127.0.0.1:{dead}");
    let user = format!("proxy=http://joe:{}@127.0.0.1:{dead}", s.encoded());
    let set = format!("db_password={}", s.raw());
    let wrong = format!("redis=redis://:{}@127.0.0.1:8O80", s.raw());
    let url = format!("redis://:{}@127.0.0.1:{dead}", s.encoded());
    let api = format!("http://joe:{}@127.0.0.1:{dead}", s.encoded());
    let common = ["--journal", &*journal];
    for words in [
        vec!["run", &*name, "--target", &redis, "--target", &proxy],
        vec!["run", &*name, "--target", &redis, "--target", &proxy, "--dry-run", "--json"],
        vec!["run", &*name, "--target", &redis, "--target", &proxy, "--json"],
        vec!["run", &*name, "--target", &redis, "--target", &user],
        vec!["run", &*name, "--target", &wrong, "--target", &proxy],
        vec!["run", &*other, "--set", &set],
        vec!["run", &*other, "--set", &set, "--dry-run"],
        vec!["redis-pause", "--url", &url, "--for", "1s"],
        vec!["close-connections", "--management", &api],
        vec!["log"],
        vec!["log", "--json"],
        vec!["recover", "--list"],
        vec!["recover"],
    ] {
        let ended = run(&sandbox, Program::Chaos, &[&words[..], &common].concat());
        s.expect_none_said(&ended);
        assert!(ended.code.is_some(), "{words:?}: {}", ended.stderr);
    }
    let lines = std::fs::read_to_string(&journal).unwrap();
    assert!(lines.contains("redis://joe:***@127.0.0.1"), "{lines}");
    let runs: Vec<PathBuf> = sandbox.runs().into_iter().filter(|path| path.is_dir()).collect();
    assert!(!runs.is_empty());
    assert!(s.expect_none_below(sandbox.path(), &[&file, &undone]) > 3);
}
