//! `loadgen` and `chaos` on a real broker, each alone.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tests::machine::Machine;
use tests::program::{Profile, Program};
use tests::run::Run;
use tests::system::OwnSystem;
use tests::wait;

use crate::support::{expect, get, sandbox};

/// What the management API says of something, as JSON; null for nothing.
fn told(system: &OwnSystem, path: &str) -> Value {
    // While the broker is down it tells nothing.
    let answer = get(system.target("management").unwrap(), path).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or(Value::Null)
}

/// How many messages the system's queue holds, once the broker says so.
fn messages(system: &OwnSystem) -> Option<u64> {
    let queues = told(system, "/api/queues?disable_stats=true&enable_queue_totals=true");
    let ours = queues.as_array()?.iter().find(|queue| queue["name"] == "events.out")?;
    ours["messages"].as_u64()
}

#[test]
fn load_goes_on_over_the_death_of_the_broker_and_every_operation_is_accounted_for() {
    let _machine = Machine::acquire().unwrap();
    let system = OwnSystem::start("publisher", "correct", Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let url = system.target("rabbitmq").unwrap();
    let line = ["amqp", url, "--exchange", "events", "--routing-key", "event.load", "--json"];
    let shape = ["--rate", "300/s", "--duration", "15s", "--connections", "4", "--timeout", "3s"];
    let mut command = sandbox.command(Program::Loadgen, &[&line[..], &shape[..]].concat()).unwrap();
    let run = Run::start(&mut command).unwrap();
    // In the middle of the load: some messages are there, more are to come.
    wait::until("messages in the queue", Duration::from_secs(60), || {
        messages(&system).filter(|&count| count > 300)
    })
    .unwrap();
    system.kill("rabbitmq", Signal::KILL).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, 0, &[]);

    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let count = |outcome: &str| report["operations"][outcome].as_u64().unwrap();
    let (acked, unknown) = (count("acked"), count("indeterminate"));
    assert_eq!(count("due"), 4_500);
    assert_eq!(acked + unknown + count("failed") + count("dropped"), 4_500);
    assert!(!report["outages"].as_array().unwrap().is_empty(), "{report}");
    // Confirmed messages survive; of those that are unknown some may be there.
    let held = wait::until("the count of the queue", Duration::from_secs(60), || {
        messages(&system).filter(|count| (acked..=acked + unknown).contains(count))
    });
    held.unwrap_or_else(|error| {
        panic!("{error}: {acked} acked, {unknown} unknown, {:?} held", messages(&system))
    });
}

/// A load of 15 s during which the broker is short of memory, for good or for
/// some seconds; gives the report.
fn load_on_a_broker_short_of_memory(relieved: bool) -> Value {
    let _machine = Machine::acquire().unwrap();
    let system = OwnSystem::start("publisher", "correct", Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let url = system.target("rabbitmq").unwrap();
    let line = ["amqp", url, "--exchange", "events", "--routing-key", "event.load", "--json"];
    let shape = ["--rate", "300/s", "--duration", "20s", "--connections", "4", "--timeout", "2s"];
    let more = ["--grace", "2s", "--confirm", "50"];
    let words = [&line[..], &shape[..], &more[..]].concat();
    let mut command = sandbox.command(Program::Loadgen, &words).unwrap();
    let run = Run::start(&mut command).unwrap();
    let count = |least| {
        wait::until("messages in the queue", Duration::from_secs(60), || {
            messages(&system).filter(|&count| count > least)
        })
    };
    let before = count(300).unwrap().0;
    system.rabbitmqctl(&["set_vm_memory_high_watermark", "absolute", "1"]).unwrap();
    if relieved {
        let alarms = || {
            let nodes = told(&system, "/api/nodes?columns=mem_alarm");
            nodes[0]["mem_alarm"].as_bool().filter(|&alarm| alarm)
        };
        wait::until("the alarm", Duration::from_secs(60), alarms).unwrap();
        system.rabbitmqctl(&["eval", "timer:sleep(4000)."]).unwrap();
        system.rabbitmqctl(&["set_vm_memory_high_watermark", "0.9"]).unwrap();
        count(before + 1_000).unwrap();
    }
    let ended = run.end().unwrap();
    expect(&ended, 0, &[]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let count = |outcome: &str| report["operations"][outcome].as_u64().unwrap();
    let (acked, unknown) = (count("acked"), count("indeterminate"));
    assert_eq!(count("due"), 6_000);
    assert_eq!(acked + unknown + count("failed") + count("dropped"), 6_000, "{report}");
    // No more is under way than the windows hold.
    assert!((1..=4 * 50).contains(&unknown), "{report}");
    assert_eq!(report["outages"].as_array().unwrap().len(), 1, "{report}");
    assert!(report["errors"].to_string().contains("blocked"), "{report}");
    let held = wait::until("the count of the queue", Duration::from_secs(60), || {
        messages(&system).filter(|count| (acked..=acked + unknown).contains(count))
    });
    held.unwrap_or_else(|error| {
        panic!("{error}: {acked} acked, {unknown} unknown, {:?} held", messages(&system))
    });
    report
}

#[test]
fn a_memory_alarm_that_stays_is_an_outage_and_the_run_ends_on_time() {
    let report = load_on_a_broker_short_of_memory(false);
    assert_eq!(report["outages"][0]["open"], true, "{report}");
    assert!(report["operations"]["dropped"].as_u64().unwrap() > 0, "{report}");
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn a_memory_alarm_that_goes_is_an_outage_and_the_run_goes_on() {
    let report = load_on_a_broker_short_of_memory(true);
    assert_eq!(report["outages"][0]["open"], false, "{report}");
    assert_eq!(report["operations"]["dropped"], 0, "{report}");
}

#[test]
fn a_stream_is_read_on_from_where_its_consumer_was_cut_off() {
    let _machine = Machine::acquire().unwrap();
    let system = OwnSystem::start("publisher", "correct", Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let url = system.target("rabbitmq").unwrap();
    let bound = ["--exchange", "orders", "--exchange-type", "topic", "--queue", "log"];
    let keys = ["--binding-key", "order.#", "--routing-key", "order.@{key}.made"];
    let shape = ["--rate", "200/s", "--duration", "5m", "--consumers", "1", "--json"];
    let more = ["--queue-type", "stream", "--queue-arg", "x-max-age=1h"];
    let words = [&["amqp", url], &bound[..], &keys[..], &shape[..], &more[..]].concat();
    let mut run = Run::start(&mut sandbox.command(Program::Loadgen, &words).unwrap()).unwrap();
    let reader = || {
        let connections = told(&system, "/api/connections");
        let reads = |peer: &&Value| peer["user_provided_name"] == "shakedown:reader:amqp";
        connections.as_array()?.iter().find(reads)?["name"].as_str().map(str::to_owned)
    };
    let first = wait::until("the consumer", Duration::from_secs(60), reader).unwrap().0;
    system.rabbitmqctl(&["close_all_connections", "for a test"]).unwrap();
    let again = || reader().filter(|name| *name != first);
    wait::until("the consumer to come back", Duration::from_secs(60), again).unwrap();
    run.signal(Signal::INT).unwrap();
    let ended = run.end().unwrap();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let received = &report["received"];
    assert!(!received["errors"].as_array().unwrap().is_empty(), "it was cut off: {report}");
    assert_eq!((&received["repeated"], &received["foreign"]), (&0.into(), &0.into()), "{report}");
    let acked = report["operations"]["acked"].as_u64().unwrap();
    assert!(acked > 0 && received["operations"].as_u64().unwrap() >= acked, "{report}");
}

#[test]
fn a_closed_connection_is_seen_closed_and_its_owner_comes_back() {
    let _machine = Machine::acquire().unwrap();
    let system = OwnSystem::start("publisher", "correct", Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let peer = || {
        let connections = told(&system, "/api/connections");
        let ours =
            connections.as_array()?.iter().find(|c| c["user_provided_name"] == "service-1")?;
        ours["name"].as_str().map(str::to_owned)
    };
    let before =
        wait::until("the connection in the list", Duration::from_secs(60), peer).unwrap().0;
    let management = system.target("management").unwrap();
    let journal = sandbox.path().join("journal");
    let line = ["close-connections", "--management", management, "--matching", "service-1"];
    let more = ["--journal", &journal.to_string_lossy(), "--json"];
    let mut command = sandbox.command(Program::Chaos, &[&line[..], &more[..]].concat()).unwrap();
    let ended = Run::start(&mut command).unwrap().end().unwrap();
    expect(&ended, 0, &[]);
    let after = wait::until("the connection that came instead", Duration::from_secs(60), || {
        peer().filter(|name| *name != before)
    });
    after.unwrap();
    let journal = std::fs::read_to_string(&journal).unwrap();
    for state in ["injecting", "injected", "confirmed", "undone", "healed"] {
        assert!(journal.contains(&format!("\"state\":\"{state}\"")), "{state} is not in {journal}");
    }
}
