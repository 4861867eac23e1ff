//! The clock of a process with libfaketime.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chaos::World;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::ClockOffset;
use scenarios::template::Template;
use scenarios::units::Span;

use super::play::{Nobody, Thing, cases, prove};

/// The file of a process with libfaketime, and what is in it.
struct Clock {
    folder: tempfile::TempDir,
    process: Child,
    before: Option<&'static str>,
}

/// The first is what may be there before.
const TEXTS: [&str; 4] = ["+0", "+1h", "-1h", "+30s"];

impl Clock {
    fn start(before: Option<&'static str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time");
        if let Some(text) = before {
            std::fs::write(&file, format!("{text}\n")).unwrap();
        }
        let mut command = Command::new("sleep");
        command.arg("1000").env("FAKETIME_TIMESTAMP_FILE", &file).stdin(Stdio::null());
        let process = command.spawn().unwrap();
        Self { folder, process, before }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[async_trait]
impl Thing for Clock {
    fn fault(&self, setting: usize) -> FaultKind {
        let file = Template::new(self.folder.path().join("time").display().to_string());
        let (offset, lasts) = (TEXTS[setting].to_owned(), Span(Duration::ZERO));
        FaultKind::ClockOffset(ClockOffset { file, offset, lasts })
    }

    fn is_whole(&self, setting: usize) -> bool {
        self.before == Some(TEXTS[setting])
    }

    async fn check(&self, open: &[usize]) {
        let expected = open.last().map(|&last| TEXTS[last]).or(self.before);
        let text = std::fs::read_to_string(self.folder.path().join("time")).ok();
        assert_eq!(text, expected.map(|text| format!("{text}\n")));
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

#[test]
fn a_clock_that_several_faults_set_is_right_in_the_end() {
    for before in [Some(TEXTS[0]), None] {
        prove("clock", cases(60), TEXTS.len(), &Clock::start(before));
    }
}
