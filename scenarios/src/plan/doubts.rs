//! What can be run as it is written, and is probably not meant so: told by
//! `verify lint`, no problem of the file.

use super::workload::{RedisInto, Transport};
use super::{CheckKind, Plan};
use crate::template::Template;

impl Plan {
    /// Everything of the plan that is probably not meant as it is written.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        for workload in &self.workloads {
            let reads = self.checks.iter().find_map(|check| match &check.kind {
                CheckKind::Effects(read) if read.workloads.contains(&workload.name) => {
                    Some((&check.name, &read.source))
                }
                CheckKind::Order(read) if read.workloads.contains(&workload.name) => {
                    Some((&check.name, &read.source))
                }
                _ => None,
            });
            // What stands in a file is seen by whoever reads it.
            if workload.body_file.is_some() {
                continue;
            }
            if let (Some((check, source)), Some(place)) = (reads, unmarked(&workload.transport)) {
                doubts.push(format!(
                    "workload {}: nothing in its {place} tells its operations apart, and check {check} looks for their identities in {source}; put @{{id}} into it",
                    workload.name
                ));
            }
        }
        doubts
    }
}

/// Where a transport could say an identity, and does not. A message of AMQP and a
/// program are given it in any case.
fn unmarked(transport: &Transport) -> Option<&'static str> {
    let of = Template::as_str;
    let (texts, place): (Vec<&str>, _) = match transport {
        Transport::Http(http) => {
            let headers = http.headers.values().map(String::as_str);
            (headers.chain([of(&http.url), of(&http.body)]).collect(), "url, headers and body")
        }
        Transport::Redis(redis) => match &redis.into {
            RedisInto::Stream { fields, .. } => (fields.values().map(of).collect(), "fields"),
            RedisInto::List { body, .. } | RedisInto::Channel { body, .. } => {
                (vec![of(body)], "body")
            }
        },
        Transport::Kafka(kafka) => {
            let more = kafka.headers.values().chain(&kafka.key).map(String::as_str);
            (more.chain([of(&kafka.body)]).collect(), "key, headers and body")
        }
        Transport::Amqp(_) | Transport::Command(_) => return None,
    };
    // A part of it that is as good: the number of the operation.
    let is_marked = texts.iter().any(|text| text.contains("@{id}") || text.contains("@{seq}"));
    (!is_marked).then_some(place)
}

#[cfg(test)]
mod tests {
    use crate::{Settings, suite};

    #[test]
    fn a_load_without_identities_that_effects_look_for_is_doubted() {
        let source = suite::find("idempotent-ingest").unwrap().source;
        let plan = |text: &str| crate::plan("s", text, &Settings::default()).unwrap();
        assert_eq!(plan(source).doubts(), Vec::<String>::new());
        let without = source.replace("@{id}", "x").replace("@{seq}", "y");
        let doubts = plan(&without).doubts();
        assert!(!doubts.is_empty());
        assert!(doubts[0].contains("put @{id} into it"), "{doubts:?}");
    }

    #[test]
    fn shipped_scenarios_leave_no_doubt() {
        for shipped in suite::ALL {
            let plan = crate::plan(shipped.name, shipped.source, &Settings::default()).unwrap();
            assert_eq!(plan.doubts(), Vec::<String>::new(), "{}", shipped.name);
        }
    }
}
