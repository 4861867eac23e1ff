//! A fault of the user's own: a program breaks something, another sees that it
//! broke, a third takes it back. Whatever this tool cannot break itself is
//! broken with the same journal, watchdog and verdict.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::RunCommand;

use super::{About, Order, Strike};
use crate::patience::Patience;
use crate::undo::{Undo, run};
use crate::{FaultError, World};
use scenarios::program::Program;

pub(super) const ABOUT: About = About {
    kind: "run_command",
    command: "run-command",
    does: "runs a program of your own that breaks something",
    confirmed: "your second program ends with exit code 0",
    undone: "your third program; a watchdog runs it even if chaos is killed",
    contract: "yours to say",
};

/// The exit code by which a program says that it was not allowed to.
const REFUSED: i32 = 3;
const SEE_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn prepare(asked: &RunCommand, order: &Order) -> Result<Box<dyn Strike>, FaultError> {
    let undo = order.words(&asked.undo)?;
    let secrets = order.secrets();
    let is_secret = |text: &str| secrets.hide(text) != text;
    let given = asked.undo.targets().into_iter().filter_map(|key| order.targets.get(&key));
    let texts = given.chain(&undo).map(String::as_str);
    // The undo is written to the journal as it stands.
    if texts.chain([undo.join(" ").as_str()]).any(is_secret) {
        let why = "it would be written to the journal with its password; let the program read \
                   the password from a file or from its environment"
            .to_owned();
        return Err(FaultError::Setting { what: "the undo".to_owned(), why });
    }
    let (inject, confirm) = (order.words(&asked.inject)?, order.words(&asked.confirm)?);
    // Its addresses stay open: nobody knows how a shell was told them.
    let shown = secrets.hide(&asked.inject.to_string());
    Ok(Box::new(Run { shown, inject, confirm, undo: Program::literal(undo) }))
}

struct Run {
    /// What is injected, for people.
    shown: String,
    inject: Vec<String>,
    confirm: Vec<String>,
    undo: Program,
}

#[async_trait]
impl Strike for Run {
    fn victims(&self) -> Vec<String> {
        vec![self.shown.split_whitespace().collect::<Vec<_>>().join(" ")]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let folder = std::env::current_dir().map_err(|source| FaultError::System {
            what: "find the working folder".to_owned(),
            source,
        })?;
        Ok(Undo::Run { command: self.undo.clone(), folder: Some(folder) })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let command = self.victims().join(" ");
        let failed = |reason| FaultError::Program { command: command.clone(), reason };
        let ran = run(&self.inject, None).await.map_err(failed)?;
        if ran.status.code() == Some(REFUSED) {
            return Err(FaultError::Blocked { what: command, why: ran.describe() });
        }
        ran.success().map(drop).map_err(failed)
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let patience = Patience::new(SEE_WITHIN, LOOK_EVERY);
        loop {
            let seen = match run(&self.confirm, None).await {
                Ok(ran) if ran.status.success() => return Ok(()),
                Ok(ran) => ran.describe(),
                Err(reason) => reason,
            };
            if !patience.pause().await {
                let what = format!("the confirming program ends with {seen}");
                return Err(FaultError::NotConfirmed { what, within: SEE_WITHIN });
            }
        }
    }

    async fn whole(&self, _: &dyn World, _: Duration) -> Result<Option<String>, FaultError> {
        Ok(None)
    }
}
