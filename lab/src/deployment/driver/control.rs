//! The control API of the lab's deployments: what they are, and what may be asked of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use exposition::Page;
use futures_util::future::join_all;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use super::pages::{self, Told};
use super::{Asked, News};
use crate::deployment::canary::canary_of;
use crate::deployment::{PodStatus, Refusal, Request, Status};
use crate::reference::relay;
use crate::reference::server::{self, Body, Service};

/// What a scenario talks to.
pub(super) struct Control {
    pub(super) inbox: mpsc::UnboundedSender<News>,
    pub(super) statuses: watch::Receiver<Vec<Status>>,
}

/// Something asked of the deployment of a name.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) name: String,
    pub(super) asked: Asked,
    /// Is told whether anything changed; nobody if there is no such deployment.
    pub(super) reply: oneshot::Sender<Result<bool, Refusal>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    image: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct To {
    #[serde(default)]
    to: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replicas {
    replicas: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Canary {
    pods: u32,
    #[serde(default)]
    image: Option<String>,
}

impl Service for Control {
    const ROUTES: &'static str = "GET /health, GET /metrics, GET /deployments, GET /deployments/NAME, \
        GET /deployments/NAME/metrics, POST /deployments/NAME/{rollout|set_image|pause|resume|undo|scale|canary|set}";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/health", get(async || "ok"))
            .route("/metrics", get(Self::metrics))
            .route("/deployments", get(Self::all))
            .route("/deployments/{name}", get(Self::one))
            .route("/deployments/{name}/metrics", get(Self::metrics_of_pods))
            .route("/deployments/{name}/{verb}", post(Self::ask))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

/// Reads what is asked; a body that says nothing is enough for some.
fn read(verb: &str, body: &[u8]) -> Option<Result<Asked, String>> {
    fn body_of<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
    let asked = match verb {
        "rollout" => Ok(Request::Rollout),
        "pause" => Ok(Request::Pause),
        "resume" => Ok(Request::Resume),
        "set_image" => body_of(body).map(|Image { image }| Request::SetImage { image }),
        "scale" => body_of(body).map(|Replicas { replicas }| Request::Scale { replicas }),
        "undo" if body.trim_ascii().is_empty() => Ok(Request::Undo { to: None }),
        "undo" => body_of(body).map(|To { to }| Request::Undo { to }),
        "canary" => {
            let canary = body_of(body).map(|Canary { pods, image }| Asked::Canary { pods, image });
            return Some(canary);
        }
        "set" => return Some(body_of(body).map(Asked::Set)),
        _ => return None,
    };
    Some(asked.map(Asked::Request))
}

impl Control {
    async fn all(State(this): State<Arc<Self>>) -> Response {
        let statuses = this.statuses.borrow().clone();
        server::json(StatusCode::OK, &json!({ "deployments": statuses }))
    }

    async fn one(State(this): State<Arc<Self>>, Path(name): Path<String>) -> Response {
        this.told(&name, None)
    }

    async fn ask(
        State(this): State<Arc<Self>>,
        Path((name, verb)): Path<(String, String)>,
        body: Body,
    ) -> Response {
        let body = match body {
            Ok(body) => body,
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.body_text()),
        };
        let asked = match read(&verb, &body) {
            None => return (StatusCode::NOT_FOUND, Self::ROUTES).into_response(),
            Some(Err(why)) => return refuse(StatusCode::BAD_REQUEST, &why),
            Some(Ok(asked)) => asked,
        };
        let (reply, replied) = oneshot::channel();
        let order = Order { name: name.clone(), asked, reply };
        if this.inbox.send(News::Order(order)).is_err() {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "the controller has ended");
        }
        match replied.await {
            Ok(Ok(changed)) => this.told(&name, Some(changed)),
            Ok(Err(refusal @ Refusal::Changed { .. })) => {
                refuse(StatusCode::PRECONDITION_FAILED, &refusal.to_string())
            }
            Ok(Err(refusal)) => refuse(StatusCode::CONFLICT, &refusal.to_string()),
            Err(_) => unknown(&name),
        }
    }

    /// What a deployment is now, and whether a request has changed anything.
    fn told(&self, name: &str, changed: Option<bool>) -> Response {
        let statuses = self.statuses.borrow();
        let Some(status) = statuses.iter().find(|status| status.name == name) else {
            return unknown(name);
        };
        let mut told = json!(status);
        if let Some(changed) = changed {
            told["changed"] = changed.into();
        }
        server::json(StatusCode::OK, &told)
    }

    /// What every pod of a deployment and of its canary that answers tells, each sample
    /// with its deployment, pod and image.
    async fn metrics_of_pods(State(this): State<Arc<Self>>, Path(name): Path<String>) -> Response {
        let pods: Vec<(String, PodStatus)> = {
            let statuses = this.statuses.borrow();
            let Some(own) = statuses.iter().position(|status| status.name == name) else {
                return unknown(&name);
            };
            let both = statuses
                .iter()
                .skip(own)
                .filter(|status| status.name == name || status.name == canary_of(&name));
            let pods = both.flat_map(|of| of.pods.iter().map(|pod| (of.name.clone(), pod.clone())));
            pods.collect()
        };
        let asked = pods.iter().map(async |(deployment, pod)| {
            let address = pod.url.as_deref()?.strip_prefix("http://")?;
            let (_, text) = relay::get(address, "/metrics").await.filter(|told| told.0 == 200)?;
            Some((deployment, pod, text))
        });
        let told: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let page = pages::joined(told.iter().map(|(deployment, pod, page)| Told {
            deployment,
            pod: &pod.name,
            image: &pod.image,
            page,
        }));
        ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], page).into_response()
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&page(&this.statuses.borrow()))
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    server::json(status, &json!({ "error": why }))
}

fn unknown(name: &str) -> Response {
    refuse(StatusCode::NOT_FOUND, &format!("there is no deployment called {name:?}"))
}

/// The counts under the names that kube-state-metrics gives them.
fn page(statuses: &[Status]) -> Page {
    let mut page = Page::default();
    type Of = fn(&Status) -> u64;
    let gauges: [(&str, &str, Of); 7] = [
        ("kube_deployment_spec_replicas", "Desired pods.", |status| status.desired.into()),
        ("kube_deployment_status_replicas", "Pods.", |status| status.replicas.into()),
        ("kube_deployment_status_replicas_updated", "Pods of the present template.", |status| {
            status.updated.into()
        }),
        ("kube_deployment_status_replicas_ready", "Ready pods.", |status| status.ready.into()),
        ("kube_deployment_status_replicas_available", "Available pods.", |status| {
            status.available.into()
        }),
        ("kube_deployment_status_replicas_unavailable", "Missing pods.", |status| {
            status.unavailable.into()
        }),
        ("kube_deployment_spec_paused", "1 while no pods are replaced.", |status| {
            status.paused.into()
        }),
    ];
    for (name, help, of) in gauges {
        let mut gauge = page.gauge(name, help);
        for status in statuses {
            gauge.count(&[("deployment", &status.name)], of(status));
        }
    }
    let help = "How often a pod's process was started again.";
    let mut restarts = page.counter("kube_pod_container_status_restarts_total", help);
    for status in statuses {
        for pod in &status.pods {
            let labels = [("container", status.name.as_str()), ("pod", pod.name.as_str())];
            restarts.count(&labels, pod.restarts.into());
        }
    }
    let help = "Pods that did not end within their grace period.";
    let mut killed = page.counter("lab_deployment_pods_killed_total", help);
    for status in statuses {
        killed.count(&[("deployment", &status.name)], status.killed_ever);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: &str, body: &str) -> Request {
        match read(verb, body.as_bytes()) {
            Some(Ok(Asked::Request(request))) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_a_word_and_what_it_needs() {
        assert_eq!(request("undo", ""), Request::Undo { to: None });
        assert_eq!(request("undo", r#"{"to": 3}"#), Request::Undo { to: Some(3) });
        assert_eq!(request("pause", "whatever"), Request::Pause);
        assert_eq!(request("scale", r#"{"replicas": 3}"#), Request::Scale { replicas: 3 });
        let image = "worker:v2".to_owned();
        assert_eq!(request("set_image", r#"{"image": "worker:v2"}"#), Request::SetImage { image });
        assert!(matches!(
            read("canary", br#"{"pods": 1}"#),
            Some(Ok(Asked::Canary { pods: 1, image: None }))
        ));
        for (verb, body) in [("scale", "{}"), ("set_image", ""), ("undo", r#"{"too": 3}"#)] {
            assert!(matches!(read(verb, body.as_bytes()), Some(Err(_))), "{verb} {body}");
        }
        assert!(read("explode", b"").is_none());
    }
}
