//! What a system can be told: settings that go by names and are texts until the
//! system reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::LabError;

/// A setting of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingInfo {
    /// As a scenario names it.
    pub name: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
    /// What it is if nothing is said.
    pub default: &'static str,
}

/// Refuses names that the system does not have.
pub(crate) fn known(
    system: &str,
    settings: &[SettingInfo],
    given: &BTreeMap<String, String>,
) -> Result<(), LabError> {
    let is_known = |name: &str| settings.iter().any(|setting| setting.name == name);
    let Some(name) = given.keys().find(|name| !is_known(name)) else { return Ok(()) };
    let names: Vec<&str> = settings.iter().map(|setting| setting.name).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(LabError::Unknown { kind: format!("setting of the {system}"), given: name.clone(), known })
}

/// A time as scenarios write one: `100ms`, `5s`, `1h30m`; `0s` is none at all.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() || text.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let scale = match &tail[..end] {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        seconds += scale * number.parse::<f64>().ok().filter(|number| *number >= 0.0)?;
        rest = &tail[end..];
    }
    // Whole milliseconds, as brokers take them.
    let millis = (seconds * 1e3).round();
    (millis < 1e12).then(|| Duration::from_millis(millis as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_answered_with_those_that_are() {
        let backoff = SettingInfo { name: "backoff", about: "before a retry", default: "5s" };
        let given = |name: &str| BTreeMap::from([(name.to_owned(), "1s".to_owned())]);
        known("queue", &[backoff], &given("backoff")).unwrap();
        let error = known("queue", &[backoff], &given("backof")).unwrap_err().to_string();
        assert_eq!(error, "there is no setting of the queue called `backof`. Known: backoff");
        assert!(known("queue", &[], &given("a")).unwrap_err().to_string().contains("Known: none"));
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("100ms"), Some(Duration::from_millis(100)));
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("0.3s"), Some(Duration::from_millis(300)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        for bad in ["", "5", "s", "-5s", "5 s", "5d", "5s3", "infs", "nan s", "1e300h"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
