//! The metrics that a run serves while it goes on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{SCENARIO, command, text};

/// So long everything may take that waits for something.
const WITHIN: Duration = Duration::from_secs(120);

/// A service that takes every order; gives its address.
fn shop() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    format!("http://{address}")
}

/// Answers each request that ends with an empty line.
fn serve(mut stream: TcpStream) -> Option<()> {
    let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).ok().filter(|&length| length > 0)?;
        seen.extend_from_slice(&piece[..length]);
        while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            seen.drain(..end + 4);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
    }
}

/// What is served there, if anything is.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(WITHIN)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = if path == "/metrics" { "HTTP/1.1 200" } else { "HTTP/1.1 404" };
    assert!(head.starts_with(status), "{head}");
    Some(body.to_owned())
}

/// The value of a sample, if it is there.
fn value(page: &str, sample: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(sample))?;
    line.trim().parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks, up to a deadline")]
fn pause() {
    thread::sleep(Duration::from_millis(20));
}

#[test]
fn a_run_serves_its_phase_and_its_counts_while_it_goes_on() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shop.toml"), SCENARIO).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("its address").to_string();
    drop(free);
    let target = format!("shop={}", shop());
    let words = [
        "--scenario",
        "./shop.toml",
        "--target",
        &target,
        "--metrics",
        &address,
        "--duration",
        "8s",
        "--report",
        "openmetrics=shop.prom",
    ];
    let mut run = command(place.path(), &words);
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("verify starts");
    let begun = Instant::now();
    let acked = "verify_operations_total{workload=\"order\",outcome=\"acked\"} ";
    let page = loop {
        assert!(begun.elapsed() < WITHIN, "nothing was counted in time");
        match get(&address, "/metrics") {
            Some(page) if value(&page, acked).is_some_and(|acked| acked > 0.0) => break page,
            _ => pause(),
        }
    };
    assert_eq!(value(&page, "verify_phase{phase=\"load\"} "), Some(1.0), "{page}");
    assert_eq!(value(&page, "verify_phase{phase=\"set-up\"} "), Some(0.0), "{page}");
    let rate = "verify_asked_operations_per_second{workload=\"order\"} ";
    assert_eq!(value(&page, rate), Some(10.0), "{page}");
    let of = |name: &str| value(&page, &format!("{name}{{workload=\"order\"}} ")).unwrap();
    assert!(of("verify_started_total") <= of("verify_due_total"), "{page}");
    assert!(page.contains("scenario=\"shop\""), "{page}");
    promtool(&page);
    if let Some(told) = get(&address, "/") {
        assert!(told.contains("/metrics"), "{told}");
    }
    let ended = run.wait_with_output().expect("it ends");
    // A busy machine may have starved it.
    assert!(matches!(ended.status.code(), Some(0 | 3)), "{}", text(&ended.stderr));
    let metrics = std::fs::read_to_string(place.path().join("shop.prom")).unwrap();
    promtool(&metrics);
    let acked =
        "shakedown_workload_operations{scenario=\"shop\",workload=\"order\",outcome=\"acked\"} ";
    assert!(value(&metrics, acked).is_some_and(|acked| acked > 0.0), "{metrics}");
    assert!(get(&address, "/metrics").is_none(), "nothing is served any more");
}

#[test]
fn a_port_that_is_taken_ends_the_run_before_it_begins() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shop.toml"), SCENARIO).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let target = format!("shop={}", shop());
    let words = ["--scenario", "./shop.toml", "--target", &target, "--metrics", &address];
    let ended = command(place.path(), &words).output().expect("verify starts");
    let told = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(i32::from(verify::exit::ENVIRONMENT)), "{told}");
    assert!(told.contains("give a free port"), "{told}");
}

/// Where promtool is there, it has nothing to complain of.
fn promtool(page: &str) {
    let ran = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut ran) = ran else {
        println!("promtool is not here");
        return;
    };
    ran.stdin.take().expect("its input").write_all(page.as_bytes()).expect("it reads");
    let done = ran.wait_with_output().expect("it ends");
    let said = text(&[done.stdout, done.stderr].concat());
    assert!(done.status.success() && said.is_empty(), "{said}\n{page}");
}
