//! Deployments behind programs of the user's own: one sets the image that its environment
//! gives in `IMAGE`, one goes back, one tells whether the rollout is done; `DEPLOYMENT` says
//! of which. How many pods
//! there are nobody says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scenarios::plan::{Deployment, Orchestrator};
use scenarios::program::Program;

use super::part::{Part, STABLE, Values};
use super::{Asked, At, Look, Progress, Status};
use crate::FaultError;
use crate::leash::{Background, Leash};
use crate::undo::program::{RUN_WITHIN, Ran, finish};

const IMAGE: &str = "IMAGE";
const DEPLOYMENT: &str = "DEPLOYMENT";

/// A deployment that programs look after. Clones share what was asked.
#[derive(Debug, Clone)]
pub(crate) struct Commands {
    name: String,
    set_image: Vec<String>,
    roll_back: Option<Vec<String>>,
    status: Option<Vec<String>>,
    /// The image from before.
    stable: String,
    folder: PathBuf,
    /// How long a program may take.
    within: Duration,
    said: Arc<Mutex<Said>>,
}

/// What was asked so far.
#[derive(Debug, Clone, Default)]
struct Said {
    generation: u64,
    image: Option<String>,
}

fn words(program: &Program) -> Result<Vec<String>, FaultError> {
    program.words(&BTreeMap::new()).map_err(FaultError::Target)
}

impl Commands {
    /// # Errors
    /// When a step asks for what no program does, when no image is called `stable`, and when
    /// an address has no value.
    pub(super) fn new(plan: &Deployment) -> Result<Self, FaultError> {
        let wrong = |what: String, why: &str| {
            let what = format!("{what} of deployment {}", plan.name);
            Err(FaultError::Setting { what, why: why.to_owned() })
        };
        let Orchestrator::Commands { set_image, roll_back, status } = &plan.at else {
            return wrong("the orchestrator".to_owned(), "it is none of commands");
        };
        let Some(stable) = plan.images.get(STABLE) else {
            let why = "without an image called stable nobody knows what was there before; name it \
                       under images";
            return wrong("images".to_owned(), why);
        };
        for step in &plan.steps {
            if let Some(why) = plan.at.cannot(&step.change) {
                return wrong(format!("step {:?}", step.name), &why);
            }
        }
        let folder = std::env::current_dir().map_err(|source| FaultError::System {
            what: "find the working folder".to_owned(),
            source,
        })?;
        let longest = plan.steps.iter().map(|step| step.within.0).max().unwrap_or_default();
        Ok(Self {
            name: plan.name.clone(),
            set_image: words(set_image)?,
            roll_back: roll_back.as_ref().map(words).transpose()?,
            status: status.as_ref().map(words).transpose()?,
            stable: stable.clone(),
            folder,
            within: longest.max(plan.roll_back_within.0).max(RUN_WITHIN),
            said: Arc::default(),
        })
    }

    /// For taking it back.
    pub(super) fn again(
        name: &str,
        set_image: &Program,
        stable: &str,
        folder: &Path,
    ) -> Result<Self, FaultError> {
        Ok(Self {
            name: name.to_owned(),
            set_image: words(set_image)?,
            roll_back: None,
            status: None,
            stable: stable.to_owned(),
            folder: folder.to_owned(),
            within: RUN_WITHIN,
            said: Arc::default(),
        })
    }

    pub(super) fn at(&self) -> At {
        At::Commands {
            set_image: Program::literal(&self.set_image),
            image: self.stable.clone(),
            folder: self.folder.clone(),
        }
    }

    pub(super) fn cannot(&self, what: &str) -> FaultError {
        FaultError::Setting {
            what: format!("deployment {}", self.name),
            why: format!("no program is there to {what}"),
        }
    }

    pub(super) async fn look(&self) -> Result<Look, FaultError> {
        let is_done = match &self.status {
            Some(status) => self.run(status, None).await?.status.success(),
            None => true,
        };
        let Said { generation, image } = self.said();
        let stable = Status {
            name: self.name.clone(),
            uid: String::new(),
            generation,
            // Confirmed by that program alone.
            observed_generation: if is_done { generation } else { generation.saturating_sub(1) },
            image,
            revision: None,
            paused: false,
            counts: None,
            progress: if is_done { Progress::Complete } else { Progress::Going },
            pods: Vec::new(),
        };
        Ok(Look { stable, canary: None })
    }

    pub(super) async fn set(&self, values: &Values) -> Result<Asked, FaultError> {
        match values.get(&Part::Image) {
            Some(image) => self.finish(&self.set_image, Some(image), image).await,
            None => Err(self.cannot("do that")),
        }
    }

    pub(super) async fn roll_back(&self) -> Result<Asked, FaultError> {
        match &self.roll_back {
            Some(back) => self.finish(back, None, &self.stable).await,
            None => self.finish(&self.set_image, Some(&self.stable), &self.stable).await,
        }
    }

    async fn finish(
        &self,
        words: &[String],
        told: Option<&str>,
        image: &str,
    ) -> Result<Asked, FaultError> {
        let ran = self.run(words, told).await?;
        ran.success().map_err(|reason| self.failed(words, reason))?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.generation += 1;
        said.image = Some(image.to_owned());
        Ok(Asked { generation: said.generation, canary_generation: None, changed: true })
    }

    fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, words: &[String], reason: String) -> FaultError {
        FaultError::Program { command: shell_words::join(words), reason }
    }

    async fn run(&self, words: &[String], image: Option<&str>) -> Result<Ran, FaultError> {
        let failed = |reason: String| self.failed(words, reason);
        let (program, arguments) =
            words.split_first().ok_or_else(|| failed("there is no program".to_owned()))?;
        let mut leash = Leash::new(program, Background::Stays);
        leash.command().args(arguments).current_dir(&self.folder).env(DEPLOYMENT, &self.name);
        if let Some(image) = image {
            leash.command().env(IMAGE, image);
        }
        finish(leash, self.within).await.map_err(failed)
    }
}
