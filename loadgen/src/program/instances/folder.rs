//! The folder of an instance. Making it is what keeps an instance that is started again
//! from offering its operations twice.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use loadgen::{Instance, Transport};
use scenarios::redact::Secrets;

use super::super::Offered;
use super::super::args::Load;
use super::super::output::Destination;
use super::record::{FILE, LEDGER, LOG, Record, State};

/// The folder of an instance that has begun.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    record: Record,
}

impl Folder {
    /// Makes the folder of a load's instance, if it is to have one. The thresholds are
    /// taken from the load: they are for `loadgen merge` to judge.
    ///
    /// # Errors
    /// When the results of the load cannot be put together with others, or the folder
    /// cannot be made: above all because it is there.
    pub(crate) fn claim(load: &mut Load) -> anyhow::Result<Option<Self>> {
        let Some(results) = load.results.clone() else { return Ok(None) };
        can_be_merged(load)?;
        let record = Record::new(load)?;
        load.output.thresholds.clear();
        load.output.fails_on_error = false;
        fs::create_dir_all(&results)
            .with_context(|| format!("{} cannot be made", results.display()))?;
        let Instance { number, of } = load.job.instance;
        let path = results.join(format!("instance-{number}-of-{of}"));
        if let Err(error) = fs::create_dir(&path) {
            if error.kind() == ErrorKind::AlreadyExists {
                bail!(
                    "{} is there: instance {number}/{of} was started before, and would offer its \
                     operations twice; give each run results of its own",
                    path.display()
                );
            }
            return Err(error).with_context(|| format!("{} cannot be made", path.display()));
        }
        load.output.hlogs.push(path.join(LOG));
        let folder = Self { path, record };
        folder.save()?;
        Ok(Some(folder))
    }

    /// Keeps what became of the operations.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn end(mut self, offered: &Offered) -> anyhow::Result<()> {
        self.record.end(offered)?;
        let ledger = offered.report.ledger.to_bytes()?;
        Destination::open(&self.path.join(LEDGER))?.save(&ledger)?;
        self.save()
    }

    /// Keeps why there is no result.
    pub(crate) fn fail(mut self, error: &anyhow::Error, secrets: &Secrets) {
        self.record.state = State::Failed;
        self.record.trouble = Some(secrets.hide(&format!("{error:#}")));
        // The error itself is what is shown.
        let _ = self.save();
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn save(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", serde_json::to_string_pretty(&self.record)?);
        Ok(Destination::open(&self.path.join(FILE))?.save(text.as_bytes())?)
    }
}

/// Refuses what only one process can tell about all operations.
pub(crate) fn can_be_merged(load: &Load) -> anyhow::Result<()> {
    let job = &load.job;
    ensure!(
        job.consumers == 0,
        "--consumers of several instances read each other's messages, which is not merged; leave \
         it out, and read with a program of its own"
    );
    if let Transport::Http(http) = &job.transport {
        ensure!(http.split.is_none(), "the figures of --split are not merged; leave it out");
        ensure!(
            !http.compare.is_asked(),
            "the answers that --same, --hit and --hit-header compare are not merged; leave them out"
        );
    }
    ensure!(
        job.instance.of == 1 || load.start_at.is_some(),
        "instances that are merged start at the same time; give each the same --start-at"
    );
    Ok(())
}
