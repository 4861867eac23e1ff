//! The files that a run leaves.

use super::Offered;
use super::args::{Output, Title};
use super::origin::Origin;
use destination::Unwritable;

pub(crate) use destination::Destination;

pub(crate) mod csv;
pub(crate) mod destination;
pub(crate) mod html;
pub(crate) mod json;

/// Every file that is asked for, found out to be writable before the run.
#[derive(Debug, Default)]
pub(crate) struct Files {
    ledger: Option<Destination>,
    jsons: Vec<Destination>,
    csvs: Vec<Destination>,
    htmls: Vec<Destination>,
    /// Written while the run goes on.
    pub(crate) hlogs: Vec<Destination>,
}

impl Files {
    pub(crate) fn open(output: &Output) -> Result<Self, Unwritable> {
        let all = |paths: &[std::path::PathBuf]| {
            paths.iter().map(|path| Destination::open(path)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            ledger: output.ledger.as_deref().map(Destination::open).transpose()?,
            jsons: all(&output.jsons)?,
            csvs: all(&output.csvs)?,
            htmls: all(&output.htmls)?,
            hlogs: all(&output.hlogs)?,
        })
    }

    /// Writes what is written at the end: all that can be, whatever becomes of
    /// the others.
    ///
    /// # Errors
    /// The first of the troubles.
    pub(crate) fn write(
        self,
        offered: &Offered,
        title: &Title,
        origin: &Origin,
    ) -> anyhow::Result<()> {
        let mut first: anyhow::Result<()> = Ok(());
        let mut note = |result: anyhow::Result<()>| {
            if first.is_ok() {
                first = result;
            }
        };
        if let Some(file) = self.ledger {
            let ledger = offered.report.ledger.to_bytes();
            note(ledger.map_err(Into::into).and_then(|bytes| Ok(file.save(&bytes)?)));
        }
        let json = || format!("{:#}\n", json::value(offered, title));
        let csv = || csv::render(&offered.rows);
        let html = || html::render(offered, title, origin);
        let texts: [(Vec<Destination>, &dyn Fn() -> String); 3] =
            [(self.jsons, &json), (self.csvs, &csv), (self.htmls, &html)];
        for (files, render) in texts {
            for file in files {
                note(file.save(render().as_bytes()).map_err(Into::into));
            }
        }
        first
    }
}
