//! Matchers of labels, written as Prometheus has them: `status=~"5..",
//! version!="stable"`. A label that a sample does not have is the empty text, and an
//! expression has to match all of a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One matcher.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How its value is compared.
    pub how: How,
    /// With what.
    pub value: String,
}

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

impl How {
    /// Longer signs first.
    const SIGNS: [(&'static str, Self); 4] =
        [("=~", Self::Matches), ("!~", Self::MatchesNot), ("!=", Self::IsNot), ("=", Self::Is)];

    fn sign(self) -> &'static str {
        Self::SIGNS.iter().find(|(_, how)| *how == self).map_or("=", |(sign, _)| sign)
    }
}

/// Matchers that all have to be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matchers(Vec<Matcher>);

/// Why a text is no list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write labels as Prometheus has them: status=~\"5..\", version!=\"stable\"")]
pub struct MatchersError(String);

impl Matchers {
    /// Every one of them.
    #[must_use]
    pub fn list(&self) -> &[Matcher] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These matchers, with labels that must have a value.
    #[must_use]
    pub fn with<'a>(&self, labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let is = |(label, value): (&String, &String)| Matcher {
            label: label.clone(),
            how: How::Is,
            value: value.clone(),
        };
        let mut list: Vec<Matcher> = labels.into_iter().map(is).collect();
        list.extend(self.0.iter().cloned());
        Self(list)
    }

    /// These matchers and one more.
    #[must_use]
    pub fn and(mut self, matcher: Matcher) -> Self {
        self.0.push(matcher);
        self
    }

    /// The same, ready to be asked often.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let ready = |matcher: &Matcher| {
            let is_pattern = matches!(matcher.how, How::Matches | How::MatchesNot);
            let pattern = is_pattern.then(|| whole(&matcher.value).ok()).flatten();
            (matcher.clone(), pattern)
        };
        Filter(self.0.iter().map(ready).collect())
    }
}

/// Matchers that can be asked.
#[derive(Debug, Clone)]
pub struct Filter(Vec<(Matcher, Option<regex_lite::Regex>)>);

impl Filter {
    /// Whether a sample with these labels meets all of them.
    pub fn passes<'v>(&self, label: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.0.iter().all(|(matcher, pattern)| {
            let value = label(&matcher.label).unwrap_or_default();
            let matches = || pattern.as_ref().is_some_and(|pattern| pattern.is_match(value));
            match matcher.how {
                How::Is => value == matcher.value,
                How::IsNot => value != matcher.value,
                How::Matches => matches(),
                How::MatchesNot => !matches(),
            }
        })
    }

    /// The labels without which nothing passes.
    pub fn needed(&self) -> impl Iterator<Item = &str> {
        let needs = |(matcher, pattern): &&(Matcher, Option<regex_lite::Regex>)| match matcher.how {
            How::Is => !matcher.value.is_empty(),
            How::Matches => pattern.as_ref().is_none_or(|pattern| !pattern.is_match("")),
            How::IsNot => matcher.value.is_empty(),
            How::MatchesNot => pattern.as_ref().is_some_and(|pattern| pattern.is_match("")),
        };
        self.0.iter().filter(needs).map(|(matcher, _)| matcher.label.as_str())
    }
}

fn whole(pattern: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::Regex::new(&format!("^(?s:{pattern})$"))
}

impl FromStr for Matchers {
    type Err = MatchersError;

    /// With or without braces around them.
    fn from_str(text: &str) -> Result<Self, MatchersError> {
        let text = text.trim();
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let (matchers, rest) = matchers(inner.unwrap_or(text))?;
        match rest.trim() {
            "" => Ok(matchers),
            rest => Err(MatchersError(format!("{rest:?} stands behind the labels"))),
        }
    }
}

/// The matchers at the beginning of a text, and what follows.
fn matchers(text: &str) -> Result<(Matchers, &str), MatchersError> {
    let mut list = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (name, behind) = rest.split_at(name_length(rest));
        if name.is_empty() {
            return Ok((Matchers(list), rest));
        }
        let behind = behind.trim_start();
        let sign =
            How::SIGNS.iter().find_map(|&(sign, how)| Some((how, behind.strip_prefix(sign)?)));
        let Some((how, behind)) = sign else {
            let why = format!("label {name} has none of =, !=, =~ and !~ behind it");
            return Err(MatchersError(why));
        };
        let Some((value, behind)) = quoted(behind.trim_start()) else {
            return Err(MatchersError(format!("label {name} has no value in quotation marks")));
        };
        if matches!(how, How::Matches | How::MatchesNot)
            && let Err(error) = whole(&value)
        {
            return Err(MatchersError(format!("{value:?} is no expression: {error}")));
        }
        list.push(Matcher { label: name.to_owned(), how, value });
        rest = behind.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind.trim_start(),
            None => return Ok((Matchers(list), rest)),
        }
    }
}

fn name_length(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => 0,
        false => text.find(|c| !is_part(c)).unwrap_or(text.len()),
    }
}

/// A text in quotation marks, as PromQL has them, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mark = text.chars().next().filter(|mark| "\"'`".contains(*mark))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == mark => return Some((value, &text[at + 1..])),
            '\\' if mark != '`' => match chars.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

impl TryFrom<String> for Matchers {
    type Error = MatchersError;

    fn try_from(text: String) -> Result<Self, MatchersError> {
        text.parse()
    }
}

impl From<Matchers> for String {
    fn from(matchers: Matchers) -> Self {
        matchers.to_string()
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        write!(f, "{}{}\"{value}\"", self.label, self.how.sign())
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&list.join(","))
    }
}

/// A selector of series, `NAME{matchers}`: what of PromQL can be read as it was
/// scraped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name; empty where only matchers say it.
    pub name: String,
    /// The matchers.
    pub matchers: Matchers,
}

impl Selector {
    /// The selector that a query is, if it is nothing else.
    #[must_use]
    pub fn of(query: &str) -> Option<Self> {
        let query = query.trim();
        let (name, rest) = query.split_at(name_length(query));
        let (matchers, rest) = match rest.trim_start().strip_prefix('{') {
            Some(inner) => {
                let (matchers, rest) = matchers(inner).ok()?;
                (matchers, rest.trim_start().strip_prefix('}')?)
            }
            None => (Matchers::default(), rest),
        };
        let is_one = rest.trim().is_empty() && !(name.is_empty() && matchers.is_empty());
        is_one.then(|| Self { name: name.to_owned(), matchers })
    }

    /// The same of another metric, with further matchers, as PromQL: `behind` is
    /// put behind the name.
    #[must_use]
    pub fn suffixed(&self, behind: &str, further: Option<Matcher>) -> String {
        let list = self.matchers.0.iter().chain(&further).map(ToString::to_string);
        format!("{}{behind}{{{}}}", self.name, list.collect::<Vec<_>>().join(","))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.matchers.is_empty() {
            true => f.write_str(&self.name),
            false => write!(f, "{}{{{}}}", self.name, self.matchers),
        }
    }
}

/// A text as a regular expression of RE2 that matches just it.
#[must_use]
pub fn literally(text: &str) -> String {
    let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_literal_text_matches_just_itself() {
        assert_eq!(literally("+Inf|0.5"), r"\+Inf\|0\.5");
    }

    #[test]
    fn labels_are_matched_as_prometheus_matches_them() {
        let passes = |matchers: &str, labels: &[(&str, &str)]| {
            let filter = matchers.parse::<Matchers>().unwrap().filter();
            filter.passes(|name| labels.iter().find(|(l, _)| *l == name).map(|(_, value)| *value))
        };
        let labels = [("status", "503"), ("version", "canary")];
        for (matchers, expected) in [
            (r#"status=~"5..""#, true),
            (r#"{status=~"5..",version!="stable"}"#, true),
            (r#"status=~"5""#, false),
            (r#"status!~"4..|5..""#, false),
            (r#"status!~"4..", version = 'canary' ,"#, true),
            (r#"path="""#, true),
            (r#"path!="""#, false),
            ("", true),
        ] {
            assert_eq!(passes(matchers, &labels), expected, "{matchers}");
        }
        let needed: Matchers = r#"a="1",b!="1",c=~".+",d=~".*",e!="",f!~".*""#.parse().unwrap();
        assert_eq!(needed.filter().needed().collect::<Vec<_>>(), ["a", "c", "e", "f"]);
    }

    #[test]
    fn what_is_no_matcher_says_so() {
        for (text, expected) in [
            ("status", "none of"),
            ("status=5", "quotation marks"),
            (r#"status=~"5(""#, "no expression"),
            (r#"status="5" status="6""#, "behind the labels"),
            ("5=\"5\"", "behind the labels"),
        ] {
            let error = text.parse::<Matchers>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_selector_is_told_from_other_queries() {
        let of = |query: &str| Selector::of(query).map(|selector| selector.to_string());
        assert_eq!(of("http_requests_total").as_deref(), Some("http_requests_total"));
        assert_eq!(of(" a { b = 'c' } ").as_deref(), Some("a{b=\"c\"}"));
        assert_eq!(of("{__name__=\"up\"}").as_deref(), Some("{__name__=\"up\"}"));
        for other in ["", "{}", "sum(a)", "a + b", "a[5m]", "a offset 5m", "1", "a{b}", "a{b=\"c\""]
        {
            assert_eq!(of(other), None, "{other}");
        }
        let selector = Selector::of(r#"took{v="1"}"#).unwrap();
        let le = Matcher { label: "le".to_owned(), how: How::Matches, value: r"0\.1".to_owned() };
        assert_eq!(selector.suffixed("_bucket", Some(le)), r#"took_bucket{v="1",le=~"0\\.1"}"#);
        assert_eq!(Selector::of("took").unwrap().suffixed("_bucket", None), "took_bucket{}");
    }

    proptest! {
        /// What is written down is read again as the same.
        #[test]
        fn matchers_survive_the_way(list in prop::collection::vec(("[a-z_][a-z0-9_]{0,5}", 0_usize..2, any::<String>()), 0..4)) {
            let matcher = |(label, how, value): (String, usize, String)| {
                Matcher { label, how: [How::Is, How::IsNot][how], value }
            };
            let matchers = Matchers(list.into_iter().map(matcher).collect());
            prop_assert_eq!(matchers.to_string().parse::<Matchers>(), Ok(matchers.clone()));
            let query = format!("m{{{matchers}}}");
            prop_assert_eq!(Selector::of(&query).map(|selector| selector.matchers), Some(matchers));
        }

        /// Whatever is typed, it is read to its end.
        #[test]
        fn any_text_is_read(text in "[a-z0-9_:.{}\\[\\]()'\"`\\\\#\n äß=~!,]{0,40}") {
            let _ = text.parse::<Matchers>();
            let _ = Selector::of(&text);
        }
    }
}
