//! What is sent: bodies, and the rows that fill them in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use loadgen::content::{self, Content, LONGEST_BODY};
use loadgen::data::Data;
use scenarios::plan::data::Order;

#[derive(Debug, clap::Args)]
pub(super) struct BodyArgs {
    /// The body: a text, @FILE for what a file holds, @- for the standard input, \@ to begin a
    /// text with @. A file that is no UTF-8 text is sent as it is [default: the identity, filled
    /// up to --size; of HTTP and programs: empty without --size]
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// Send --body as it is: nothing in it is filled in
    #[arg(long, requires = "body")]
    verbatim: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shape")]
pub(super) struct DataArgs {
    /// A file of rows for @{COLUMN}: CSV with the names in its first line, or a JSON object in
    /// each line; at most 256 MiB
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Which row an operation gets: in-turn, random (drawn from --seed), or once: each row for
    /// one operation, and there must be enough
    #[arg(long, value_name = "ORDER", requires = "data", default_value = "in-turn", value_parser = order)]
    data_order: Order,
}

fn order(text: &str) -> Result<Order, String> {
    Ok(match text {
        "in-turn" => Order::InTurn,
        "random" => Order::Random,
        "once" => Order::Once,
        _ => return Err(format!("{text:?} is none of in-turn, random and once")),
    })
}

impl BodyArgs {
    /// The body that was given.
    pub(super) fn given(&self) -> anyhow::Result<Option<Content>> {
        let Some(text) = &self.body else { return Ok(None) };
        let content = given(text).context("--body")?;
        Ok(Some(match (self.verbatim, content.into_text()) {
            (true, Ok(text)) => Content::verbatim(text.into_bytes()),
            (false, Ok(text)) => text.into(),
            (_, Err(bytes)) => bytes,
        }))
    }

    /// The body that was given, else that of a message.
    pub(super) fn of_message(&self, sized: bool) -> anyhow::Result<Content> {
        let usual = if sized { "@{id}@{pad}" } else { "@{id}" };
        Ok(self.given()?.unwrap_or_else(|| usual.into()))
    }
}

impl DataArgs {
    pub(super) fn read(&self) -> anyhow::Result<Option<Arc<Data>>> {
        let Some(path) = &self.data else { return Ok(None) };
        Ok(Some(Arc::new(Data::read(path, self.data_order).context("--data")?)))
    }
}

/// A text that was given, or what the file holds that it names: `@FILE`, `@-`.
/// What begins with a mark such as `@{id}` is a text.
pub(super) fn given(text: &str) -> anyhow::Result<Content> {
    if let Some(literal) = text.strip_prefix('\\').filter(|rest| rest.starts_with('@')) {
        return Ok(literal.into());
    }
    match text.strip_prefix('@') {
        Some(rest) if !rest.starts_with(['{', '@']) => {
            if rest.is_empty() {
                bail!("name a file behind @, or write \\@ to begin a text with it");
            }
            Ok(Content::of_file(content::read(Path::new(rest), LONGEST_BODY)?))
        }
        _ => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_text_or_a_file() {
        for (text, content) in [
            ("plain", "plain"),
            ("@{id}", "@{id}"),
            ("@@{id}", "@@{id}"),
            ("@@home", "@@home"),
            ("\\@home", "@home"),
            ("\\@{id}", "@{id}"),
            ("\\home", "\\home"),
        ] {
            assert_eq!(given(text).unwrap(), Content::from(content), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("body");
        std::fs::write(&file, b"\x00\xff").unwrap();
        let named = format!("@{}", file.display());
        assert_eq!(given(&named).unwrap(), Content::verbatim(*b"\x00\xff"));
        for (bad, hint) in [("@", "name a file"), ("@/no/such", "no such file"), ("@/", "folder")] {
            let error = given(bad).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
