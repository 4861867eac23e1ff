//! Toxics of one proxy, which are each their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chaos::{World, http_client};
use scenarios::plan::FaultKind;
use scenarios::plan::fault::Toxic;
use scenarios::template::Template;
use scenarios::units::{Share, Span};
use serde_json::{Value, json};

use super::play::{Nobody, Thing, cases, prove};
use crate::proxy_api::Program;

const PROXY: &str = "shop";
const KINDS: [&str; 4] = ["latency", "bandwidth", "timeout", "slicer"];

struct Proxy(Program);

impl Proxy {
    fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }

    /// The kinds of its toxics, in order.
    async fn kinds(&self) -> Vec<String> {
        let url = format!("{}/proxies/{PROXY}/toxics", self.url());
        let text = http_client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
        let toxics: Vec<Value> = serde_json::from_str(&text).unwrap();
        let mut kinds: Vec<String> =
            toxics.iter().map(|toxic| toxic["type"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        kinds
    }
}

#[async_trait]
impl Thing for Proxy {
    fn fault(&self, setting: usize) -> FaultKind {
        let attributes: BTreeMap<String, String> = match KINDS[setting] {
            "latency" => [("latency".to_owned(), "5".to_owned())].into(),
            "bandwidth" => [("rate".to_owned(), "100".to_owned())].into(),
            "timeout" => [("timeout".to_owned(), "5".to_owned())].into(),
            _ => [("average_size".to_owned(), "5".to_owned())].into(),
        };
        FaultKind::Toxic(Toxic {
            admin: Template::new(self.url()),
            proxy: PROXY.to_owned(),
            kind: KINDS[setting].to_owned(),
            stream: "downstream".to_owned(),
            toxicity: Share(1.0),
            attributes,
            lasts: Span(Duration::from_secs(3600)),
        })
    }

    fn is_whole(&self, _: usize) -> bool {
        false
    }

    async fn check(&self, open: &[usize]) {
        let mut expected: Vec<&str> = open.iter().map(|&setting| KINDS[setting]).collect();
        expected.sort_unstable();
        assert_eq!(self.kinds().await, expected);
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

#[test]
fn each_toxic_of_a_proxy_goes_by_itself() {
    let proxy = Proxy(Program::start(&[]));
    let body = json!({"name": PROXY, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (status, _) = runtime.block_on(proxy.0.ask("POST", "/proxies", body));
    assert_eq!(status, 201);
    prove("toxics", cases(60), KINDS.len(), &proxy);
}
