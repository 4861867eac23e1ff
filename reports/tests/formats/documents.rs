//! Just enough of a reader for each document to see whether it is whole.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// The elements that a report is made of; none of them loads anything, and the only script
/// is the page's own.
pub(crate) const ELEMENTS: [&str; 50] = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "section",
    "article",
    "nav",
    "div",
    "p",
    "h1",
    "h2",
    "h3",
    "span",
    "b",
    "ul",
    "li",
    "a",
    "code",
    "pre",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "svg",
    "rect",
    "path",
    "defs",
    "use",
    "g",
    "i",
    "h4",
    "ol",
    "small",
    "button",
    "output",
    "script",
];

/// A case of a JUnit file: `result` is `failure`, `error`, `skipped` or `success`.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) result: String,
}

/// Reads a JUnit file to its end and gives its cases.
///
/// # Panics
///
/// If it is not well-formed, has a character that XML forbids, or its suite
/// counts other cases than it holds.
pub(crate) fn junit_cases(text: &str) -> Vec<Case> {
    let forbidden =
        |c: char| c.is_control() && !"\n\r\t".contains(c) || "\u{fffe}\u{ffff}".contains(c);
    assert!(!text.contains(forbidden));
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut cases: Vec<Case> = Vec::new();
    let mut counted = None;
    loop {
        let event = reader.read_event().expect("the file is well-formed");
        let (Event::Start(tag) | Event::Empty(tag)) = &event else {
            match event {
                Event::Eof => break,
                Event::Text(text) => drop(text.decode().expect("text is UTF-8")),
                _ => {}
            }
            continue;
        };
        match tag.name().as_ref() {
            b"testsuite" => counted = Some(attribute(tag, "tests")),
            b"testcase" => {
                let result = "success".to_owned();
                cases.push(Case { name: attribute(tag, "name"), result });
            }
            name @ (b"failure" | b"error" | b"skipped") => {
                let case = cases.last_mut().expect("a result stands inside a case");
                case.result = String::from_utf8_lossy(name).into_owned();
            }
            _ => {}
        }
    }
    assert_eq!(counted, Some(cases.len().to_string()));
    cases
}

fn attribute(tag: &BytesStart, name: &str) -> String {
    let attribute = tag.try_get_attribute(name).expect("attributes are well-formed");
    let value = attribute.expect("the attribute is there").value;
    String::from_utf8_lossy(&value).into_owned()
}

/// An element of a page with its attributes.
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
}

/// The elements of a page in their order.
///
/// # Panics
///
/// If one is not closed where it should be.
pub(crate) fn elements(page: &str) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").expect("a page says what it is");
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("every tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "after {}", elements.len());
            continue;
        }
        let element = element(tag.trim_end_matches('/'));
        // What stands in these is no markup.
        if ["script", "style"].contains(&element.name.as_str()) {
            let end = rest.find(&format!("</{}>", element.name)).expect("it is closed");
            rest = &rest[end..];
        }
        if !tag.ends_with('/') && element.name != "meta" {
            open.push(element.name.clone());
        }
        elements.push(element);
    }
    assert!(open.is_empty(), "{open:?} not closed");
    elements
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut attributes = Vec::new();
    while let Some((attribute, value)) = rest.split_once("=\"") {
        let (value, behind) = value.split_once('"').expect("every attribute is quoted");
        attributes.push((attribute.trim().to_owned(), value.to_owned()));
        rest = behind;
    }
    Element { name: name.to_owned(), attributes }
}

/// The bars of a line of Markdown that are not escaped.
pub(crate) fn bars(line: &str) -> usize {
    let mut escaped = false;
    line.chars()
        .filter(|c| {
            let bar = *c == '|' && !escaped;
            escaped = *c == '\\' && !escaped;
            bar
        })
        .count()
}

/// A text without its colour codes.
pub(crate) fn without_escapes(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('m').expect("a colour code ends with m").1);
    }
    out
}
