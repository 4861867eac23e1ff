//! Splits templates at their marks.

use super::escape::Escape;
use super::mark::{Mark, NAMES};
use super::{Payload, PayloadError, filler};
use crate::data::Data;

/// A payload that is being put together.
pub(super) struct Split<'a> {
    data: Option<&'a Data>,
    head: Vec<u8>,
    tail: Vec<(Mark, Vec<u8>)>,
}

impl<'a> Split<'a> {
    pub(super) fn new(data: Option<&'a Data>) -> Self {
        Self { data, head: Vec::new(), tail: Vec::new() }
    }

    /// Appends bytes without marks.
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        self.tail
            .last_mut()
            .map_or(&mut self.head, |(_, literal)| literal)
            .extend_from_slice(bytes);
    }

    /// Appends a text; `escape` says how the value of a column stands behind
    /// this literal text, the last one since the mark before.
    pub(super) fn text(
        &mut self,
        text: &str,
        mut escape: impl FnMut(&str) -> Escape,
    ) -> Result<(), PayloadError> {
        let mut rest = text;
        while let Some(at) = rest.find("@{") {
            let how = escape(&rest[..at]);
            if rest[..at].ends_with('@') {
                self.literal(&rest.as_bytes()[..at]);
                self.literal(b"{");
                rest = &rest[at + 2..];
                continue;
            }
            self.literal(&rest.as_bytes()[..at]);
            rest = &rest[at..];
            let end =
                rest.find('}').ok_or_else(|| PayloadError::Unclosed { text: rest.to_owned() })?;
            let mark = self.mark(&rest[2..end], how)?;
            self.tail.push((mark, Vec::new()));
            rest = &rest[end + 1..];
        }
        self.literal(rest.as_bytes());
        Ok(())
    }

    /// Appends a text that may be JSON: then values of columns are escaped where
    /// they stand within its strings.
    pub(super) fn json_or_text(&mut self, text: &str) -> Result<(), PayloadError> {
        let is_json = text.trim_start().starts_with(['{', '[', '"']);
        let (mut within, mut escaped) = (false, false);
        self.text(text, |literal| {
            for byte in literal.bytes() {
                within ^= byte == b'"' && !escaped;
                escaped = byte == b'\\' && within && !escaped;
            }
            if is_json && within { Escape::Json } else { Escape::None }
        })
    }

    fn mark(&self, name: &str, how: Escape) -> Result<Mark, PayloadError> {
        let column = |name: &str| self.data.and_then(|data| data.column(name));
        if let Some(mark) = Mark::named(name, self.tail.len() as u64) {
            return Ok(mark);
        }
        if let Some(column) = column(name).or_else(|| column(name.strip_prefix("data:")?)) {
            return Ok(Mark::Column(column, how));
        }
        let columns = || self.data.into_iter().flat_map(Data::columns).map(String::as_str);
        Err(match (name.strip_prefix("data:"), self.data) {
            (Some(name), None) => PayloadError::NoData { name: name.to_owned() },
            (Some(name), Some(data)) => PayloadError::Column {
                name: name.to_owned(),
                shown: data.shown().to_owned(),
                help: scenarios::nearest::nearest_help(name, columns(), "its columns")
                    .unwrap_or_else(|| "it has many".to_owned()),
            },
            (None, _) => {
                let known: Vec<&str> = NAMES.into_iter().chain(columns()).collect();
                let nearest = scenarios::nearest::nearest(name, &known).map(str::to_owned);
                let columns = self.data.map_or_else(|| "a data file".to_owned(), listed);
                PayloadError::Unknown { name: name.to_owned(), nearest, columns }
            }
        })
    }

    pub(super) fn finish(self) -> Result<Payload, PayloadError> {
        let filler = match self.tail.iter().filter(|(mark, _)| *mark == Mark::Pad).count() {
            0 => Vec::new(),
            1 => filler(),
            _ => return Err(PayloadError::Pads),
        };
        let tail = self.tail.into_iter().map(|(mark, literal)| (mark, literal.into())).collect();
        Ok(Payload { head: self.head.into(), tail, filler: filler.into() })
    }
}

/// A data file with the names of its columns, for people.
fn listed(data: &Data) -> String {
    const MOST: usize = 12;
    let names: Vec<String> =
        data.columns().iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let more = if data.columns().len() > MOST { ", …" } else { "" };
    format!("{} ({}{more})", data.shown(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::content::Piece;
    use crate::identity::IdentityRef;
    use crate::payload::Fields;
    use crate::shape::Shape;

    /// A shape with one row: what is quoted in JSON and in a URL.
    fn shape() -> Shape {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rows.csv");
        std::fs::write(&file, "user,id\n\"a \"\"b\"\" & c\",7\n").unwrap();
        let data = Data::read(&file, scenarios::plan::data::Order::InTurn).unwrap();
        Shape { data: Some(Arc::new(data)), ..Shape::default() }
    }

    fn rendered(payload: Result<Payload, PayloadError>, shape: &Shape) -> String {
        let identity = IdentityRef { run: "r", workload: "w", sequence: 3 };
        let mut out = Vec::new();
        payload.unwrap().render(&Fields { identity, time: 0, shape }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_stand_as_their_place_demands() {
        let shape = shape();
        let body = |text: &str| rendered(Payload::body(&text.into(), &shape), &shape);
        for (template, becomes) in [
            ("{\"u\":\"@{user}\",\"n\":@{data:id}}", "{\"u\":\"a \\\"b\\\" & c\",\"n\":7}"),
            ("[\"\\\"@{user}\"]", "[\"\\\"a \\\"b\\\" & c\"]"),
            ("[\"\\\\\",@{data:id}]", "[\"\\\\\",7]"),
            ("user \"@{user}\"", "user \"a \"b\" & c\""),
            ("@{id} @{data:id}", "r/w/3 7"),
        ] {
            assert_eq!(body(template), becomes);
        }
        let url = Payload::encoded("/@{user}?@{id}", &shape);
        assert_eq!(rendered(url, &shape), "/a%20%22b%22%20%26%20c?r/w/3");
        assert_eq!(rendered(Payload::plain("@{user}", &shape), &shape), "a \"b\" & c");
        let mixed = vec![
            Piece::Bytes((*b"@{user}=").into()),
            Piece::Encoded("@{user}".to_owned()),
            Piece::Text("{\"@{user}\"}".to_owned()),
        ];
        assert_eq!(
            rendered(Payload::body(&mixed.into(), &shape), &shape),
            "@{user}=a%20%22b%22%20%26%20c{\"a \\\"b\\\" & c\"}"
        );
    }

    #[test]
    fn a_body_has_its_size_whatever_the_values() {
        let sized = Shape { size: "60".parse().ok(), ..shape() };
        let body = Payload::body(&"{\"u\":\"@{user}\",\"p\":\"@{pad}\"}".into(), &sized);
        assert_eq!(rendered(body, &sized).len(), 60);
    }

    #[test]
    fn unknown_columns_have_a_nearest_name() {
        let error =
            |text: &str, shape: &Shape| Payload::plain(text, shape).unwrap_err().to_string();
        let known = shape();
        assert!(error("@{usr}", &known).contains("did you mean @{user}?"));
        assert!(error("@{who}", &known).contains("rows.csv (\"user\", \"id\"); write \"@@{\""));
        assert!(error("@{sequ}", &known).contains("did you mean @{seq}?"));
        assert!(error("@{data:usr}", &known).contains("rows.csv; did you mean \"user\"?"));
        assert!(error("@{data:xyzxyz}", &known).contains("its columns: user, id"));
        assert!(error("@{data:user}", &Shape::default()).contains("give it with --data"));
    }
}
