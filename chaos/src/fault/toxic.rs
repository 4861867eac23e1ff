//! A proxy harms what passes through it: a toxic of our own proxy, or of
//! Toxiproxy. The network between two programs is late, narrow, cut or silent;
//! messages are duplicated, or their confirms swallowed.
//!
//! Our own proxy ends a toxic by itself when its time is over.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use scenarios::plan::fault::Toxic as Asked;
use serde_json::{Map, Value, json};

use super::aims::proxied;
use super::{About, Order, Scene, Strike};
use crate::toxiproxy::Admin;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "toxic",
    command: "toxic",
    does: "has a proxy harm what passes through it for a while",
    confirmed: "the proxy lists the toxic",
    undone: "the toxic is removed; our own proxy ends it by itself in any case",
    contract: "a network may delay, cut or stall any connection; what is not answered is indeterminate",
};

/// What the proxy waits beyond the fault's time before it ends a toxic itself.
const MARGIN: Duration = Duration::from_secs(2);

pub(super) async fn prepare(
    asked: &Asked,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let admin = Admin::new(&order.fill(&asked.admin)?, scene.http.clone())?;
    // Whatever is behind it feels the harm, wherever the proxy itself is.
    scene.world.may_reach(&proxied(&admin, &asked.proxy).await?)?;
    // Two programs may call their faults the same.
    let named = format!("shakedown-{}-{}", scene.journal.run(), order.name);
    let name = named.replace(|c: char| !c.is_alphanumeric(), "-");
    let ttl = asked.lasts.0 + MARGIN;
    let body = json!({
        "name": name,
        "type": asked.kind,
        "stream": asked.stream,
        "toxicity": asked.toxicity.0,
        "attributes": attributes(asked),
        "seed": order.seed,
        "ttl": u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
    });
    Ok(Box::new(Toxic { admin, proxy: asked.proxy.clone(), name, body }))
}

/// Numbers go as numbers, everything else as text.
fn attributes(asked: &Asked) -> Map<String, Value> {
    let value = |text: &String| match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => json!(whole),
        (_, Ok(number)) => json!(number),
        _ => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            text => json!(text),
        },
    };
    asked.attributes.iter().map(|(name, text)| (name.clone(), value(text))).collect()
}

struct Toxic {
    admin: Admin,
    proxy: String,
    name: String,
    body: Value,
}

impl Toxic {
    async fn is_listed(&self) -> Result<bool, FaultError> {
        let path = ["proxies", &self.proxy, "toxics", &self.name];
        let (status, _) = self.admin.ask(Method::GET, &path, None).await?;
        Ok(status.is_success())
    }
}

#[async_trait]
impl Strike for Toxic {
    fn victims(&self) -> Vec<String> {
        vec![format!("proxy {} of {}", self.proxy, self.admin.shown())]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::RemoveToxic {
            admin: self.admin.shown().to_owned(),
            proxy: self.proxy.clone(),
            toxic: self.name.clone(),
        })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let path = ["proxies", self.proxy.as_str(), "toxics"];
        self.admin.demand(Method::POST, &path, Some(self.body.clone())).await?;
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        if self.is_listed().await? {
            return Ok(());
        }
        let what = format!("the proxy does not list {}", self.name);
        Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        if self.is_listed().await? {
            let what = format!("the proxy still lists {}", self.name);
            return Err(FaultError::NotHealed { what, within });
        }
        Ok(Some(format!("{} passes everything on", self.proxy)))
    }
}
