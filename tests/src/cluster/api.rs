//! Requests to the API server, as the nodes send them.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use futures_util::stream::BoxStream;
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use kube::{Client, Config};
use serde_json::Value;

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";
/// A server that is stopped must not stop the nodes.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The way to the API server.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
}

impl Api {
    pub(super) async fn connect(kubeconfig: &Path) -> Result<Self> {
        // An error means that the program has chosen a provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        config.proxy_url = None;
        config.default_retry = false;
        Ok(Self { client: Client::try_from(config)? })
    }

    pub(super) async fn get(&self, path: &str) -> kube::Result<Value> {
        self.send(Method::GET, path, "", &Value::Null).await
    }

    /// Sends one request, once.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> kube::Result<Value> {
        let text = self.text(method, path, content_type, body).await?;
        serde_json::from_str(&text).map_err(kube::Error::SerdeError)
    }

    /// [`Api::send`] of what is not answered with JSON.
    pub(super) async fn text(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> kube::Result<String> {
        let mut request = Request::builder().method(method).uri(path);
        let mut bytes = Vec::new();
        if !body.is_null() {
            request = request.header(http::header::CONTENT_TYPE, content_type);
            bytes = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
        }
        let request = request.body(bytes).map_err(kube::Error::HttpError)?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.client.request_text(request));
        answer.await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// What happens to the objects of a path after a version of their list.
    pub(super) async fn watch(
        &self,
        path: &str,
    ) -> kube::Result<BoxStream<'static, kube::Result<WatchEvent<Value>>>> {
        let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        let answer = tokio::time::timeout(ANSWER_WITHIN, self.client.request_events(request));
        let events = answer.await.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(Box::pin(events))
    }
}

fn timed_out() -> kube::Error {
    kube::Error::Service(format!("nothing within {ANSWER_WITHIN:?}").into())
}

/// The status of an answer that is no success.
pub(super) fn status(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
