//! Deployments of a controller such as the lab's, which answers over HTTP: `GET
//! /deployments/NAME` tells a status, `POST /deployments/NAME/set` sets what is desired of
//! it and of its canary at once.

use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use services::Trouble;

use super::part::{Part, Values};
use super::{Asked, Counts, Look, PodLook, Present, Progress, Status, Wrote};
use crate::FaultError;
use crate::service::HTTP;
use crate::timetable::ChoiceError;

/// How much of a surprising answer is shown.
const SHOWN: usize = 300;
/// The most bytes of an answer that are read: a thousand pods have room in it.
const LONGEST: usize = 4 << 20;
/// What it is said to answer whose time is over.
pub(super) const NOTHING: &str = "nothing in time";
/// What the name of a canary ends with.
const CANARY: &str = "-canary";

/// A deployment of a controller.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    http: Client,
    base: Url,
    name: String,
    /// Whether its canary is looked at.
    canary: bool,
}

/// What the controller tells of a deployment.
#[derive(Debug, Deserialize)]
#[serde(expecting = "the status of a deployment")]
struct Told {
    name: String,
    uid: String,
    generation: u64,
    observed_generation: u64,
    image: String,
    revision: u64,
    paused: bool,
    desired: u32,
    total: u32,
    replicas: u32,
    updated: u32,
    ready: u32,
    available: u32,
    unavailable: u32,
    restarts: u32,
    conditions: Vec<Condition>,
    pods: Vec<Pod>,
    #[serde(default)]
    revisions: Vec<Revision>,
    #[serde(default)]
    changed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a condition")]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a pod")]
struct Pod {
    name: String,
    image: String,
    phase: String,
    ready: bool,
    restarts: u32,
    #[serde(default)]
    last_end: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "a revision")]
struct Revision {
    image: String,
}

impl Told {
    fn status(self) -> Status {
        let reason = self.conditions.into_iter().find(|condition| condition.kind == "Progressing");
        let progress = match reason.map(|condition| condition.reason) {
            Some(reason) if reason == "ProgressDeadlineExceeded" => {
                let ends = self.pods.iter().rev().find_map(|pod| {
                    pod.last_end.as_ref().map(|how| format!(": {}: {how}", pod.name))
                });
                Progress::Exceeded { reason: reason + &ends.unwrap_or_default() }
            }
            Some(reason) if reason == "NewReplicaSetAvailable" => Progress::Complete,
            Some(reason) if reason == "DeploymentPaused" => Progress::Paused,
            Some(_) => Progress::Going,
            None => Progress::Unknown,
        };
        let counts = Counts {
            desired: self.desired,
            replicas: self.replicas,
            updated: self.updated,
            ready: self.ready,
            available: self.available,
            unavailable: self.unavailable,
            restarts: self.restarts,
        };
        let pods = self.pods.into_iter().map(|pod| {
            let Pod { name, image, phase, ready, restarts, last_end } = pod;
            PodLook { name, image, ready, restarts, phase, last_end }
        });
        Status {
            name: self.name,
            uid: self.uid,
            generation: self.generation,
            observed_generation: self.observed_generation,
            image: Some(self.image),
            revision: Some(self.revision),
            paused: self.paused,
            counts: Some(counts),
            progress,
            pods: pods.collect(),
        }
    }
}

impl Control {
    /// # Errors
    /// When it is no address, or one with a user or password, which would stand in the
    /// journal; when the canary is called otherwise than such a controller calls it.
    pub(crate) fn new(
        url: &str,
        name: &str,
        canary: Option<&str>,
        http: Client,
    ) -> Result<Self, FaultError> {
        let (address, _) = services::http::split(url).map_err(Trouble::from)?;
        let wrong = |reason: &str| FaultError::Address {
            service: &HTTP,
            address: address.shown(),
            reason: reason.to_owned(),
        };
        let base = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("a user or password would stand in the journal; give it without"));
        }
        let its_name = format!("{name}{CANARY}");
        if let Some(canary) = canary.filter(|canary| *canary != its_name) {
            let what = format!("canary {canary:?} of deployment {name}");
            let why = format!("the controller calls it {its_name:?}");
            return Err(FaultError::Setting { what, why });
        }
        Ok(Self { http, base, name: name.to_owned(), canary: canary.is_some() })
    }

    /// The address.
    pub(crate) fn shown(&self) -> &str {
        self.base.as_str()
    }

    pub(crate) async fn look(&self) -> Result<Look, FaultError> {
        let stable = self.tell(&self.name).await?;
        let canary = match self.canary {
            true => Some(self.tell(&format!("{}{CANARY}", self.name)).await?.status()),
            false => None,
        };
        Ok(Look { stable: stable.status(), canary })
    }

    /// What is desired; `None` if nobody knows such a deployment.
    pub(crate) async fn present(&self) -> Result<Option<Present>, FaultError> {
        let Some(stable) = self.ask(Method::GET, &self.name, None, None).await?.there()? else {
            return Ok(None);
        };
        let mut values = Values::from([
            (Part::Image, stable.image),
            (Part::Replicas, stable.total.to_string()),
            (Part::Paused, stable.paused.to_string()),
        ]);
        let (mut of_canary, mut version_of_canary) = (None, None);
        if self.canary {
            let canary = self.tell(&format!("{}{CANARY}", self.name)).await?;
            values.insert(Part::CanaryImage, canary.image);
            values.insert(Part::CanaryReplicas, canary.desired.to_string());
            (of_canary, version_of_canary) =
                (Some(canary.uid), Some(canary.generation.to_string()));
        }
        let revisions = stable.revisions.into_iter().map(|revision| revision.image);
        Ok(Some(Present {
            uid: stable.uid,
            canary_uid: of_canary,
            version: stable.generation.to_string(),
            canary_version: version_of_canary,
            values,
            images: revisions.collect(),
            ..Present::default()
        }))
    }

    /// Sets values in one request, of what was looked at and nothing newer.
    pub(crate) async fn set(
        &self,
        values: &Values,
        present: &Present,
    ) -> Result<Wrote, FaultError> {
        let number = |text: &str| text.parse::<u64>().map_or(Value::Null, Value::from);
        let mut own = Map::from_iter([
            ("uid".to_owned(), json!(present.uid)),
            ("generation".to_owned(), number(&present.version)),
        ]);
        let version = present.canary_version.as_deref();
        let mut canary =
            Map::from_iter(version.map(|version| ("generation".to_owned(), number(version))));
        for (part, value) in values {
            let (of, key, value) = match part {
                Part::Image => (&mut own, "image", json!(value)),
                Part::Replicas => (&mut own, "replicas", number(value)),
                Part::Paused => (&mut own, "paused", json!(value == "true")),
                Part::CanaryImage => (&mut canary, "image", json!(value)),
                Part::CanaryReplicas => (&mut canary, "pods", number(value)),
                Part::Template => continue,
            };
            of.insert(key.to_owned(), value);
        }
        if self.canary {
            own.insert("canary".to_owned(), canary.into());
        }
        let answer = self.ask(Method::POST, &self.name, Some("set"), Some(own.into())).await?;
        match answer.status {
            StatusCode::PRECONDITION_FAILED => Ok(Wrote::Conflict),
            _ => match answer.there()? {
                Some(told) => Ok(Wrote::Now(self.asked(told, present).await?)),
                None => Ok(Wrote::Gone),
            },
        }
    }

    /// New pods of the same image.
    pub(crate) async fn restart(&self) -> Result<Asked, FaultError> {
        self.verb("rollout", None).await
    }

    /// The template of an earlier revision; also the image that it has.
    pub(crate) async fn undo(&self, to: Option<u64>) -> Result<Asked, FaultError> {
        self.verb("undo", Some(json!({ "to": to }))).await
    }

    async fn verb(&self, verb: &str, body: Option<Value>) -> Result<Asked, FaultError> {
        let told = self.ask(Method::POST, &self.name, Some(verb), body).await?;
        let told = told.there()?.ok_or_else(|| self.absent(&self.name))?;
        Ok(Asked { generation: told.generation, canary_generation: None, changed: told.changed })
    }

    async fn asked(&self, told: Told, present: &Present) -> Result<Asked, FaultError> {
        let canary_generation = match present.canary_uid {
            Some(_) => Some(self.tell(&format!("{}{CANARY}", self.name)).await?.generation),
            None => None,
        };
        Ok(Asked { generation: told.generation, canary_generation, changed: told.changed })
    }

    async fn tell(&self, name: &str) -> Result<Told, FaultError> {
        let told = self.ask(Method::GET, name, None, None).await?.there()?;
        told.ok_or_else(|| self.absent(name))
    }

    fn absent(&self, name: &str) -> FaultError {
        let what = format!("deployment {name:?} at {}", self.shown());
        FaultError::Choice { what, source: ChoiceError::Nothing }
    }

    async fn ask(
        &self,
        method: Method,
        name: &str,
        verb: Option<&str>,
        body: Option<Value>,
    ) -> Result<Answer, FaultError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("deployments").push(name).extend(verb);
        }
        let request = format!("{method} {}", url.path());
        let mut asked = self.http.request(method, url);
        if let Some(body) = body {
            asked = asked.json(&body);
        }
        let failed = |error: reqwest::Error| self.failed(&request, error);
        let mut answer = asked.send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while body.len() < LONGEST
            && let Some(chunk) = answer.chunk().await.map_err(failed)?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, request, address: self.shown().to_owned() })
    }

    fn failed(&self, request: &str, error: reqwest::Error) -> FaultError {
        let address = self.shown().to_owned();
        match error.is_timeout() {
            true => FaultError::Answer {
                service: &HTTP,
                address,
                request: request.to_owned(),
                answer: NOTHING.to_owned(),
            },
            false => FaultError::Unreachable {
                service: &HTTP,
                address,
                reason: error.without_url().to_string(),
            },
        }
    }

    /// Whether nobody listens there.
    pub(crate) async fn is_away(&self) -> bool {
        let asked = self.http.get(self.base.clone()).send().await;
        asked.is_err_and(|error| crate::toxiproxy::is_refused(&error))
    }
}

/// What a controller answered.
struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    request: String,
    address: String,
}

impl Answer {
    /// The deployment that it tells of; `None` if it knows none of that name.
    fn there(self) -> Result<Option<Told>, FaultError> {
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let why = said.as_ref().and_then(|said| said["error"].as_str());
        match (self.status, why) {
            (StatusCode::NOT_FOUND, Some(_)) => return Ok(None),
            (StatusCode::CONFLICT, Some(why)) => {
                let (what, why) = (format!("{} at {}", self.request, self.address), why.to_owned());
                return Err(FaultError::Blocked { what, why });
            }
            _ => {}
        }
        let read = serde_json::from_slice::<Told>(&self.body);
        match read {
            Ok(told) if self.status.is_success() => Ok(Some(told)),
            read => Err(FaultError::Answer {
                service: &HTTP,
                answer: self.shown(read.err().filter(|_| self.status.is_success())),
                address: self.address,
                request: self.request,
            }),
        }
    }

    fn shown(&self, flaw: Option<serde_json::Error>) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(SHOWN).collect();
        let flaw = flaw.map(|flaw| format!(" ({})", plain(&flaw))).unwrap_or_default();
        match text.as_str() {
            "" => format!("{} without a body", self.status),
            text => format!("{}: {text:?}{flaw}", self.status),
        }
    }
}

/// What is wrong with an answer, without the types of this program.
fn plain(flaw: &serde_json::Error) -> String {
    let flaw = flaw.to_string();
    let flaw = ["u32", "u64"].iter().fold(flaw, |flaw, word| {
        flaw.replace(&format!("expected {word}"), "expected a whole number that is not negative")
    });
    let flaw = flaw.replace("expected a sequence", "expected a list");
    format!("it is no status of a deployment of such a controller: {flaw}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_told_of_without_types() {
        for (body, told) in [
            ("5", "invalid type: integer `5`, expected the status of a deployment"),
            (r#"{"name":"web","uid":"1"}"#, "missing field `generation`"),
            (r#"{"generation":"x"}"#, "expected a whole number that is not negative"),
            (r#"{"pods":"x"}"#, "expected a list"),
            (r#"{"pods":[7]}"#, "expected a pod"),
            (r#"{"conditions":[7]}"#, "expected a condition"),
        ] {
            let flaw = serde_json::from_str::<Told>(body).unwrap_err();
            let plain = plain(&flaw);
            assert!(plain.contains(told), "{plain}");
            let types = ["Told", "u32", "u64", "sequence", "struct"];
            assert!(!types.iter().any(|word| plain.contains(word)), "{plain}");
        }
    }
}
