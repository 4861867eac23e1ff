//! `verify lint FILE`: what is wrong with a scenario.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scenarios::Settings;

use crate::exit::{self, Failure};
use crate::{files, guards, preflight};

/// Checks every file, and fails when one of them has a problem.
///
/// # Errors
/// The problems of all files.
pub fn lint(files: &[PathBuf]) -> Result<u8, Failure> {
    let mut failures = Vec::new();
    for path in files {
        let shown = path.display().to_string();
        let checked = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("error: cannot read {shown}: {error}")))
            .and_then(|text| {
                let source = super::Source { file: shown.clone(), text, shipped: None };
                let settings = Settings::default();
                let plan = super::plan(&source, &settings)?;
                // Those that are written out are read now.
                let read = preflight::addresses(&plan, &BTreeMap::new());
                read.map_err(|error| Failure::usage(format!("error: {shown}: {error}")))?;
                let read = preflight::shells(&plan);
                read.map_err(|error| Failure::usage(format!("error: {shown}: {error}")))?;
                let doubts = files::check(&plan)
                    .map_err(|mistakes| super::mistaken(&source, &settings, mistakes))?;
                Ok((plan, doubts))
            });
        match checked {
            Ok((plan, doubts)) => {
                let checks = match plan.checks.len() {
                    1 => "1 check".to_owned(),
                    many => format!("{many} checks"),
                };
                super::print(format!("{shown}: fine; {checks}\n").as_bytes())?;
                for doubt in plan.doubts().into_iter().chain(doubts) {
                    super::print(format!("{shown}: warning: {doubt}\n").as_bytes())?;
                }
                // Whoever runs it will have to allow these.
                if let Err(error) = guards::written_down(&plan, &guards::guard(&[])) {
                    super::print(format!("{shown}: note: {error}\n").as_bytes())?;
                }
            }
            Err(failure) => failures.push(failure.message),
        }
    }
    if failures.is_empty() { Ok(exit::HELD) } else { Err(Failure::rendered(failures.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: &str = include_str!("../../../docs/documents.md");

    /// The scenario of the documentation that is complete.
    fn documented() -> &'static str {
        let blocks = DOCUMENTS.split("```").filter_map(|block| block.strip_prefix("toml\n"));
        blocks.into_iter().find(|block| block.starts_with("name = ")).unwrap()
    }

    fn linted(text: &str) -> Result<u8, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("orders.toml");
        std::fs::write(&file, text).unwrap();
        lint(&[file]).map_err(|failure| failure.message)
    }

    #[test]
    fn the_scenario_of_the_documentation_is_right() {
        assert_eq!(linted(documented()), Ok(exit::HELD));
    }

    #[test]
    fn what_shows_only_with_files_and_bodies_has_a_line() {
        for (from, to, told) in [
            ("sum = \"/amount\"", "sum = \"/price\"", "sum = \"/price\""),
            ("sum = \"/amount\"", "max = \"/at\"", "each time it is sent"),
            (
                "name = \"done\"\n",
                "name = \"done\"\nschema = \"done.json\"\n",
                "there is no such file",
            ),
            ("keys = 50 ", "keys = 50\nschema = \"order.json\" ", "there is no such file"),
        ] {
            let text = documented().replacen(from, to, 1);
            let text = text.replacen("{\"id\"", "{\"at\":@{time},\"id\"", 2);
            assert_ne!(text, documented(), "{from}");
            let message = linted(&text).unwrap_err();
            assert!(message.contains(told), "{message}");
            let begin = to.lines().last().unwrap();
            let line = text.lines().position(|line| line.contains(begin)).unwrap() + 1;
            assert!(message.contains(&format!("orders.toml:{line}:")), "{line}: {message}");
            assert!(message.contains(": 1 problem;"), "{message}");
        }
    }
}
