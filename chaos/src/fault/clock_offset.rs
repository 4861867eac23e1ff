//! The clock of processes goes wrong for a while: those that were started with
//! libfaketime and a file that tells it the time, and no others.
//!
//! Nothing else on the machine notices. A process that reads the file only at
//! times (libfaketime does so every 10 s unless `FAKETIME_NO_CACHE=1` is set)
//! sees the offset that late.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::ClockOffset;

use super::{About, Order, Strike};
use crate::process::Process;
use crate::timetable::ChoiceError;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "clock_offset",
    command: "clock-offset",
    does: "puts the clock of processes that run with libfaketime forward or back for a while",
    confirmed: "their time file holds the offset",
    undone: "the time file gets its text back; a watchdog does so even if chaos is killed",
    contract: "clocks of different machines differ; order and expiry must not depend on them",
};

/// The variable by which libfaketime is told its file.
const VARIABLE: &str = "FAKETIME_TIMESTAMP_FILE";

pub(super) fn prepare(asked: &ClockOffset, order: &Order) -> Result<Box<dyn Strike>, FaultError> {
    let path = PathBuf::from(order.fill(&asked.file)?);
    let offset = asked.offset.trim();
    let sound = offset.starts_with(['+', '-'])
        && offset.len() > 1
        && offset[1..].trim_end_matches(['s', 'm', 'h', 'd']).parse::<f64>().is_ok();
    if !sound {
        let why = "write it with a sign, such as +30s, -1h or +0.5".to_owned();
        return Err(FaultError::Setting { what: format!("offset {offset:?}"), why });
    }
    let victims = Process::with_variable(VARIABLE, path.as_os_str());
    if victims.is_empty() {
        let what = format!("process with {VARIABLE}={}", path.display());
        return Err(FaultError::Choice { what, source: ChoiceError::Nothing });
    }
    Ok(Box::new(Offset { path, text: format!("{offset}\n"), victims }))
}

struct Offset {
    path: PathBuf,
    text: String,
    victims: Vec<Process>,
}

impl Offset {
    fn failed(&self, what: &str) -> impl FnOnce(std::io::Error) -> FaultError + use<> {
        let what = format!("{what} {}", self.path.display());
        |source| FaultError::System { what, source }
    }
}

#[async_trait]
impl Strike for Offset {
    fn victims(&self) -> Vec<String> {
        self.victims.iter().map(Process::to_string).collect()
    }

    fn thing(&self) -> Option<String> {
        // The file itself may not be there yet.
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let real = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        Some(format!("the file {}", real.as_ref().unwrap_or(&path).display()))
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let before = match std::fs::read_to_string(&self.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.failed("read")(error)),
        };
        Ok(Undo::RestoreFile { path: self.path.clone(), before, written: self.text.clone() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        std::fs::write(&self.path, &self.text).map_err(self.failed("write"))?;
        // Seen before another fault can write something else.
        let text = std::fs::read_to_string(&self.path).map_err(self.failed("read"))?;
        if text == self.text {
            return Ok(());
        }
        let what = "the time file holds something else".to_owned();
        Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let what = "the time file still holds the offset".to_owned();
            return Err(FaultError::NotHealed { what, within });
        }
        Ok(Some("the time file is as it was".to_owned()))
    }
}
