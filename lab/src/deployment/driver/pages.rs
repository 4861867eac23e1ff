//! Pages of metrics of several pods as one, each sample with what its pod is called.

use std::fmt::Write;

/// A metric as the pages tell it.
#[derive(Default)]
struct Family<'a> {
    /// `# HELP` and `# TYPE`.
    comments: Vec<&'a str>,
    samples: Vec<String>,
}

/// The page of a pod.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) deployment: &'a str,
    pub(super) pod: &'a str,
    pub(super) image: &'a str,
    pub(super) page: &'a str,
}

/// Joins pages in Prometheus' text format, each with the labels `deployment`, `pod` and
/// `image`. What stands first about a metric is kept.
pub(super) fn joined<'a>(pages: impl IntoIterator<Item = Told<'a>>) -> String {
    let mut families: Vec<(&str, Family<'_>)> = Vec::new();
    for Told { deployment, pod, image, page } in pages {
        let labels = format!("deployment=\"{deployment}\",pod=\"{pod}\",image=\"{image}\"");
        let mut current = None;
        for line in page.lines().filter(|line| !line.is_empty()) {
            if let Some(name) = commented(line) {
                let known = families.iter().position(|(known, _)| *known == name);
                let place = known.unwrap_or_else(|| {
                    families.push((name, Family::default()));
                    families.len() - 1
                });
                current = Some(place);
                let comments = &mut families[place].1.comments;
                if comments.len() < 2 && !comments.contains(&line) {
                    comments.push(line);
                }
            } else if let Some(place) = current {
                families[place].1.samples.push(labelled(line, &labels));
            }
        }
    }
    let mut text = String::new();
    for (_, Family { comments, samples }) in families {
        let samples = samples.iter().map(String::as_str);
        for line in comments.into_iter().chain(samples) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The metric of which a comment speaks.
fn commented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "))?;
    rest.split(' ').next()
}

/// A sample with more labels. Names of pods and images have nothing that needs an escape.
fn labelled(line: &str, labels: &str) -> String {
    let end = line.find(['{', ' ']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    match rest.strip_prefix('{') {
        Some(rest) if rest.starts_with('}') => format!("{name}{{{labels}{rest}"),
        Some(rest) => format!("{name}{{{labels},{rest}"),
        None => format!("{name}{{{labels}}}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_its_pod_and_every_metric_stands_once() {
        let one = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"{ 1\"} 1\n\
                   # HELP b B.\n# TYPE b gauge\nb 2\n";
        let two = "# HELP b B.\n# TYPE b gauge\nb{} 3\n";
        let of = |pod, page| Told { deployment: "w", pod, image: "i:1", page };
        let labels = |pod: &str| format!("deployment=\"w\",pod=\"{pod}\",image=\"i:1\"");
        let (first, second) = (labels("w-1"), labels("w-2"));
        let expected = format!(
            "# HELP a_total A.\n# TYPE a_total counter\na_total{{{first},x=\"{{ 1\"}} 1\n\
             # HELP b B.\n# TYPE b gauge\nb{{{first}}} 2\nb{{{second}}} 3\n"
        );
        assert_eq!(joined([of("w-1", one), of("w-2", two)]), expected);
        assert_eq!(joined([]), "");
    }
}
