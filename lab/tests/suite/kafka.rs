//! Private brokers of Apache Kafka: they start, keep what they have acknowledged when
//! they are killed, and go.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use lab::server::kafka::{JAVA, NEED, SERVER, Secure};
use lab::{Kafka, KafkaOptions, Lab, LabError, Server};
use rustix::process::Signal;

use crate::support::{Host, is_alive, kill, kill_process, lab, mentioning, patience, until};

fn start(lab: &Lab) -> Kafka {
    Kafka::start(lab, &KafkaOptions::default(), patience()).unwrap()
}

/// What one of Kafka's own tools says, with the broker's own client.
fn tool(class: &str, arguments: &[&str], input: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    let jars = format!("{}/*", NEED.find().unwrap().display());
    let output = Command::new(JAVA.find().unwrap())
        .args(["-XX:-UsePerfData", "-cp", &jars, class])
        .args(arguments)
        .stdin(fs::File::open(file.path()).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn write(broker: &str, lines: &str) {
    let to = ["--bootstrap-server", broker, "--topic", "events"];
    let all = ["--command-property", "acks=all"];
    tool("org.apache.kafka.tools.ConsoleProducer", &[&to[..], &all].concat(), lines);
}

fn read(broker: &str, count: usize) -> String {
    let from = ["--bootstrap-server", broker, "--topic", "events", "--from-beginning"];
    let (count, class) = (count.to_string(), "org.apache.kafka.tools.consumer.ConsoleConsumer");
    tool(class, &[&from[..], &["--max-messages", &count, "--timeout-ms", "60000"]].concat(), "")
}

#[test]
fn a_killed_broker_comes_back_on_its_ports_with_what_it_had_acknowledged() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let begun = Instant::now();
    let broker = start(&lab);
    println!("{} was ready after {:?}", broker.product(), begun.elapsed());
    assert!(broker.product().starts_with("Apache Kafka ") && broker.version.starts_with('4'));
    assert_eq!(broker.addresses(), [format!("127.0.0.1:{}", broker.port())]);
    let make = ["--create", "--topic", "events", "--partitions", "3"];
    let at = ["--bootstrap-server", &broker.address];
    tool("org.apache.kafka.tools.TopicCommand", &[&at[..], &make].concat(), "");
    write(&broker.address, "one\n");
    kill_process(&lab, SERVER);
    let begun = Instant::now();
    broker.wait_until_ready(&lab, patience()).unwrap();
    println!("and again after {:?}", begun.elapsed());
    write(&broker.address, "two\n");
    let records = read(&broker.address, 2);
    assert!(records.contains("one\n") && records.contains("two\n"), "{records}");

    let log = fs::read_to_string(lab.log(SERVER)).unwrap();
    assert!(log.contains("Kafka version: ") && log.lines().count() < 1_000, "{log}");
    let scratch = lab.scratch().to_owned();
    lab.stop().unwrap();
    assert!(!scratch.exists() && mentioning(&scratch).is_empty());
    assert!(TcpListener::bind(&broker.address).is_ok());
}

#[test]
fn a_killed_program_and_a_killed_keeper_take_their_broker_along() {
    let mut program = Host::start("kafka", &[]);
    let mut keeper = Host::start("kafka", &[]);
    until("ready", || (program.line() == ["ready"]).then_some(()));
    program.child.kill().unwrap();
    program.expect_nothing_left();

    let pid: u32 = keeper.line()[1].parse().unwrap();
    until("ready", || (keeper.line() == ["ready"]).then_some(()));
    kill(pid, Signal::KILL);
    let host = keeper.child.id();
    until("the broker's end", || {
        mentioning(keeper.folder.path()).into_iter().all(|pid| pid == host).then_some(())
    });
    assert!(is_alive(host));
    drop(keeper.child.stdin.take());
    keeper.expect_nothing_left();
}

/// Key and certificate of a broker in one file.
fn identity(folder: &Path) -> PathBuf {
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "1", "-subj", "/CN=test", "-addext"])
        .args(["subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]);
    assert!(make.current_dir(folder).output().unwrap().status.success());
    let [key, certificate] =
        ["key.pem", "cert.pem"].map(|name| fs::read_to_string(folder.join(name)).unwrap());
    let file = folder.join("broker.pem");
    fs::write(&file, key + &certificate).unwrap();
    file
}

#[test]
fn a_secure_broker_lets_in_who_proves_it() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path());
    let secure = Secure {
        identity: identity(folder.path()),
        user: "joe".to_owned(),
        password: "s3cret".to_owned(),
    };
    let options = KafkaOptions { secure: Some(secure), ..KafkaOptions::default() };
    let broker = Kafka::start(&lab, &options, patience()).unwrap();
    let doors = broker.secure.unwrap();
    let client = folder.path().join("client.properties");
    let trust = format!(
        "security.protocol=SASL_SSL\nssl.truststore.type=PEM\nssl.truststore.location={}\n",
        folder.path().join("cert.pem").display()
    );
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule required";
    let login = format!(
        "sasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config={module} username=\"joe\" password=\"s3cret\";\n"
    );
    fs::write(&client, trust + &login).unwrap();
    let file = client.to_string_lossy();
    let list = ["--list", "--bootstrap-server", &doors.sasl_tls, "--command-config", &file];
    tool("org.apache.kafka.tools.TopicCommand", &list, "");
}

#[test]
fn a_missing_installation_is_answered_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    for (variable, words) in [
        ("JAVA_HOME", ["Java 17 or newer is not installed", "install -y", "default-jre-headless"]),
        ("KAFKA_HOME", ["Apache Kafka is not installed", "kafka_2.13-", "tar xz"]),
    ] {
        let cache = ("XDG_CACHE_HOME", empty.path());
        let mut host = Host::start("kafka", &[(variable, empty.path()), cache]);
        let errors = host.errors();
        for word in words.into_iter().chain(["--provision", variable]) {
            assert!(errors.contains(word), "{errors}");
        }
        host.expect_nothing_left();
    }
}

#[test]
fn a_broker_that_dies_at_start_is_quoted_and_a_taken_port_is_told() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let settings = [("log.segment.bytes".to_owned(), "of cheese".to_owned())].into();
    let options = KafkaOptions { settings, ..KafkaOptions::default() };
    let error = Kafka::start(&lab, &options, patience()).unwrap_err();
    let LabError::Died { tail, .. } = &error else { panic!("{error}") };
    assert!(tail.contains("of cheese"), "{tail}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let options = KafkaOptions { port, ..KafkaOptions::default() };
    let error = Kafka::start(&lab, &options, patience()).unwrap_err();
    assert!(matches!(error, LabError::PortInUse { .. }), "{error}");
}

#[test]
#[ignore = "reaches the registry of Maven"]
fn what_is_missing_is_installed() {
    lab::provision([&JAVA, &NEED], |line| println!("{line}")).unwrap();
    assert!(JAVA.is_installed() && NEED.is_installed());
}
