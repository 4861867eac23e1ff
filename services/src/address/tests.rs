use super::*;

fn hosts(service: Service, text: &str) -> Vec<String> {
    let address = service.address(text).unwrap_or_else(|error| panic!("{error}"));
    address.hosts.iter().map(ToString::to_string).collect()
}

#[test]
fn every_host_of_an_address_is_seen() {
    use Service::{Amqp, Http, Kafka, Mongodb, Postgres, Redis};
    for (service, text, seen) in [
        (Amqp, "amqp://guest:guest@Rabbit/%2f", &["rabbit:5672"][..]),
        (Amqp, "amqps://h", &["h:5671"]),
        (Redis, "rediss://:p%40w@[::1]:7/3", &["[::1]:7"]),
        (Redis, "redis://[0:0::1]", &["[::1]:6379"]),
        (Postgres, "postgres://u:p@a:1,b/db?sslmode=require", &["a:1", "b:5432"]),
        (Mongodb, "mongodb://u:p@a:1,b:2/db?replicaSet=x", &["a:1", "b:2"]),
        (Mongodb, "mongodb://a,[fd00::1]:3", &["a:27017", "[fd00::1]:3"]),
        (Kafka, "h1:9092,h2:9093,h1:9092", &["h1:9092", "h2:9093"]),
        (Kafka, "kafka://h1,h2", &["h1:9092", "h2:9092"]),
        (Http, "https://h/a@b?c=d", &["h:443"]),
        (Http, "http://u@127.0.0.1:8080", &["127.0.0.1:8080"]),
        (Http, "http://Bücher.example:81", &["xn--bcher-kva.example:81"]),
        (Amqp, "amqp://h//", &["h:5672"]),
    ] {
        assert_eq!(hosts(service, text), seen, "{text}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_and_says_what_to_write() {
    use Service::{Amqp, Http, Kafka, Management, Mongodb, Postgres, Proxy, Redis};
    for (service, text, why) in [
        (Http, "http://127.0.0.1:8O80/", "the port \"8O80\" is not a number from 1 to 65535"),
        (Http, "http://h:", "the port after the : is missing"),
        (Http, "http://h:0", "from 1 to 65535"),
        (Http, "http://h:+80", "from 1 to 65535"),
        (Http, "http://h:65536", "from 1 to 65535"),
        (Http, "http://a,b", "one host"),
        (Http, "http://", "a host is missing"),
        (Http, "http:///path", "a host is missing"),
        (Http, "127.0.0.1:80", "no scheme"),
        (Http, "ftp://h", "http or https"),
        (Http, "http://127.1", "four numbers"),
        (Http, "http://0x7f000001", "four numbers"),
        (Http, "http://2130706433", "four numbers"),
        (Http, "http://%31", "not the name of a host"),
        (Http, "http://h\\@evil", "%5C"),
        (Http, "http://a..b", "not the name of a host"),
        (Http, "http://::1", "brackets"),
        (Http, "http://[::1", "] is missing"),
        (Http, "http://[::1]80", "must follow"),
        (Http, "http://h/a b", "percent-encoded"),
        (Http, "http://h/#x", "%23"),
        (Redis, "redis://u:secret@x@h", "%40"),
        (Redis, "redis://u:secret/x@h", "%2F"),
        (Redis, "redis://u:%zz@h", "%25"),
        (Redis, "redis://u:%ff@h", "UTF-8"),
        (Redis, "redis://h/x", "no number"),
        (Redis, "redis://h/0?db=1", "two databases"),
        (Redis, "redis://h?db=1&db=1", "given twice"),
        (Redis, "redis://h?base=1", "none of db"),
        (Amqp, "amqp://h?heartbeat=1&heartbeat=2", "given twice"),
        (Redis, "redis://bücher.example", "percent-encoded"),
        (Http, "http://bü cher.example", "percent-encoded"),
        (Redis, "redis://a,b", "one host"),
        (Amqp, "amqp://h/a/b", "one name"),
        (Amqp, "amqp://u:12/secret@h", "one name"),
        (Amqp, "amqp://h?host=evil", "none of"),
        (Amqp, "amqp://h?heartbeat=x", "no number"),
        (Amqp, "amqp://h?heartbeat=65536", "more than 65535"),
        (Postgres, "postgres://a/db?host=evil", "before it"),
        (Postgres, "postgres://a/db?ho%73t=evil", "before it"),
        (Postgres, "postgres://a/db?hostaddr=192.0.2.7", "before it"),
        (Postgres, "postgres://a/db?password=secret", "before it"),
        (Postgres, "postgres://%2Fvar%2Frun/db", "not the name of a host"),
        (Postgres, "postgres://a/db?sslmode=maybe", "require"),
        (Postgres, "host=a password=secret", "percent-encoded"),
        (Mongodb, "mongodb+srv://a/db", "write them out"),
        (Mongodb, "mongodb://a/db?proxyHost=evil", "not known"),
        (Kafka, "u:secret@h:1", "settings of the client"),
        (Kafka, "h:1,,g:2", "a host is missing"),
        (Kafka, "h:1/x", "nothing must follow"),
        (Management, "http://h?x=y", "no meaning"),
        (Proxy, "https://h", "must be http"),
        (Proxy, "http://u:secret@h", "no users"),
    ] {
        let error = service.address(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
        assert!(error.contains(service.about().example), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn credentials_are_decoded_once() {
    let address = Service::Amqp.address("amqp://us%40er:p%2Fw%2525:x@h").unwrap();
    assert_eq!(address.user.as_deref(), Some("us@er"));
    assert_eq!(address.password.as_deref(), Some("p/w%25:x"));
    assert_eq!(address.shown(), "amqp://us%40er:***@h");
    assert_eq!(format!("{address:?}"), "Address(Amqp, \"amqp://us%40er:***@h\")");
    let address = Service::Redis.address("redis://:pw@h").unwrap();
    assert_eq!((address.user, address.password.as_deref()), (None, Some("pw")));
}
