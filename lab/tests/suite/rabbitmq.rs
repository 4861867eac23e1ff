//! Private RabbitMQ nodes: they start, stand side by side, come back, and go.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use lab::server::rabbitmq::{PORT_MAPPER, SERVER};
use lab::{Lab, LabError, RabbitMq, RabbitMqOptions, Server};
use rustix::process::Signal;

use crate::support::{Host, http, is_alive, kill, lab, mentioning, patience, until};

fn start(lab: &Lab) -> RabbitMq {
    RabbitMq::start(lab, &RabbitMqOptions::default(), patience()).unwrap()
}

#[test]
fn two_nodes_stand_side_by_side_and_leave_nothing() {
    let logs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let begun = Instant::now();
    let (one, two) = thread::scope(|scope| {
        let [one, two] = [&logs[0], &logs[1]].map(|logs| {
            scope.spawn(|| {
                let lab = lab(logs.path());
                let broker = start(&lab);
                (lab, broker)
            })
        });
        (one.join().unwrap(), two.join().unwrap())
    });
    println!("two nodes at once were ready after {:?}", begun.elapsed());
    assert_ne!(one.1.amqp_url, two.1.amqp_url);
    for (lab, broker) in [one, two] {
        assert!(broker.version.starts_with(|c: char| c.is_ascii_digit()));
        let (status, metrics) = http("GET", &broker.metrics_url, "").unwrap();
        assert_eq!(status, 200);
        assert!(metrics.contains("\nrabbitmq_channels 0\n"));
        let roles: Vec<(String, String)> =
            lab.processes().into_iter().map(|p| (p.name, p.role)).collect();
        let pair = |name: &str, role: &str| (name.to_owned(), role.to_owned());
        assert_eq!(roles, [pair(PORT_MAPPER, "internal"), pair(SERVER, SERVER)]);

        let scratch = lab.scratch().to_owned();
        let begun = Instant::now();
        lab.stop().unwrap();
        println!("stopped after {:?}", begun.elapsed());
        assert!(!scratch.exists());
        assert_eq!(mentioning(&scratch).len(), 0);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, broker.amqp_port())).is_ok());
    }
}

#[test]
fn a_killed_node_comes_back_on_the_same_ports() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let begun = Instant::now();
    let broker = start(&lab);
    println!("one node was ready after {:?}", begun.elapsed());
    kill(lab.process(SERVER).unwrap().pid.unwrap(), Signal::KILL);
    until("the restart", || (lab.process(SERVER)?.restarts == 1).then_some(()));
    broker.wait_until_ready(&lab, patience()).unwrap();
    let log = fs::read_to_string(lab.log(SERVER)).unwrap();
    assert!(!log.contains('\u{1b}'), "no colours in the log");
}

#[test]
fn a_killed_program_takes_its_node_along() {
    let mut host = Host::start("rabbitmq", &[]);
    until("ready", || (host.line() == ["ready"]).then_some(()));
    host.child.kill().unwrap();
    host.expect_nothing_left();
}

#[test]
fn a_killed_keeper_takes_its_node_along() {
    let mut host = Host::start("rabbitmq", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    until("ready", || (host.line() == ["ready"]).then_some(()));
    kill(keeper, Signal::KILL);
    let host_pid = host.child.id();
    until("the node's end", || {
        mentioning(host.folder.path()).into_iter().all(|pid| pid == host_pid).then_some(())
    });
    assert!(is_alive(host_pid));
    drop(host.child.stdin.take());
    host.expect_nothing_left();
}

#[test]
fn a_missing_installation_is_answered_with_the_command() {
    let empty = tempfile::tempdir().unwrap();
    let mut host = Host::start("rabbitmq", &[("SHAKEDOWN_RABBITMQ_BIN", empty.path())]);
    let errors = host.errors();
    for words in ["rabbitmq-server is not installed", "apt-get install -y", "--provision"] {
        assert!(errors.contains(words), "{errors}");
    }
    host.expect_nothing_left();
}

#[test]
fn a_node_that_dies_at_start_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("rabbitmq-server");
    fs::write(&script, "#!/bin/sh\necho the disk is made of cheese\nexit 1\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut host = Host::start("rabbitmq", &[("SHAKEDOWN_RABBITMQ_BIN", folder.path())]);
    let errors = host.errors();
    for words in ["exit code 1", "the disk is made of cheese", "rabbitmq.log"] {
        assert!(errors.contains(words), "{errors}");
    }
    host.expect_nothing_left();
}

#[test]
fn a_taken_port_and_an_interrupt_are_told_apart() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = RabbitMqOptions { amqp_port: Some(port) };
    let error = RabbitMq::start(&lab, &options, patience()).unwrap_err();
    assert!(matches!(error, LabError::PortInUse { port: p } if p == port), "{error}");

    let interrupted = AtomicBool::new(true);
    let impatient = patience().cancelled_by(&interrupted);
    let error = RabbitMq::start(&lab, &RabbitMqOptions::default(), impatient).unwrap_err();
    assert!(matches!(error, LabError::Cancelled { .. }), "{error}");
    assert!(lab.processes().iter().all(|process| process.pid.is_none()));
}
