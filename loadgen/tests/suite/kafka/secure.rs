//! A broker that wants TLS, a password, and rights.

use std::fs;
use std::path::{Path, PathBuf};

use lab::server::kafka::Secure;
use loadgen::Tls;
use loadgen::transport::kafka::Sasl;

use super::*;

const TOPIC: &str = "events";

#[test]
fn a_broker_lets_in_who_proves_it_and_no_further_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let certified =
        rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .unwrap();
    let [identity, authority] =
        ["broker.pem", "authority.pem"].map(|name| folder.path().join(name));
    let key = certified.signing_key.serialize_pem();
    fs::write(&identity, key + &certified.cert.pem()).unwrap();
    fs::write(&authority, certified.cert.pem()).unwrap();
    let rights = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let broker = Broker::with(&KafkaOptions {
        secure: Some(Secure { identity, user: "joe".to_owned(), password: "s3cret".to_owned() }),
        settings: [
            set("authorizer.class.name", rights),
            set("super.users", "User:ANONYMOUS"),
            set("allow.everyone.if.no.acl.found", "true"),
        ]
        .into(),
        ..KafkaOptions::default()
    });
    through_tls_come_those_who_trust_it(&broker, &authority);
    with_a_password_come_those_who_know_it(&broker, &authority);
    a_right_that_is_missing_ends_the_run(&broker);
}

fn security(authority: Option<&Path>, mechanism: &str, password: &str) -> Security {
    let sasl = Sasl {
        mechanism: mechanism.to_owned(),
        user: "joe".to_owned(),
        password: password.to_owned(),
    };
    Security { tls: authority.map(|ca| trusting(Some(ca.to_owned()))), sasl: Some(sasl) }
}

fn trusting(ca: Option<PathBuf>) -> Tls {
    Tls { ca, ..Tls::default() }
}

fn through_tls_come_those_who_trust_it(broker: &Broker, authority: &Path) {
    let door = &broker.kafka.secure.as_ref().unwrap().tls;
    let through = |ca| {
        let security = Security { tls: Some(trusting(ca)), sasl: None };
        job(Kafka { security, ..kafka(door, TOPIC) }, 200.0, SECOND)
    };
    let report = complete(start(through(Some(authority.to_owned()))).wait().unwrap());
    assert_eq!(report.totals.acked, 200, "{:?}", report.errors);
    let error = through(None).ready().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
}

fn with_a_password_come_those_who_know_it(broker: &Broker, authority: &Path) {
    let doors = broker.kafka.secure.as_ref().unwrap();
    for (door, authority) in [(&doors.sasl, None), (&doors.sasl_tls, Some(authority))] {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let with = |password| {
                let security = security(authority, mechanism, password);
                job(Kafka { security, ..kafka(door, TOPIC) }, 200.0, SECOND / 2)
            };
            let job = Job { consumers: 1, ..with("s3cret") };
            let report = complete(start(job).wait().unwrap());
            assert_eq!(report.totals.acked, 100, "{mechanism}: {:?}", report.errors);
            let error = with("wr0ng").ready().unwrap_err();
            assert!(matches!(error, LoadError::Denied(_)), "{mechanism}: {error:?}");
            let said = error.to_string();
            assert!(said.contains("uthentication") && !said.contains("wr0ng"), "{said}");
        }
    }
}

fn a_right_that_is_missing_ends_the_run(broker: &Broker) {
    let door = &broker.kafka.secure.as_ref().unwrap().sasl;
    let may = |topic: &str, rights: &[&str]| {
        let common = ["--add", "--topic", topic, "--allow-principal", "User:joe"];
        broker.tool("org.apache.kafka.tools.AclCommand", &[&common[..], rights].concat());
    };
    let kafka = |topic| Kafka {
        security: security(None, "SCRAM-SHA-256", "s3cret"),
        partitions: None,
        ..kafka(door, topic)
    };
    let make = ["--create", "--partitions", "1", "--topic"];
    for topic in ["hidden", "seen"] {
        broker.tool("org.apache.kafka.tools.TopicCommand", &[&make[..], &[topic]].concat());
    }
    // One who may not even see it is told before the load.
    may("hidden", &["--operation", "DescribeConfigs"]);
    let error = job(kafka("hidden"), 50.0, SECOND).ready().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    let said = error.to_string();
    assert!(said.contains("topic hidden") && said.contains("uthorization"), "{said}");
    // One who may not write learns it from the first record.
    may("seen", &["--operation", "Describe"]);
    let error = start(job(kafka("seen"), 50.0, SECOND * 3_600)).wait().unwrap_err();
    assert!(matches!(error, LoadError::Denied(_)), "{error:?}");
    assert!(error.to_string().contains("a record"), "{error}");
}
