//! The processes of which an endpoint tells when each began.
//!
//! One process shows one `process_start_time_seconds`. A page that was joined from
//! several, as a federation or an orchestrator gives it, shows one for each, told apart by
//! labels such as `pod`; a sample is of the process whose labels it has.

use std::collections::BTreeMap;

use super::text::Sample;

/// By which a process that began again is known even when its counters have already
/// passed what they were.
const BEGAN: &str = "process_start_time_seconds";

/// Labels, in order.
type Labels = Vec<(String, String)>;

/// When each process began, by the labels that its samples have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Processes(BTreeMap<Labels, f64>);

impl Processes {
    /// Those of a page.
    pub(super) fn of(samples: &[Sample<'_>]) -> Self {
        let told = samples.iter().filter(|sample| sample.name == BEGAN);
        let told = told.map(|sample| {
            let labels = sample.labels.iter();
            let mut labels: Labels =
                labels.map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
            labels.sort();
            (labels, sample.value)
        });
        Self(told.collect())
    }

    /// When the process of a sample began; of several whose labels it has, that with the
    /// most.
    pub(super) fn began(&self, sample: &Sample<'_>) -> Option<f64> {
        let is_of = |labels: &Labels| {
            labels.iter().all(|(name, value)| sample.label(name) == Some(value.as_str()))
        };
        let of = self.0.iter().filter(|(labels, _)| is_of(labels));
        of.max_by_key(|(labels, _)| labels.len()).map(|(_, &began)| began)
    }

    /// Takes the place of what was known before; whether a process of then is another one
    /// now, or gone. Where a page tells of none, nothing changes.
    pub(super) fn replace(&mut self, now: Self) -> bool {
        if now.0.is_empty() {
            return false;
        }
        let is_other = self.0.iter().any(|(labels, began)| now.0.get(labels) != Some(began));
        *self = now;
        is_other
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::parse;
    use super::*;

    #[test]
    fn a_sample_is_of_the_process_whose_labels_it_has() {
        let text = "process_start_time_seconds{pod=\"a\"} 1\n\
                    process_start_time_seconds{pod=\"b\"} 2\n\
                    c{pod=\"b\",x=\"1\"} 5\nc{x=\"1\"} 6\n";
        let (samples, _) = parse(text);
        let processes = Processes::of(&samples);
        assert_eq!(processes.began(&samples[2]), Some(2.0));
        assert_eq!(processes.began(&samples[3]), None, "of whom it is nobody knows");
        let (alone, _) = parse("process_start_time_seconds 7\nc{x=\"1\"} 6\n");
        assert_eq!(Processes::of(&alone).began(&alone[1]), Some(7.0));
    }

    #[test]
    fn one_that_is_gone_or_began_again_is_told_and_a_new_one_is_not() {
        let of = |text: &str| Processes::of(&parse(text).0);
        let a = "process_start_time_seconds{pod=\"a\"} 1\n";
        let both = format!("{a}process_start_time_seconds{{pod=\"b\"}} 2\n");
        let mut known = of(a);
        assert!(!known.replace(of(&both)));
        assert!(!known.replace(of("c 1\n")), "nobody told");
        assert!(known.replace(of(a)));
        assert!(known.replace(of("process_start_time_seconds{pod=\"a\"} 9\n")));
    }
}
