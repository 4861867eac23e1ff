//! A case for every kind of fault and every kind of target.

use std::collections::BTreeMap;

use scenarios::plan::fault::Harm;
use scenarios::plan::{Effects, EffectsSource, Fault, FaultKind, Listing, Probe, ProbeKind};
use scenarios::units::Span;
use scenarios::{Plan, Settings};
use serde::Deserialize;

use super::*;

const FAR: &str = include_str!("../../../scenarios/tests/every-fault.txt");

/// A workload of each kind, sent to what nobody allowed.
const LOADS: &str = r#"
http = { url = "${target.far}/publish?x=@{id}", method = "GET", headers = {}, body = "", accepted = "200", refused = "400" }
amqp = { url = "amqp://192.0.2.1", exchange = "", routing_key = "q", body = "", confirm_window = 1 }
redis = { url = "redis://192.0.2.1", cluster = false, pipeline = 1, into = { list = { name = "l", left = false, body = "" } } }
kafka = { brokers = "127.0.0.1:9092,192.0.2.1:9092", topic = "t", body = "", headers = {}, acks = "all", settings = {} }
command = { run = "curl ${target.far}", refused = [] }
"#;

/// A probe of each kind, which looks at what nobody allowed.
const PROBES: &str = r#"
rabbitmq = { metrics = "http://192.0.2.1:15692/metrics", management = "http://192.0.2.1:15672" }
process = { role = "far" }
pods = { context = "", namespace = "far", labels = "app=far" }
health = { url = "http://192.0.2.1" }
logs = { file = "/var/log/far", containing = [] }
redis_streams = { url = "redis://192.0.2.1", streams = ["s"] }
sql = { url = "postgres://192.0.2.1/db", query = "DELETE FROM t", timeout = "1s", counter = false, unit = "count" }
prometheus = { urls = ["http://192.0.2.1/metrics"], metrics = {} }
promql = { url = "http://192.0.2.1", query = "up", counter = false, unit = "count" }
rabbitmq_queues = { management = "http://192.0.2.1:15672", vhost = "/", queues = ["q"] }
mongodb = { url = "mongodb://192.0.2.1/db", collection = "c", ask = { count = { filter = "{}" } }, timeout = "1s", counter = false, unit = "count" }
redis_keys = { url = "redis://192.0.2.1", keys = ["k"] }
kafka = { brokers = "192.0.2.1:9092", topics = ["t"], groups = ["g"], isolation = "read_committed", uncommitted = "unknown", settings = {} }
command = { run = "curl ${target.far}", timeout = "1s", series = {} }
"#;

/// A source of effects of each kind.
const SOURCES: &str = r#"
amqp_tap = { url = "amqp://192.0.2.1", exchange = "e", routing_key = "", identity = "message_id" }
listing = { http = { url = "http://192.0.2.1" } }
"#;

/// A list of each kind.
const LISTINGS: &str = r#"
sql = { url = "postgres://192.0.2.1/db", query = "DELETE FROM t", timeout = "1s" }
redis_stream = { url = "redis://192.0.2.1", stream = "s", field = "id" }
redis_key = { url = "redis://192.0.2.1", key = "k", identity = "/id" }
mongodb = { url = "mongodb://192.0.2.1/db", collection = "c", ask = { find = {} }, timeout = "1s", identity = "field:id" }
amqp_queue = { url = "amqp://192.0.2.1", queue = "q", timeout = "1s", identity = "message_id" }
kafka_topic = { brokers = "192.0.2.1:9092", topic = "t", isolation = "read_committed", timeout = "1s", settings = {}, identity = "/id" }
ndjson = { file = "/var/far" }
http = { url = "http://192.0.2.1" }
command = { run = "curl ${target.far}", timeout = "1s", identity = "/id" }
"#;

const NOTHING: &str = r#"
name = "guarded"
title = "what may be reached"
[system]
reference = "publisher"
[system.targets.far]
help = "a service"
schemes = ["http"]
[[phase]]
name = "load"
for = "5s"
[[workload]]
name = "load"
rate = "1/s"
phases = ["load"]
command = { run = "true" }
[[check]]
name = "few"
title = "few fail"
ratio = { of = "load.failed", to = "load.due", phases = ["load"], max = "1%" }
"#;

fn nothing() -> Plan {
    scenarios::plan("t.toml", NOTHING, &Settings::default()).unwrap()
}

fn targets() -> BTreeMap<String, String> {
    let pairs = [
        ("far", "http://192.0.2.1:8080"),
        ("api", "http://192.0.2.1:15672"),
        ("redis", "redis://192.0.2.1"),
    ];
    pairs.iter().map(|&(key, url)| (key.to_owned(), url.to_owned())).collect()
}

fn read<T: for<'de> Deserialize<'de>>(line: &str) -> T {
    #[derive(Deserialize)]
    struct Only<T> {
        it: T,
    }
    toml::from_str::<Only<T>>(&format!("it = {{ {line} }}")).unwrap().it
}

fn faults_text() -> impl Iterator<Item = &'static str> {
    FAR.lines().filter(|line| !line.starts_with('#'))
}

fn faults() -> Vec<FaultKind> {
    faults_text().map(read).collect()
}

fn breaking(kind: FaultKind) -> Plan {
    let fault = Fault {
        name: "break".to_owned(),
        phase: "load".to_owned(),
        at: Span::seconds(0),
        after: None,
        heal_within: Span::seconds(1),
        again: None,
        kind,
    };
    Plan { faults: vec![fault], ..nothing() }
}

/// What becomes of a fault that nobody allowed.
#[derive(Debug, PartialEq, Eq)]
enum Case {
    /// Refused before anything is asked.
    Before,
    /// Refused before the load, by what is asked then.
    Behind,
    /// Needs no permission: it finds nobody to hit, or stays on this machine.
    Free,
}

/// A kind without a case does not compile.
fn case(kind: &FaultKind) -> Case {
    match kind {
        FaultKind::CloseConnections(_)
        | FaultKind::PurgeQueue(_)
        | FaultKind::RedisKillClients(_)
        | FaultKind::RedisPause(_)
        | FaultKind::PostgresEndBackends(_)
        | FaultKind::Toxic(_)
        | FaultKind::ShiftTraffic(_)
        | FaultKind::Duplicate(_)
        | FaultKind::RunCommand(_) => Case::Before,
        FaultKind::KillPods(_)
        | FaultKind::TerminatePods(_)
        | FaultKind::EvictPods(_)
        | FaultKind::RestartRollout(_)
        | FaultKind::SetImage(_)
        | FaultKind::RollBack(_)
        | FaultKind::Scale(_) => Case::Behind,
        FaultKind::KillProcess(_)
        | FaultKind::TerminateProcess(_)
        | FaultKind::PauseProcess(_)
        | FaultKind::StopProcess(_)
        | FaultKind::RabbitmqAlarm(_)
        | FaultKind::BurnCpu(_)
        | FaultKind::FillMemory(_)
        | FaultKind::FillDisk(_)
        | FaultKind::ClockOffset(_) => Case::Free,
    }
}

#[tokio::test]
async fn every_kind_of_fault_is_refused_where_nobody_allowed_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut words = Vec::new();
    for kind in faults() {
        let (word, expected) = (kind.word(), case(&kind));
        words.push(word);
        let plan = breaking(kind.clone());
        let found = before(&plan, &targets(), &guard(&[]));
        match expected {
            Case::Before => {
                let error = found.unwrap_err();
                assert!(error.is_usage(), "{word}: {error}");
                assert!(error.to_string().contains("--allow 192.0.2.1"), "{word}: {error}");
                before(&plan, &targets(), &guard(&["192.0.2.1".to_owned()])).unwrap();
            }
            Case::Behind => {
                found.unwrap();
                let error = behind(&plan, &targets(), &guard(&[])).await.unwrap_err();
                assert!(error.is_usage(), "{word}: {error}");
                assert!(error.to_string().contains("--allow shop-prod"), "{word}: {error}");
            }
            Case::Free => {
                found.unwrap();
                behind(&plan, &targets(), &guard(&[])).await.unwrap();
                assert!(matches!(kind.harms(), Harm::Role(_) | Harm::Machine), "{word}");
            }
        }
    }
    words.sort_unstable();
    let mut all = FaultKind::WORDS.to_vec();
    all.sort_unstable();
    assert_eq!(words, all, "a kind of fault has no case");
}

/// Whether load of this kind is refused by the address alone. A kind without a
/// case does not compile.
fn names_its_hosts(transport: &Transport) -> bool {
    match transport {
        Transport::Http(_)
        | Transport::Amqp(_)
        | Transport::Redis(_)
        | Transport::Kafka(_)
        | Transport::Command(_) => true,
    }
}

#[test]
fn every_kind_of_target_is_refused_where_nobody_allowed_it() {
    let mut words = Vec::new();
    for line in LOADS.lines().filter(|line| !line.is_empty()) {
        let mut plan = nothing();
        plan.workloads[0].transport = read(line);
        assert!(names_its_hosts(&plan.workloads[0].transport));
        words.push(line.split(' ').next().unwrap());
        let error = before(&plan, &targets(), &guard(&[])).unwrap_err();
        assert!(error.is_usage(), "{line}: {error}");
        assert!(error.to_string().contains("--allow 192.0.2.1"), "{line}: {error}");
        before(&plan, &targets(), &guard(&["192.0.2.1".to_owned()])).unwrap();
        let here = line.replace("192.0.2.1", "127.0.0.1");
        plan.workloads[0].transport = read(&here);
        let near = BTreeMap::from([("far".to_owned(), "http://localhost:1".to_owned())]);
        before(&plan, &near, &guard(&[])).unwrap();
    }
    assert_eq!(words, Transport::WORDS, "a kind of target has no case");
}

/// Requests are judged by where they really go, not by what their URL says.
#[test]
fn another_way_to_a_host_is_judged_by_where_it_leads() {
    let far = "http://192.0.2.1/";
    let near = "http://127.0.0.1/";
    for (url, route, refused) in [
        (near, r#"connect_to = "127.0.0.1:80:192.0.2.1:80""#, &["192.0.2.1"][..]),
        (far, r#"connect_to = "192.0.2.1::127.0.0.1:81""#, &[]),
        (far, r#"connect_to = ":81:127.0.0.1:81""#, &["192.0.2.1"]),
        ("http://localhost/", r#"resolve = ["localhost:80:127.0.0.1,192.0.2.7"]"#, &["192.0.2.7"]),
        ("http://shop.invalid/", r#"resolve = ["*:80:127.0.0.1"]"#, &[]),
        (
            "http://shop.invalid/",
            "connect_to = \":80:far.invalid:81\"\nresolve = [\"far.invalid:81:192.0.2.7\"]",
            &["192.0.2.7"],
        ),
        (far, r#"unix_socket = "/run/shop.sock""#, &[]),
        (near, r#"proxy = "http://joe:pw@192.0.2.9:3128""#, &["192.0.2.9"]),
        (far, r#"proxy = "http://127.0.0.1:3128""#, &["192.0.2.1"]),
        (far, r#"proxy = "http://192.0.2.9:3128""#, &["192.0.2.9", "192.0.2.1"]),
    ] {
        let mut plan = nothing();
        let line = LOADS.lines().find(|line| line.starts_with("http")).unwrap();
        plan.workloads[0].transport = read(&line.replace("${target.far}/publish?x=@{id}", url));
        let Transport::Http(http) = &mut plan.workloads[0].transport else { unreachable!() };
        http.route = toml::from_str(route).unwrap();
        let judged = before(&plan, &BTreeMap::new(), &guard(&[]));
        let flags = refused.iter().map(|host| format!("--allow {host}")).collect::<Vec<_>>();
        match judged {
            Ok(()) => assert!(refused.is_empty(), "{url} {route}"),
            Err(error) => {
                let said = error.to_string();
                assert!(said.ends_with(&flags.join(" ")) && !flags.is_empty(), "{route}: {said}");
            }
        }
        let allowed: Vec<String> = refused.iter().map(ToString::to_string).collect();
        before(&plan, &BTreeMap::new(), &guard(&allowed)).unwrap();
    }
}

/// What becomes of a probe that looks at what nobody allowed. A kind without a
/// case does not compile.
fn case_of_probe(kind: &ProbeKind) -> Case {
    match kind {
        ProbeKind::Rabbitmq { .. }
        | ProbeKind::Process { .. }
        | ProbeKind::Pods { .. }
        | ProbeKind::Health { .. }
        | ProbeKind::Logs { .. }
        | ProbeKind::RedisStreams { .. }
        | ProbeKind::Sql { .. }
        | ProbeKind::Prometheus { .. }
        | ProbeKind::Promql { .. }
        | ProbeKind::RabbitmqQueues { .. }
        | ProbeKind::Mongodb { .. }
        | ProbeKind::RedisKeys { .. }
        | ProbeKind::Kafka(_) => Case::Free,
        ProbeKind::Command { .. } => Case::Before,
    }
}

/// The same of a source of effects, and of a list.
fn case_of_source(source: &EffectsSource) -> Case {
    match source {
        EffectsSource::AmqpTap { .. } => Case::Before,
        EffectsSource::Listing(listing) => match listing {
            Listing::Sql { .. }
            | Listing::RedisStream { .. }
            | Listing::RedisKey { .. }
            | Listing::Mongodb { .. }
            | Listing::KafkaTopic(_)
            | Listing::Ndjson { .. }
            | Listing::Http { .. } => Case::Free,
            Listing::AmqpQueue { .. } | Listing::Command { .. } => Case::Before,
        },
    }
}

/// Each line with its first word.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| (line.split(' ').next().unwrap(), line))
}

fn expect(case: &Case, plan: &Plan, word: &str) {
    let found = before(plan, &targets(), &guard(&[]));
    match case {
        Case::Free => found.unwrap(),
        Case::Before => {
            let error = found.unwrap_err();
            assert!(error.is_usage(), "{word}: {error}");
            assert!(error.to_string().contains("--allow 192.0.2.1"), "{word}: {error}");
            before(plan, &targets(), &guard(&["192.0.2.1".to_owned()])).unwrap();
        }
        Case::Behind => panic!("{word}: nothing of this kind stands behind something else"),
    }
}

#[test]
fn every_kind_of_probe_only_reads_or_is_refused_where_nobody_allowed_it() {
    let mut words = Vec::new();
    for (word, line) in lines(PROBES) {
        let kind: ProbeKind = read(line);
        let case = case_of_probe(&kind);
        let probe = Probe { name: "seen".to_owned(), every: Span::seconds(1), kind };
        expect(&case, &Plan { probes: vec![probe], ..nothing() }, word);
        words.push(word);
    }
    assert_eq!(words, ProbeKind::WORDS, "a kind of probe has no case");
}

#[test]
fn every_kind_of_source_only_reads_or_is_refused_where_nobody_allowed_it() {
    let of = |source, dead| Effects {
        name: "done".to_owned(),
        source,
        dead,
        at: None,
        dead_at: None,
        aggregate: None,
        tries: None,
        order: None,
        schema: None,
        settle: Span::seconds(1),
    };
    let mut words = Vec::new();
    for (word, line) in lines(SOURCES) {
        let source: EffectsSource = read(line);
        let case = case_of_source(&source);
        expect(&case, &Plan { effects: vec![of(source, None)], ..nothing() }, word);
        words.push(word);
    }
    assert_eq!(words, EffectsSource::WORDS, "a kind of source has no case");
    let mut words = Vec::new();
    for (word, line) in lines(LISTINGS) {
        let source = EffectsSource::Listing(read(line));
        let case = case_of_source(&source);
        let effects = of(source, Some(read(line)));
        expect(&case, &Plan { effects: vec![effects], ..nothing() }, word);
        words.push(word);
    }
    assert_eq!(words, Listing::WORDS, "a kind of list has no case");
}

/// A server of proxies in this process, one of which leads elsewhere; its admin
/// API, and where they listen.
async fn proxies() -> (chaos::proxy::Server, String, [String; 2]) {
    use chaos::proxy::{ProxyRequest, Server, Settings, api};
    let allowed = vec!["192.0.2.1".to_owned()];
    let server = Server::new(&Settings { allowed, ..Settings::default() }).unwrap();
    let proxies: Vec<ProxyRequest> =
        ["far=127.0.0.1:0->192.0.2.1:6379", "near=127.0.0.1:0->127.0.0.1:1"]
            .map(|text| text.parse().unwrap())
            .into();
    let views = server.populate(&proxies).await.unwrap();
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = format!("http://{}", socket.local_addr().unwrap());
    let serving = server.clone();
    tokio::spawn(async move { match api::serve(serving, socket).await {} });
    (server, admin, [0, 1].map(|at: usize| views[at].listen.clone()))
}

#[tokio::test]
async fn what_stands_behind_a_proxy_is_refused_where_nobody_allowed_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (server, admin, [far, near]) = proxies().await;
    let toxic = |proxy: &str| {
        let line = faults_text().find(|line| line.starts_with("toxic")).unwrap();
        let line = line.replace("http://192.0.2.1:8474", &admin);
        breaking(read(&line.replace("\"p\"", &format!("{proxy:?}"))))
    };
    let duplicate = |at: &str| {
        let line = faults_text().find(|line| line.starts_with("duplicate")).unwrap();
        let kind = read(&line.replace("amqp://192.0.2.1", &format!("redis://{at}")));
        let name = "twice".to_owned();
        Fault { name, ..breaking(kind).faults.remove(0) }
    };
    let load = |at: &str| {
        let line = LOADS.lines().find(|line| line.starts_with("redis")).unwrap();
        read::<Transport>(&line.replace("redis://192.0.2.1", &format!("redis://{at}")))
    };
    let with = |proxy: &str, duplicated: &str, loaded: &str| {
        let mut plan = toxic(proxy);
        plan.faults.push(duplicate(duplicated));
        plan.workloads[0].transport = load(loaded);
        plan
    };
    for (plan, by) in [
        (with("far", &near, &near), "fault break (192.0.2.1:6379 behind the proxy far)"),
        (with("near", &far, &near), "fault twice (Redis at redis://"),
        (with("near", &near, &far), "workload load, which leads by 127.0.0.1:"),
    ] {
        before(&plan, &targets(), &guard(&[])).unwrap();
        let error = behind(&plan, &targets(), &guard(&[])).await.unwrap_err();
        assert!(error.is_usage(), "{error}");
        let text = error.to_string();
        assert!(text.contains(by) && text.contains("--allow 192.0.2.1"), "{text}");
        behind(&plan, &targets(), &guard(&["192.0.2.1".to_owned()])).await.unwrap();
    }
    behind(&with("near", &near, &near), &targets(), &guard(&[])).await.unwrap();
    assert_eq!(server.connections("far").await.unwrap(), []);
}

#[test]
fn settings_of_a_client_lead_nowhere_else() {
    let line = LOADS.lines().find(|line| line.starts_with("kafka")).unwrap();
    for name in ["bootstrap.servers", "metadata.broker.list"] {
        let line = line.replace(",192.0.2.1:9092", "");
        let line =
            line.replace("settings = {}", &format!("settings = {{ \"{name}\" = \"192.0.2.1\" }}"));
        let mut plan = nothing();
        plan.workloads[0].transport = read(&line);
        assert!(before(&plan, &targets(), &guard(&[])).unwrap_err().is_usage());
    }
}

#[test]
fn a_private_address_of_another_machine_needs_permission_too() {
    let plan = breaking(faults().into_iter().find(|kind| kind.word() == "redis_pause").unwrap());
    // Of the last addresses of the range, one is not this machine's own.
    let private = |last: u8| {
        let url = format!("redis://10.255.255.{last}");
        before(&plan, &BTreeMap::from([("redis".to_owned(), url)]), &guard(&[]))
    };
    assert!((250..254).any(|last| private(last).is_err()));
}

#[test]
fn all_refusals_come_at_once() {
    let mut plan = breaking(read(
        "redis_pause = { url = \"redis://198.51.100.2\", writes_only = false, for = \"1s\" }",
    ));
    plan.workloads[0].transport =
        read(LOADS.lines().find(|line| line.starts_with("amqp")).unwrap());
    let error = before(&plan, &targets(), &guard(&[])).unwrap_err().to_string();
    assert_eq!(
        error,
        "192.0.2.1 is not on this machine: workload load\n\
         198.51.100.2 is not on this machine: fault break (Redis at redis://198.51.100.2)\n\
         If this is meant, allow it with --allow 192.0.2.1 --allow 198.51.100.2"
    );
}

#[test]
fn a_file_is_judged_by_what_it_names_itself() {
    let open = faults().into_iter().find(|kind| kind.word() == "redis_pause").unwrap();
    written_down(&breaking(open), &guard(&[])).unwrap();
    let fixed = faults().into_iter().find(|kind| kind.word() == "duplicate").unwrap();
    let error = written_down(&breaking(fixed), &guard(&[])).unwrap_err();
    assert!(error.to_string().contains("--allow 192.0.2.1"), "{error}");
}

#[test]
fn the_host_is_where_a_client_sees_it() {
    let line = LOADS.lines().find(|line| line.starts_with("http")).unwrap();
    for url in [
        "http://192.0.2.1\\\\@127.0.0.1/x",
        "http://127.0.0.1@192.0.2.1/@127.0.0.1",
        "http://192.0.2.1?@127.0.0.1",
    ] {
        let mut plan = nothing();
        plan.workloads[0].transport = read(&line.replace("${target.far}/publish?x=@{id}", url));
        assert!(before(&plan, &targets(), &guard(&[])).unwrap_err().is_usage(), "{url}");
    }
}
