//! A deployment and its canary get back what was desired of them before.
//!
//! Each part by itself: as before, it is set once more where a request may be on its way;
//! as a step or another fault has set it, it gets what was before; anything else somebody
//! else has set, and it is left alone. What can be set in one request is.

use std::time::Duration;

use super::{UndoError, Undone};
use crate::FaultError;
use crate::deployment::{At, Decision, Kept, Part, Present, Restoration, Values, Way, Wrote};
use crate::hold::{Grip, Hold};
use crate::patience::Patience;

/// A controller that does not answer for so long has ended.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is tried while others change the deployment all the time.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// The parts' records while nobody else can land a fault on one of them.
type Grips<'a> = Vec<(&'a Kept, Option<Grip>)>;

pub(super) async fn restore(deployment: &Restoration) -> Result<Undone, UndoError> {
    let mut grips = take(&deployment.parts).await?;
    let how = set_back(deployment, &grips).await?;
    let mut left_to = None;
    for (kept, grip) in &mut grips {
        if let (Some(grip), Some(hold)) = (grip, &kept.hold) {
            let other = grip.record.others(&hold.by).last().map(|(_, other)| other.by.clone());
            grip.let_go(&hold.by).map_err(|source| unusable(hold, source))?;
            left_to = left_to.or(other);
        }
    }
    Ok(Undone { how, left_to })
}

/// In one order, so that no two wait for each other.
async fn take(parts: &[Kept]) -> Result<Grips<'_>, UndoError> {
    let mut sorted: Vec<&Kept> = parts.iter().collect();
    sorted.sort_by_key(|kept| kept.hold.as_ref().map(|hold| &hold.record));
    let mut grips = Vec::new();
    for kept in sorted {
        let grip = match &kept.hold {
            Some(hold) => {
                Some(Grip::take(&hold.record).await.map_err(|error| unusable(hold, error))?)
            }
            None => None,
        };
        grips.push((kept, grip));
    }
    Ok(grips)
}

fn unusable(hold: &Hold, source: std::io::Error) -> UndoError {
    UndoError::File { what: "use", path: hold.record.clone(), source }
}

async fn set_back(deployment: &Restoration, grips: &Grips<'_>) -> Result<String, UndoError> {
    let name = &deployment.name;
    let failed = |error: FaultError| failed(name, error);
    let way = deployment.connect().await.map_err(failed)?;
    if let At::Commands { image, .. } = &deployment.at {
        way.set(&Values::from([(Part::Image, image.clone())]), &Present::default())
            .await
            .map_err(failed)?;
        return Ok(format!("set the image of {name} to {image}"));
    }
    for _ in 0..TRIES {
        let Some(present) = present(deployment, &way).await? else {
            return Ok(format!("{name} is gone, and nothing is left of it to take back"));
        };
        if present.uid != deployment.identity.uid {
            return Ok(format!("left {name} alone: it is not the one that was changed"));
        }
        let plan = plan(deployment, grips, &present);
        match way.set(&plan.to_set, &present).await.map_err(failed)? {
            Wrote::Now(_) => return plan.told(deployment),
            Wrote::Conflict => tokio::time::sleep(PAUSE).await,
            Wrote::Gone => return Ok(format!("{name} is gone, and nothing is left of it")),
        }
    }
    let reason = format!("others have changed it {TRIES} times between a look and the change");
    Err(UndoError::Deployment { name: name.clone(), reason })
}

/// What is desired; `None` if the deployment is gone, or its controller with all of its
/// pods.
async fn present(deployment: &Restoration, way: &Way) -> Result<Option<Present>, UndoError> {
    let patience = Patience::new(ENDED_WITHIN, LOOK_EVERY);
    loop {
        match way.present(deployment.templates()).await {
            Ok(present) => return Ok(present),
            Err(error) if !way.is_away().await => return Err(failed(&deployment.name, error)),
            Err(_) if patience.pause().await => {}
            Err(_) => return Ok(None),
        }
    }
}

fn failed(name: &str, error: FaultError) -> UndoError {
    match error {
        #[cfg(feature = "kubernetes")]
        FaultError::Kubernetes(error) => error.into(),
        error => UndoError::Deployment { name: name.to_owned(), reason: error.to_string() },
    }
}

/// What is to be done with everything that is there.
#[derive(Default)]
struct Plan {
    to_set: Values,
    /// What will not be as it is.
    changes: Vec<String>,
    left: Vec<String>,
    theirs: Vec<(Part, String)>,
}

fn plan(deployment: &Restoration, grips: &Grips<'_>, present: &Present) -> Plan {
    let mut plan = Plan::default();
    let is_same_canary = present.canary_uid == deployment.identity.canary;
    for (kept, grip) in grips {
        let part = kept.part;
        // A canary that is gone, or another one, is not given anything back.
        let Some(now) =
            present.values.get(&part).filter(|_| is_same_canary || !part.is_of_canary())
        else {
            continue;
        };
        match kept.decide(now, grip.as_ref().map(|grip| &grip.record)) {
            Decision::Set(value) => {
                if value != *now {
                    plan.changes.push(format!("{part} to {value}"));
                }
                plan.to_set.insert(part, value);
            }
            Decision::LeftTo(by) => plan.left.push(format!("{part} to {by}")),
            Decision::Theirs(now) => plan.theirs.push((part, now)),
        }
    }
    plan
}

impl Plan {
    fn told(self, deployment: &Restoration) -> Result<String, UndoError> {
        let name = &deployment.name;
        if !self.theirs.is_empty() {
            let (parts, values): (Vec<String>, Vec<String>) =
                self.theirs.into_iter().map(|(part, now)| (part.to_string(), now)).unzip();
            let what = format!("{} of deployment {name}", parts.join(" and "));
            return Err(UndoError::LeftAlone {
                what,
                changed: format!("set it to {}", values.join(" and ")),
            });
        }
        let done = match self.changes.is_empty() {
            true => format!("{name} was as before already"),
            false => format!("set back {} of {name}", self.changes.join(", ")),
        };
        Ok(match self.left.is_empty() {
            true => done,
            false => format!("{done}; left {}, which holds it still", self.left.join(", ")),
        })
    }
}
