//! A resource alarm of RabbitMQ: the broker is made to believe that it is short
//! of memory or disk, and blocks every connection that publishes.
//!
//! The threshold is set with `rabbitmqctl`, in the surroundings of the broker's
//! own process; what it was before is in the undo.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::{Alarm as Asked, AlarmOf};
use serde_json::Value;

use super::{About, Scene, Strike};
use crate::patience::Patience;
use crate::timetable::ChoiceError;
use crate::undo::{Undo, rabbitmqctl};
use crate::{FaultError, Process, World};

pub(super) const ABOUT: About = About {
    kind: "rabbitmq_alarm",
    command: "rabbitmq-alarm",
    does: "sets RabbitMQ's memory or disk threshold so that it blocks publishers",
    confirmed: "the node lists the alarm",
    undone: "the threshold is set back; a watchdog does so even if chaos is killed",
    contract: "a broker may block publishers for any time; nothing confirmed may be lost",
};

const SEE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn prepare(asked: &Asked, scene: &Scene) -> Result<Box<dyn Strike>, FaultError> {
    let nodes = scene.world.processes(&asked.role);
    nodes.iter().try_for_each(|node| scene.world.may_hit(node))?;
    let nothing = |source| FaultError::Choice { what: format!("process {:?}", asked.role), source };
    let node = match nodes.as_slice() {
        [node] => node.clone(),
        [] => return Err(nothing(ChoiceError::Nothing)),
        _ => {
            let why = "name the one broker process that is meant".to_owned();
            return Err(FaultError::Setting { what: format!("role {:?}", asked.role), why });
        }
    };
    Ok(Box::new(Alarm { node, of: asked.of }))
}

struct Alarm {
    node: Process,
    of: AlarmOf,
}

impl Alarm {
    async fn tell(&self, words: &[&str]) -> Result<String, FaultError> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let failed = |reason| FaultError::Program {
            command: format!("rabbitmqctl {}", words.join(" ")),
            reason,
        };
        rabbitmqctl(self.node.pinned(), &words).await.map_err(failed)?.success().map_err(failed)
    }

    async fn status(&self) -> Result<Value, FaultError> {
        let text = self.tell(&["status", "--formatter", "json"]).await?;
        serde_json::from_str(&text).map_err(|error| FaultError::Program {
            command: "rabbitmqctl status --formatter json".to_owned(),
            reason: error.to_string(),
        })
    }

    async fn is_raised(&self) -> Result<bool, FaultError> {
        let status = self.status().await?;
        let word = match self.of {
            AlarmOf::Memory => "memory",
            AlarmOf::Disk => "disk",
        };
        let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
        Ok(alarms.iter().any(|alarm| alarm.to_string().contains(word)))
    }

    async fn until(&self, raised: bool, within: Duration) -> Result<bool, FaultError> {
        let patience = Patience::new(within, LOOK_EVERY);
        loop {
            if self.is_raised().await? == raised {
                return Ok(true);
            }
            if !patience.pause().await {
                return Ok(false);
            }
        }
    }
}

/// What `rabbitmqctl` is told to raise the alarm.
fn alarming(of: AlarmOf) -> &'static [&'static str] {
    match of {
        AlarmOf::Memory => &["set_vm_memory_high_watermark", "absolute", "1"],
        // More than any machine has.
        AlarmOf::Disk => &["set_disk_free_limit", "1000000000000000"],
    }
}

/// What `rabbitmqctl` is told to set the threshold to what it was.
fn set_back(of: AlarmOf, status: &Value) -> Option<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    match of {
        AlarmOf::Memory => {
            let setting = &status["vm_memory_high_watermark_setting"];
            if let Some(relative) = setting["relative"].as_f64() {
                return Some(words(&["set_vm_memory_high_watermark", &relative.to_string()]));
            }
            let absolute = setting["absolute"].to_string();
            let absolute = absolute.trim_matches('"');
            (absolute != "null")
                .then(|| words(&["set_vm_memory_high_watermark", "absolute", absolute]))
        }
        AlarmOf::Disk => {
            let limit = status["disk_free_limit"].as_f64()?;
            Some(words(&["set_disk_free_limit", &format!("{limit:.0}")]))
        }
    }
}

#[async_trait]
impl Strike for Alarm {
    fn victims(&self) -> Vec<String> {
        vec![self.node.to_string()]
    }

    fn thing(&self) -> Option<String> {
        let setting = alarming(self.of)[0];
        Some(format!("{setting} of the RabbitMQ node {}", self.node.pinned()))
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        let status = self.status().await?;
        let words = set_back(self.of, &status).ok_or_else(|| FaultError::Program {
            command: "rabbitmqctl status".to_owned(),
            reason: "it does not tell the threshold that is set".to_owned(),
        })?;
        let set = alarming(self.of).iter().map(|&word| word.to_owned()).collect();
        Ok(Undo::SetNode { node: self.node.pinned(), words, set })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        self.tell(alarming(self.of)).await?;
        // Seen before the watchdog's time begins: to ask a node takes seconds,
        // and a short alarm may be over before anybody looks again.
        if self.until(true, SEE_WITHIN).await? {
            return Ok(());
        }
        let what = "the node lists no alarm".to_owned();
        Err(FaultError::NotConfirmed { what, within: SEE_WITHIN })
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        Ok(())
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        if !self.node.pinned().is_alive() {
            return Ok(Some("the node was started again".to_owned()));
        }
        if self.until(false, within).await? {
            return Ok(Some("the node lists the alarm no more".to_owned()));
        }
        Err(FaultError::NotHealed { what: "the node still lists the alarm".to_owned(), within })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_set_is_set_back() {
        let back = |of, status| set_back(of, &status).map(|words| words.join(" "));
        for (of, status, expected) in [
            (
                AlarmOf::Memory,
                json!({"vm_memory_high_watermark_setting": {"relative": 0.4}}),
                Some("set_vm_memory_high_watermark 0.4"),
            ),
            (
                AlarmOf::Memory,
                json!({"vm_memory_high_watermark_setting": {"absolute": "2GB"}}),
                Some("set_vm_memory_high_watermark absolute 2GB"),
            ),
            (
                AlarmOf::Disk,
                json!({"disk_free_limit": 50_000_000}),
                Some("set_disk_free_limit 50000000"),
            ),
            (AlarmOf::Memory, json!({}), None),
            (AlarmOf::Disk, json!({}), None),
        ] {
            assert_eq!(back(of, status).as_deref(), expected);
        }
    }
}
