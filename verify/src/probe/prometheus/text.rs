//! The text format of Prometheus, version 0.0.4, and as much of OpenMetrics as
//! looks the same: a line is a name, labels in braces, a value and perhaps a
//! time. Comments and exemplars are passed over, lines that cannot be read are
//! counted.

use std::borrow::Cow;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    pub(crate) name: &'a str,
    /// In the order of the text.
    pub(crate) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(crate) value: f64,
}

impl Sample<'_> {
    /// The value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// What tells the samples of one metric apart, in whichever order a
    /// process writes its labels.
    pub(super) fn key(&self) -> String {
        self.key_without("")
    }

    /// The same without one of the labels.
    pub(super) fn key_without(&self, label: &str) -> String {
        let mut labels: Vec<_> = self.labels.iter().filter(|(name, _)| *name != label).collect();
        labels.sort();
        format!("{labels:?}")
    }
}

/// The samples of a text, and how many lines could not be read.
pub(crate) fn parse(text: &str) -> (Vec<Sample<'_>>, usize) {
    let mut garbled = 0;
    let mut samples = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        match sample(line) {
            Some(sample) => samples.push(sample),
            None => garbled += 1,
        }
    }
    (samples, garbled)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    if !is_name(name) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

/// The labels up to the closing brace, and what follows.
type Labels<'a> = (Vec<(&'a str, Cow<'a, str>)>, &'a str);

fn labels(mut rest: &str) -> Option<Labels<'_>> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, behind) = rest.split_once('=')?;
        let name = name.trim_end();
        if !is_name(name) {
            return None;
        }
        let (value, behind) = quoted(behind.trim_start().strip_prefix('"')?)?;
        labels.push((name, value));
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.starts_with('}') => {}
            None => return None,
        }
    }
}

/// A text up to its closing quotation mark, and what follows.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut value = String::new();
    let mut from = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if from == 0 => return Some((Cow::Borrowed(&text[..at]), &text[at + 1..])),
            '"' => {
                value.push_str(&text[from..at]);
                return Some((Cow::Owned(value), &text[at + 1..]));
            }
            '\\' => {
                value.push_str(&text[from..at]);
                let (next, escaped) = chars.next()?;
                match escaped {
                    'n' => value.push('\n'),
                    '\\' | '"' => value.push(escaped),
                    other => value.extend(['\\', other]),
                }
                from = next + escaped.len_utf8();
            }
            _ => {}
        }
    }
    None
}

fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_format_is_read() {
        let text = "# HELP a b\n# TYPE a counter\na 1\n  b{x=\"1\",} 2 1700000000000\n\
                    c { x = \"q\\\"\\\\\\n\" , y=\"}\" } +Inf\nd_bucket{le=\"0.1\"} 3 # {t=\"x\"} 1\n\
                    e NaN\n\nbroken\nf{x=1} 1\ng{x=\"1\" y=\"2\"} 1\n9h 1\ni{x=\"1\"\nj x\n";
        let (samples, garbled) = parse(text);
        let names: Vec<_> = samples.iter().map(|sample| sample.name).collect();
        assert_eq!(names, ["a", "b", "c", "d_bucket", "e"]);
        assert_eq!(garbled, 6);
        assert_eq!(samples[1].label("x"), Some("1"));
        assert_eq!(samples[2].label("x"), Some("q\"\\\n"));
        assert_eq!(samples[2].label("y"), Some("}"));
        assert_eq!(samples[2].value, f64::INFINITY);
        assert_eq!(samples[3].value, 3.0);
        assert!(samples[4].value.is_nan());
    }

    proptest! {
        /// What a process writes is what is read, whatever its labels hold.
        #[test]
        fn samples_survive_the_way(name in "[a-z_:][a-z0-9_:]{0,8}", labels in prop::collection::btree_map("[a-z_][a-z0-9_]{0,6}", any::<String>(), 0..4), value in -1e12_f64..1e12) {
            let escape = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let written: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let line = format!("{name}{{{}}} {value}", written.join(","));
            // A carriage return ends no line of the format, but lines() drops
            // one in front of a line feed, which is escaped here.
            let (samples, garbled) = parse(&line);
            prop_assert_eq!(garbled, 0);
            prop_assert_eq!(samples.len(), 1);
            prop_assert_eq!(samples[0].name, name);
            prop_assert_eq!(samples[0].value, value);
            for (name, value) in &labels {
                prop_assert_eq!(samples[0].label(name), Some(value.as_str()));
            }
        }

        /// No text makes the reader fail.
        #[test]
        fn any_text_is_read(text: String, line in "[a-z]{1,3}\\{?[a-z=\"\\\\,} ]{0,12}[0-9 .]{0,4}") {
            parse(&text);
            parse(&line);
        }
    }
}
