//! Bodies of forms: `--form` and `--multipart`.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use loadgen::content::{self, Content, LONGEST_BODY, Piece};

use super::pairs;

#[derive(Debug, clap::Args)]
pub(super) struct FormArgs {
    /// A field of a form (application/x-www-form-urlencoded); may be repeated
    #[arg(long = "form", value_name = "NAME=TEXT", conflicts_with_all = ["body", "multipart"])]
    fields: Vec<String>,
    /// A part of a multipart/form-data body, as of curl -F: name=text, name=@FILE to send a file,
    /// or name=<FILE to take a text from it, with ;type=MEDIA-TYPE and ;filename=NAME behind it;
    /// may be repeated
    #[arg(long, value_name = "NAME=TEXT|@FILE", conflicts_with = "body")]
    multipart: Vec<String>,
}

impl FormArgs {
    /// The body and its content type, where a form is asked for.
    pub(super) fn given(&self) -> anyhow::Result<Option<(Content, String)>> {
        if !self.multipart.is_empty() {
            return multipart(&self.multipart).map(Some);
        }
        if self.fields.is_empty() {
            return Ok(None);
        }
        let fields = pairs(&self.fields).context("--form")?;
        let encoded = fields
            .iter()
            .map(|(name, value)| format!("{}={}", content::encoded(name), content::encoded(value)));
        let text = encoded.collect::<Vec<_>>().join("&");
        let kind = "application/x-www-form-urlencoded".to_owned();
        Ok(Some((vec![Piece::Encoded(text)].into(), kind)))
    }
}

/// One part of a multipart body.
struct Part {
    head: String,
    content: Piece,
}

fn multipart(given: &[String]) -> anyhow::Result<(Content, String)> {
    let parts = given
        .iter()
        .map(|text| part(text).with_context(|| "--multipart".to_owned()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let length = |part: &Part| match &part.content {
        Piece::Text(text) | Piece::Encoded(text) => text.len() as u64,
        Piece::Bytes(bytes) => bytes.len() as u64,
    };
    ensure!(
        parts.iter().map(length).sum::<u64>() <= LONGEST_BODY,
        "--multipart: all parts together have more than {} MiB, which is the most",
        LONGEST_BODY >> 20
    );
    let boundary = boundary(&parts);
    let mut pieces = Vec::new();
    for Part { head, content } in parts {
        pieces.push(literal(format!("--{boundary}\r\n{head}\r\n\r\n")));
        pieces.push(content);
        pieces.push(literal("\r\n".to_owned()));
    }
    pieces.push(literal(format!("--{boundary}--\r\n")));
    Ok((pieces.into(), format!("multipart/form-data; boundary={boundary}")))
}

fn literal(text: String) -> Piece {
    Piece::Bytes(text.into_bytes().into())
}

fn part(text: &str) -> anyhow::Result<Part> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("{text:?} has no value; write name=text or name=@FILE"))?;
    let (value, kind, file_name) = settings(value)?;
    if [Some(name), file_name.as_deref()].into_iter().flatten().any(|name| name.contains("@{")) {
        bail!("{text:?}: nothing is filled in in the names of parts and files; write them out");
    }
    let read = |path: &str| content::read(Path::new(path), LONGEST_BODY);
    let (content, file_name) = match value.as_bytes().first() {
        Some(b'@') if !value.starts_with("@{") && !value.starts_with("@@{") => {
            let path = &value[1..];
            let usual = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
            (Piece::Bytes(read(path)?.into()), file_name.or(usual))
        }
        Some(b'<') => {
            let content = Content::of_file(read(&value[1..])?);
            let [piece] = content.pieces() else { bail!("{text:?} has nothing to send") };
            (piece.clone(), file_name)
        }
        _ => {
            let text = value.strip_prefix('\\').filter(|rest| rest.starts_with(['@', '<']));
            (Piece::Text(text.unwrap_or(value).to_owned()), file_name)
        }
    };
    let mut head = format!("content-disposition: form-data; name=\"{}\"", quoted(name));
    if let Some(file_name) = &file_name {
        head.push_str(&format!("; filename=\"{}\"", quoted(file_name)));
    }
    let usual = matches!(content, Piece::Bytes(_)).then_some("application/octet-stream");
    if let Some(kind) = kind.as_deref().or(usual) {
        head.push_str(&format!("\r\ncontent-type: {kind}"));
    }
    Ok(Part { head, content })
}

/// Takes `;type=` and `;filename=` off the end of a value.
fn settings(value: &str) -> anyhow::Result<(&str, Option<String>, Option<String>)> {
    let (mut value, mut kind, mut file_name) = (value, None, None);
    while let Some((rest, last)) = value.rsplit_once(';') {
        let (place, text) = match last.trim_start().split_once('=') {
            Some(("type", text)) => (&mut kind, text),
            Some(("filename", text)) => (&mut file_name, text.trim_matches('"')),
            _ => break,
        };
        if text.is_empty() || text.contains(['\r', '\n']) {
            bail!("{last:?} says nothing; write ;type=text/csv or ;filename=rows.csv");
        }
        *place = Some(text.to_owned());
        value = rest;
    }
    Ok((value, kind, file_name))
}

/// As the HTML standard has names in a multipart body.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// A line that stands in no part. The same parts have the same one.
fn boundary(parts: &[Part]) -> String {
    let stands_in = |boundary: &str, bytes: &[u8]| {
        bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes())
    };
    (0_u32..)
        .map(|number| format!("shakedown-{number:08x}-5f3759df"))
        .find(|boundary| {
            parts.iter().all(|part| match &part.content {
                Piece::Text(text) | Piece::Encoded(text) => !stands_in(boundary, text.as_bytes()),
                Piece::Bytes(bytes) => !stands_in(boundary, bytes),
            })
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(content: &Content) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) | Piece::Encoded(text) => text.clone(),
            Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        };
        content.pieces().iter().map(piece).collect()
    }

    fn form(fields: &[&str], multipart: &[&str]) -> anyhow::Result<Option<(Content, String)>> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        FormArgs { fields: owned(fields), multipart: owned(multipart) }.given()
    }

    #[test]
    fn fields_are_encoded_and_marks_stay() {
        let (content, kind) = form(&["a b=c&d", "id=@{id}", "x=@@{id}"], &[]).unwrap().unwrap();
        assert_eq!(rendered(&content), "a%20b=c%26d&id=@{id}&x=%40%7Bid%7D");
        assert_eq!(kind, "application/x-www-form-urlencoded");
        assert!(form(&["a"], &[]).is_err());
        assert!(form(&[], &[]).unwrap().is_none());
    }

    #[test]
    fn parts_are_texts_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "@{id}\nshakedown-00000000-5f3759df").unwrap();
        let path = file.display();
        let parts = [
            "id=@{id}".to_owned(),
            format!("up=@{path};type=text/csv;filename=b\"c"),
            format!("in=<{path};type=text/plain"),
            "at=\\@home; sweet".to_owned(),
        ];
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (content, kind) = form(&[], &parts).unwrap().unwrap();
        let line = "--shakedown-00000001-5f3759df";
        assert_eq!(kind, format!("multipart/form-data; boundary={}", &line[2..]));
        let body = rendered(&content);
        let expected = format!(
            "{line}\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n@{{id}}\r\n\
             {line}\r\ncontent-disposition: form-data; name=\"up\"; filename=\"b%22c\"\r\n\
             content-type: text/csv\r\n\r\n@{{id}}\nshakedown-00000000-5f3759df\r\n\
             {line}\r\ncontent-disposition: form-data; name=\"in\"\r\n\
             content-type: text/plain\r\n\r\n@{{id}}\nshakedown-00000000-5f3759df\r\n\
             {line}\r\ncontent-disposition: form-data; name=\"at\"\r\n\r\n@home; sweet\r\n{line}--\r\n"
        );
        assert_eq!(body, expected);
        let sent_as_it_is =
            content.pieces().iter().filter(|piece| matches!(piece, Piece::Bytes(_)));
        assert_eq!(sent_as_it_is.count(), 4 + 4 + 1 + 1);
        for (bad, hint) in
            [("x", "has no value"), ("x=@/no/such", "no such file"), ("x=y;type=", "says nothing")]
        {
            let error = format!("{:#}", form(&[], &[bad]).unwrap_err());
            assert!(error.contains(hint), "{error}");
        }
    }
}
