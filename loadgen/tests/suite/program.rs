//! The program `loadgen`, from the outside.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use crate::server::Server;
use loadgen::{Ledger, hlog};

fn loadgen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.env_remove("LOADGEN_HTTP_URL").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    loadgen().args(args).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_run_leaves_a_summary_a_ledger_and_a_latency_log() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    let (ledger, log) = (folder.path().join("l"), folder.path().join("h"));
    let output = loadgen()
        .args(["http", &server.url(), "-r", "200/s", "-z", "2s", "--json", "--run", "r1"])
        .arg("--ledger")
        .arg(&ledger)
        .arg("--hlog")
        .arg(&log)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = json(&output);
    assert_eq!(result["operations"]["due"], 400);
    assert_eq!(result["operations"]["acked"], 400);
    assert_eq!(result["latency_seconds"]["response"]["count"], 400);
    assert_eq!(result["outages"], serde_json::json!([]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("acked"), "a plain live line");
    let ledger = Ledger::load(&ledger).unwrap();
    assert_eq!((ledger.run(), ledger.workload(), ledger.due()), ("r1", "http", 400));
    assert!(ledger.is_complete());
    let intervals = hlog::read(&std::fs::read(&log).unwrap()).unwrap();
    assert_eq!(intervals.len(), 6);
    let responses: u64 = intervals
        .iter()
        .filter(|interval| interval.tag == "http.response")
        .map(|interval| interval.histogram.len())
        .sum();
    assert_eq!(responses, 400);
}

#[test]
fn the_summary_is_for_people() {
    let server = Server::start(|talk| talk.answer_all(503));
    let output = run(&["http", &server.url(), "-r", "100/s", "-z", "500ms", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["asked 100/s", "indeterminate           50     100%", "50 × status 503", "response"]
    {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let server = Server::start(|_| {});
    let url = server.url();
    drop(server);
    let quick = ["-r", "20/s", "-z", "500ms", "--quiet", "--timeout", "200ms", "--grace", "200ms"];
    let nobody = run(&[&["http", url.as_str()], &quick[..]].concat());
    assert_eq!(nobody.status.code(), Some(4), "{nobody:?}");
    for usage in [
        &["http", "ftp://127.0.0.1/"][..],
        &["http", "http://127.0.0.1/", "--rate", "500x"],
        &["amqp", "amqp://127.0.0.1/"],
        &["http", "http://127.0.0.1/", "--streams", "8"],
        &["http", "http://127.0.0.1/", "--http2", "--streams", "0"],
        &["http", "http://127.0.0.1/", "--workers", "0"],
        &["http", "http://127.0.0.1/", "--concurrency", "4", "-r", "10"],
        &["amqp", "amqp://127.0.0.1/", "--queue", ""],
        &["redis", "redis://127.0.0.1/", "--stream", ""],
        &["command"],
        &["fly"],
    ] {
        assert_eq!(run(usage).status.code(), Some(2), "{usage:?}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
    assert!(String::from_utf8_lossy(&run(&["completions", "bash"]).stdout).contains("loadgen"));
    let pages = tempfile::tempdir().unwrap();
    let folder = pages.path().to_string_lossy().into_owned();
    assert_eq!(run(&["man", &folder]).status.code(), Some(0));
    let page = std::fs::read_to_string(pages.path().join("loadgen-http.1")).unwrap();
    assert!(page.contains("keepalive"), "{page}");
    assert_eq!(run(&["man", "/dev/null"]).status.code(), Some(4));
}

#[test]
fn an_interrupt_ends_with_a_full_report() {
    let server = Server::start(|talk| talk.answer_all(200));
    let mut child = loadgen()
        .args(["http", &server.url(), "-r", "500/s", "-z", "1h", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    // The live lines must be read to the end, or the program may wait for it.
    let rest = std::thread::spawn(move || lines.count());
    let output = child.wait_with_output().unwrap();
    rest.join().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let result = json(&output);
    assert_eq!(result["interrupted"], true);
    let operations = &result["operations"];
    assert!(operations["acked"].as_u64().unwrap() > 0);
    let sum: u64 = ["acked", "failed", "indeterminate", "dropped"]
        .iter()
        .map(|name| operations[name].as_u64().unwrap())
        .sum();
    assert_eq!(operations["due"].as_u64().unwrap(), sum);
}

/// Nobody is there to send a second one, and who supervises kills what goes on.
#[test]
fn who_terminates_or_hangs_up_does_not_wait_for_the_last_answers() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let server = Server::start(|talk| while talk.request().is_some() {});
        let mut child = loadgen()
            .args(["http", &server.url(), "-r", "50/s", "-z", "1h", "--timeout", "1h", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, signal).unwrap();
        let rest = std::thread::spawn(move || lines.count());
        let output = child.wait_with_output().unwrap();
        rest.join().unwrap();
        assert_eq!(output.status.code(), Some(130), "{signal:?}");
        let operations = &json(&output)["operations"];
        assert_eq!(operations["acked"], 0);
        assert!(operations["indeterminate"].as_u64().unwrap() > 0, "{operations}");
    }
}

#[test]
fn a_hundred_a_minute_are_ten_in_six_seconds() {
    let server = Server::start(|talk| talk.answer_all(200));
    let output = run(&["http", &server.url(), "-r", "100/min", "-z", "6s", "--json", "--quiet"]);
    assert_eq!(json(&output)["operations"]["due"], 10);
    let one = run(&["http", &server.url(), "-r", "50/s", "-n", "1", "--quiet"]);
    let text = String::from_utf8(one.stdout).unwrap();
    assert!(text.contains("asked 50/s"), "{text}");
}

/// The operations and quantiles of a latency log, as the Python package
/// `hdrhistogram` reads them.
fn read_by_python(log: &std::path::Path, tag: &str) -> Vec<u64> {
    let folder = std::env::var_os("SHAKEDOWN_HDRHISTOGRAM").unwrap_or_else(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/hdrhistogram");
        let output = Command::new(script).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().into()
    });
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/latency_log.py"))
        .arg(log)
        .arg(tag)
        .env("PYTHONPATH", folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn the_files_of_instances_merge_and_the_standard_tools_read_them() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    #[expect(clippy::disallowed_methods, reason = "a test is a shell that owns a clock")]
    let start = std::time::SystemTime::now() + std::time::Duration::from_secs(2);
    let start = jiff::Timestamp::try_from(start).unwrap().to_string();
    let instances: Vec<_> = (1..=4)
        .map(|number| {
            loadgen()
                .args(["http", &server.url(), "-r", "400", "-z", "2s", "--quiet", "--run", "r1"])
                .args(["--instance", &format!("{number}/4"), "--start-at", &start])
                .arg("--ledger")
                .arg(path(&format!("{number}.ledger")))
                .arg("--out")
                .arg(format!("hlog={}", path(&format!("{number}.hlog")).display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut instance in instances {
        assert!(instance.wait().unwrap().success());
    }
    let inputs = (1..=4).flat_map(|n| [path(&format!("{n}.ledger")), path(&format!("{n}.hlog"))]);
    let output = loadgen()
        .arg("merge")
        .args(inputs)
        .arg("--ledger")
        .arg(path("all.ledger"))
        .arg("--hlog")
        .arg(path("all.hlog"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let ledger = Ledger::load(&path("all.ledger")).unwrap();
    assert!(ledger.is_complete());
    assert_eq!(ledger.due(), 800);

    // The merged log is exactly the sum of the four.
    let sum = |names: &[String]| {
        let mut sum = loadgen::latency::histogram();
        for name in names {
            let log = std::fs::read(path(name)).unwrap();
            for interval in hlog::read(&log).unwrap() {
                if interval.tag == "http.response" {
                    sum.add(interval.histogram).unwrap();
                }
            }
        }
        sum
    };
    let parts: Vec<String> = (1..=4).map(|n| format!("{n}.hlog")).collect();
    let whole = sum(&["all.hlog".to_owned()]);
    assert_eq!(whole, sum(&parts));
    assert_eq!(whole.len(), 800);

    let at = |quantile| whole.value_at_quantile(quantile);
    assert_eq!(
        read_by_python(&path("all.hlog"), "http.response"),
        [800, at(0.5), at(0.99), at(1.0)]
    );
}

#[test]
fn thresholds_decide_the_exit_code_and_every_file_is_written() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = |threshold: &str| {
        loadgen()
            .args(["http", &server.url(), "-r", "200", "-z", "2s", "--quiet", "--warmup", "1s"])
            .args(["--threshold", threshold, "--threshold", "errors<1% each 1s"])
            .args(["--out", &format!("json={}", path("r.json").display())])
            .args(["--out", &format!("csv={}", path("r.csv").display())])
            .args(["--out", &format!("html={}", path("r.html").display())])
            .output()
            .unwrap()
    };
    let held = run("p99<1h");
    assert_eq!(held.status.code(), Some(0), "{held:?}");
    let broken = run("p50<1us");
    assert_eq!(broken.status.code(), Some(1), "{broken:?}");
    assert!(String::from_utf8_lossy(&broken.stdout).contains("BROKEN  p50<1us"));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path("r.json")).unwrap()).unwrap();
    assert_eq!(json["operations"]["due"], 400);
    assert_eq!(json["measured"]["due"], 200, "the warm-up does not count");
    assert_eq!(json["thresholds"][0]["held"], false);
    let csv = std::fs::read_to_string(path("r.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3);
    let html = std::fs::read_to_string(path("r.html")).unwrap();
    assert!(html.contains("p50&lt;1us") && html.contains("<svg"));

    let nowhere = run_to(&server, "/nowhere/r.json");
    assert_eq!(nowhere.status.code(), Some(4), "{nowhere:?}");
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("cannot be written"));
}

fn run_to(server: &Server, path: &str) -> Output {
    run(&["http", &server.url(), "-r", "10", "-z", "10s", "--out", &format!("json={path}")])
}

/// Whoever has no threshold is told all the same that nothing worked.
#[test]
fn errors_fail_a_run_where_that_is_asked_for_and_are_warned_of_otherwise() {
    let server = Server::start(|talk| talk.answer_all(503));
    let once = ["http", &server.url(), "-r", "20", "-n", "5", "--quiet"];
    let warned = run(&once);
    assert_eq!(warned.status.code(), Some(0), "{warned:?}");
    let text = String::from_utf8_lossy(&warned.stdout);
    assert!(text.contains("warning: not one operation was acked"), "{text}");
    let failed = run(&[&once[..], &["--fail-on-error"]].concat());
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("5 of 5 operations were not acked"), "{said}");
    let well = Server::start(|talk| talk.answer_all(200));
    let url = well.url();
    let passed = run(&["http", &url, "-r", "20", "-n", "5", "--quiet", "--fail-on-error"]);
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
}

#[test]
fn retries_are_figures_of_their_own() {
    let server = Server::start(|talk| {
        // Each operation is known by its body; they come between each other's tries.
        // When the last one is handed out, nobody tries again any more.
        let mut tries = std::collections::BTreeMap::<String, u32>::new();
        while let Some((_, body)) = talk.request() {
            let is_early = tries.len() < 3 || tries.contains_key(&body);
            let count = tries.entry(body).or_insert(if is_early { 0 } else { 2 });
            *count += 1;
            if !talk.answer(if *count < 3 { 503 } else { 200 }) {
                return;
            }
        }
    });
    let args = ["http", &server.url(), "-c", "1", "-r", "10", "-n", "20", "--retries", "2"];
    let args = [&args[..], &["--body", "@{id}"]].concat();
    let output = run(&[&args[..], &["--quiet", "--json"]].concat());
    let result = json(&output);
    assert_eq!(result["operations"]["acked"], 20, "{result:#}");
    let retries = serde_json::json!({"operations": 3, "attempts": 6, "acked": 3});
    assert_eq!(result["retries"], retries);
    assert_eq!(result["connections"]["asked"], 1);
    assert!(result["connections"]["all_since_seconds"].is_number(), "{result:#}");
    let text = String::from_utf8(run(&[&args[..], &["--quiet"]].concat()).stdout).unwrap();
    assert!(text.contains("6 times in all, 3 acked in the end"), "{text}");
}

#[test]
fn what_a_server_says_does_not_move_the_cursor() {
    let server = Server::start(|talk| {
        while talk.command().is_some_and(|words| words[0] != "LPUSH" && words[0] != "RPUSH") {
            talk.write("+OK\r\n");
        }
        talk.write("-ERR \u{1b}[2J\u{9b}31m gone\r\n");
        talk.command();
    });
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("r.html");
    let url = server.url().replace("http", "redis");
    let output = loadgen()
        .args(["redis", &url, "--list", "l", "-r", "10", "-n", "1", "-P", "1", "--out"])
        .arg(format!("html={}", page.display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ERR \\u{1b}[2J\\u{9b}31m gone"), "{text}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("\\u{1b}[2J"), "{page}");
    for shown in [&*text, &page, &String::from_utf8(output.stderr).unwrap()] {
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown}");
    }
}

#[test]
fn every_header_and_letter_of_a_request_is_sent() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let server = {
        let seen = std::sync::Arc::clone(&seen);
        Server::start(move |talk| {
            while let Some((head, _)) = talk.request() {
                *seen.lock().unwrap() = head;
                talk.answer(200);
            }
        })
    };
    let url = format!("{}\u{fc} x?q=\u{f6}&q=2", server.url());
    let headers = ["-H", "cookie: a=1", "-H", "cookie: b=2", "--header", "x-y: z"];
    let output = run(&[&["http", &url, "-n", "1", "--quiet"], &headers[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let head = seen.lock().unwrap().clone();
    for part in ["GET /%C3%BC%20x?q=%C3%B6&q=2 ", "cookie: a=1", "cookie: b=2", "x-y: z"] {
        assert!(head.contains(part), "{part:?} is missing in:\n{head}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("accepted 1 in all"), "{text}");
}

/// A cause is told once.
#[test]
fn causes_are_not_told_twice() {
    let output = run(&["http", "http://no-such-host.invalid/"]);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("lookup").count(), 1, "{said}");
}
