//! The text exposition format of Prometheus: written, and that of several
//! processes put together.

use std::fmt::{Display, Write};

/// A page of metrics.
#[derive(Debug, Default)]
pub(crate) struct Page {
    families: Vec<Family>,
}

/// All samples of one name, with the lines that describe it.
#[derive(Debug)]
struct Family {
    name: String,
    about: String,
    samples: String,
}

impl Page {
    /// Begins a family; the samples that follow belong to it.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let about = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self.families.push(Family { name: name.to_owned(), about, samples: String::new() });
    }

    /// Adds a sample to the last family. `suffix` is what a histogram adds to
    /// the name.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let Some(family) = self.families.last_mut() else { return };
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(family.samples, "{}{suffix}{labels} {value}", family.name);
    }

    /// Adds another process's page, each sample with one label more.
    pub(crate) fn include(&mut self, text: &str, label: &str, value: &str) {
        let mut at = None;
        for line in text.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let name = comment.split(' ').nth(1).unwrap_or_default();
                let known = self.families.iter().position(|family| family.name == name);
                let index = known.unwrap_or_else(|| {
                    let (name, samples) = (name.to_owned(), String::new());
                    self.families.push(Family { name, about: String::new(), samples });
                    self.families.len() - 1
                });
                // Of a family that is known the description is known, too.
                let family = &mut self.families[index];
                if !family.about.contains(line) {
                    let _ = writeln!(family.about, "{line}");
                }
                at = Some(index);
            } else if let Some(index) = at {
                let sample = labelled(line, label, value);
                let _ = writeln!(self.families[index].samples, "{sample}");
            }
        }
    }

    pub(crate) fn render(&self) -> String {
        self.families.iter().flat_map(|family| [&*family.about, &*family.samples]).collect()
    }
}

fn labelled(sample: &str, label: &str, value: &str) -> String {
    match sample.split_once('{') {
        Some((name, rest)) => format!("{name}{{{label}=\"{value}\",{rest}"),
        None => {
            let (name, number) = sample.split_once(' ').unwrap_or((sample, ""));
            format!("{name}{{{label}=\"{value}\"}} {number}")
        }
    }
}

/// When this process began, as the metric of that name that clients know.
pub(crate) fn start_time(page: &mut Page, seconds: f64) {
    let help = "Start time of the process since the epoch.";
    page.family("process_start_time_seconds", "gauge", help);
    page.sample("", &[], format_args!("{seconds:.3}"));
}

/// The wall clock, in seconds since the epoch.
pub(crate) fn seconds_now() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a start time is a wall-clock time")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_two_processes_are_one_with_each_family_once() {
        let worker = |done: u32| {
            let mut page = Page::default();
            page.family("done_total", "counter", "What is done.");
            page.sample("", &[("status", "ok")], done);
            start_time(&mut page, 1.5);
            page.render()
        };
        let mut page = Page::default();
        start_time(&mut page, 1.0);
        page.include(&worker(1), "worker", "a");
        page.include(&worker(2), "worker", "b");
        assert_eq!(
            page.render(),
            "# HELP process_start_time_seconds Start time of the process since the epoch.\n\
             # TYPE process_start_time_seconds gauge\n\
             process_start_time_seconds 1.000\n\
             process_start_time_seconds{worker=\"a\"} 1.500\n\
             process_start_time_seconds{worker=\"b\"} 1.500\n\
             # HELP done_total What is done.\n\
             # TYPE done_total counter\n\
             done_total{worker=\"a\",status=\"ok\"} 1\n\
             done_total{worker=\"b\",status=\"ok\"} 2\n"
        );
    }
}
