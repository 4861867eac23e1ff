//! Where a target leads the load on to: said before the load, and never
//! connected to when nobody allowed it. These addresses are nobody's (RFC 5737); all
//! that is seen of them here is that they were refused.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loadgen::transport::redis::Into;
use loadgen::{Job, Report};

use crate::cluster::{job_to, pretend, pretend_to_know, pretended, slots, wait};
use crate::server::Server;
use crate::support::redis::Redis;
use crate::support::{PATIENCE, SECOND, complete, start};

/// Every operation is sent there in the end.
const FAR: &str = "192.0.2.1:6379";

/// How a report names it.
const REFUSED: &str = "not allowed: 192.0.2.1 is not on this machine: a node of the Redis Cluster; \
                       if this is meant, allow it with --allow 192.0.2.1";

fn list() -> Into {
    Into::List { name: "l".to_owned(), left: false }
}

/// A node of a cluster whose other nodes are elsewhere, and how many commands it
/// got beside the questions.
fn scattered() -> (u16, Arc<AtomicU64>) {
    let commands = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&commands);
    let knows = |port| slots(&[("127.0.0.1", port), ("192.0.2.1", 7000), ("198.51.100.2", 7000)]);
    let port = pretend_to_know(knows, move |_, _, _| {
        count.fetch_add(1, Ordering::SeqCst);
        ":1".to_owned()
    });
    (port, commands)
}

/// Sees that each operation failed, and that there is one reason for it.
fn failed_as_not_allowed(report: &Report) {
    assert_eq!((report.totals.failed, report.forbidden), (20, 20), "{:?}", report.errors);
    assert_eq!(report.errors, [(REFUSED.to_owned(), 20)]);
    assert!(!report.never_reached());
}

#[test]
fn nodes_of_other_machines_are_said_all_at_once_before_the_load() {
    let (port, commands) = scattered();
    let job = |allowed: &[&str]| Job {
        allowed: allowed.iter().map(|&host| host.to_owned()).collect(),
        ..job_to(port, list(), 20.0, SECOND)
    };
    let error = job(&[]).ready().unwrap_err().to_string();
    let at = format!("a node of the Redis Cluster at 127.0.0.1:{port}");
    assert_eq!(
        error,
        format!(
            "192.0.2.1 is not on this machine: {at}\n198.51.100.2 is not on this machine: {at}\n\
             If this is meant, allow it with --allow 192.0.2.1 --allow 198.51.100.2"
        )
    );
    let error = job(&["198.51.100.2"]).ready().unwrap_err().to_string();
    assert!(error.ends_with("with --allow 192.0.2.1"), "{error}");
    // To make ready is to ask, and to ask the given address alone.
    job(&["198.51.100.2", "192.0.2.1"]).ready().unwrap();
    assert_eq!(commands.load(Ordering::SeqCst), 0);
}

#[test]
fn a_name_that_means_nothing_is_said_before_the_load() {
    let knows = |port| slots(&[("127.0.0.1", port), ("no-such-host.invalid", 7000)]);
    let port = pretend_to_know(knows, |_, _, _| ":1".to_owned());
    let error = job_to(port, list(), 20.0, SECOND).ready().unwrap_err().to_string();
    assert!(error.contains("no-such-host.invalid cannot be looked up"), "{error}");
}

#[test]
fn a_real_node_that_announces_another_machine_is_refused() {
    let server = Redis::start_node();
    server.demand(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    server.demand(&["CONFIG", "SET", "cluster-announce-ip", "192.0.2.1"]);
    wait("the node to announce the address", || {
        server.ask(&["CLUSTER", "NODES"]).is_some_and(|nodes| nodes.contains("192.0.2.1"))
    });
    let error = job_to(server.port, list(), 20.0, SECOND).ready().unwrap_err().to_string();
    assert!(error.contains("192.0.2.1 is not on this machine"), "{error}");
    assert!(error.ends_with("with --allow 192.0.2.1"), "{error}");
    // It is not asked for where nobody keeps to the topology.
    let mut job = job_to(server.port, list(), 20.0, SECOND);
    let loadgen::Transport::Redis(redis) = &mut job.transport else { unreachable!() };
    redis.cluster = false;
    job.ready().unwrap();
}

#[test]
fn a_redirection_to_another_machine_fails_and_is_not_followed() {
    for redirection in ["MOVED", "ASK"] {
        let port = pretend(move |_, _, _| format!("-{redirection} 1 {FAR}"));
        failed_as_not_allowed(&pretended(port, PATIENCE));
    }
}

#[test]
fn a_topology_that_leads_elsewhere_later_is_not_followed() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let knows = move |port| match count.fetch_add(1, Ordering::SeqCst) {
        0 => slots(&[("127.0.0.1", port)]),
        _ => slots(&[("192.0.2.1", 6379)]),
    };
    let port = pretend_to_know(knows, |_, _, _| "-CLUSTERDOWN not now".to_owned());
    let job = Job { allowed: Vec::new(), timeout: PATIENCE, ..job_to(port, list(), 20.0, SECOND) };
    failed_as_not_allowed(&complete(start(job).wait().unwrap()));
    assert!(asked.load(Ordering::SeqCst) > 1);
}

#[test]
fn consumers_do_not_follow_either() {
    let port = pretend(|_, command, _| match command {
        "BLPOP" => format!("-MOVED 1 {FAR}"),
        _ => ":1".to_owned(),
    });
    let job = Job { consumers: 1, ..job_to(port, list(), 20.0, SECOND) };
    let report = complete(start(job).wait().unwrap());
    assert_eq!(report.totals.acked, 20, "{:?}", report.errors);
    let errors = report.received.unwrap().errors;
    let refused =
        errors.iter().any(|(error, _)| error.contains("192.0.2.1 is not on this machine"));
    assert!(refused, "{errors:?}");
}

#[test]
fn the_program_says_what_to_type() {
    let (port, commands) = scattered();
    let url = format!("redis://127.0.0.1:{port}");
    let run = |more: &[&str], environment: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(["redis", &url, "--cluster", "--list", "l", "--quiet"]);
        command.args(["-r", "20/s", "-z", "1s"]).args(more);
        let output = command.env("SHAKEDOWN_ALLOW", environment).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = run(&[], "");
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--allow 192.0.2.1 --allow 198.51.100.2"), "{err}");
    for (flags, environment) in [(&["--allow", "192.0.2.1"][..], ""), (&[], "192.0.2.1 example")] {
        let (code, err) = run(flags, environment);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.ends_with("with --allow 198.51.100.2\n"), "{err}");
    }
    assert_eq!(commands.load(Ordering::SeqCst), 0);
}

/// A redirect of HTTP is an answer like any other.
#[test]
fn a_redirect_is_not_followed() {
    let server = Server::start(|talk| {
        while talk.request().is_some() {
            talk.write(
                "HTTP/1.1 307 X\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n",
            );
        }
    });
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["http", &server.url(), "-r", "20/s", "-z", "1s", "--quiet", "--json"])
        .output()
        .unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["operations"]["indeterminate"], 20, "{result}");
    assert!(result.to_string().contains("status 307"), "{result}");
}
