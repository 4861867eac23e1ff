//! The way to a cluster, and the one place from which requests are sent.

use std::path::PathBuf;
use std::time::Duration;

use kube::client::{AuthError, Body};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, Verdict, verdict};
use super::call::{Access, Call, checked};
use super::{Guard, KubernetesError};

/// How many objects come in one answer of a list.
const PAGE: u32 = 500;
/// How often a list is begun again that expires while its pages are read.
const LISTED_AT_MOST: u32 = 3;

/// Where to work, as it can be written down: no credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The kubeconfig to read; by default what `KUBECONFIG` names, then
    /// `~/.kube/config`, then the service account of the pod in which this runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// Several of them, which are merged, as `KUBECONFIG` may name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<PathBuf>,
    /// The context in it; by default its current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The namespace.
    pub namespace: String,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// From the beginning to the last byte of the answer.
    pub answer: Duration,
}

impl Default for Limits {
    /// A healthy API server answers in milliseconds; admission webhooks may take
    /// 10 s by default.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), answer: Duration::from_secs(20) }
    }
}

/// A namespace of a cluster that is reached. Clones share the connection.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    limits: Limits,
    place: Place,
    server: String,
}

impl Cluster {
    /// Reads the kubeconfig, or the pod's service account if there is none, and
    /// asks the guard. Nothing is sent yet, so a server that is away shows with
    /// the first request.
    ///
    /// # Errors
    /// [`KubernetesError::Config`] if there is no configuration or it is wrong;
    /// [`KubernetesError::Blocked`] if the guard refuses the place.
    pub async fn connect(
        place: &Place,
        guard: &Guard,
        limits: Limits,
    ) -> Result<Self, KubernetesError> {
        // What is refused by its name is refused whatever the kubeconfig says.
        guard.check(place.context.as_deref(), &place.namespace)?;
        let (config, place) = configured(place).await?;
        guard.check(place.context.as_deref(), &place.namespace)?;
        Self::with(config, place, limits)
    }

    /// [`Cluster::connect`] without a guard, for who only looks.
    ///
    /// # Errors
    /// [`KubernetesError::Config`] if there is no configuration or it is wrong.
    pub async fn to_look(place: &Place, limits: Limits) -> Result<Self, KubernetesError> {
        Self::reconnect(place, limits).await
    }

    /// [`Cluster::connect`] without a guard: for taking back what a guard has let
    /// pass before.
    pub(super) async fn reconnect(place: &Place, limits: Limits) -> Result<Self, KubernetesError> {
        let (config, place) = configured(place).await?;
        Self::with(config, place, limits)
    }

    /// A cluster by the address of its API server, without credentials and
    /// unguarded: `kubectl proxy`, or a server that a test runs.
    ///
    /// # Errors
    /// [`KubernetesError::Config`] if it is no address.
    pub fn at(url: &str, namespace: &str, limits: Limits) -> Result<Self, KubernetesError> {
        let uri = url.parse().map_err(|error| config_error(&error))?;
        let place = Place { namespace: namespace.to_owned(), ..Place::default() };
        Self::with(Config::new(uri), place, limits)
    }

    fn with(mut config: Config, place: Place, limits: Limits) -> Result<Self, KubernetesError> {
        checked(&place.namespace)?;
        // An error means that the program has chosen a provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // By default the client asks again for minutes when a budget refuses, and
        // the eviction happens at a time that nobody planned.
        config.default_retry = false;
        config.connect_timeout = Some(limits.connect);
        config.read_timeout = Some(limits.answer);
        config.write_timeout = Some(limits.answer);
        // Otherwise the idle time of a pooled connection counts as waiting.
        config.reset_reader_on_write = true;
        let server = without_user(&config.cluster_url);
        let client = Client::try_from(config)
            .map_err(|error| KubernetesError::Config { reason: told(&error) })?;
        Ok(Self { client, limits, place, server })
    }

    /// Where this is, with the kubeconfig and the context filled in: a later
    /// program that connects to it reaches the same cluster although the current
    /// context, the environment or the working folder has changed.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The address of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn namespace(&self) -> &str {
        &self.place.namespace
    }

    /// Sends one request, once.
    pub(super) async fn call(&self, call: &Call) -> Result<Verdict, KubernetesError> {
        let no_answer =
            |reason: String| KubernetesError::NoAnswer { request: call.to_string(), reason };
        let answer = match tokio::time::timeout(self.limits.answer, self.send(call)).await {
            Ok(answer) => answer.map_err(|error| no_answer(told(&error)))?,
            Err(_) => {
                return Err(no_answer(format!("nothing within {:?}", self.limits.answer)));
            }
        };
        verdict(call, &answer)
    }

    async fn send(&self, call: &Call) -> Result<Answer, kube::Error> {
        let mut request = http::Request::builder().method(call.method()).uri(call.target());
        let mut body = Body::empty();
        if let Some((content, value)) = &call.body {
            request = request.header(http::header::CONTENT_TYPE, content.media_type());
            body = Body::from(value.to_string().into_bytes());
        }
        let request = request.body(body).map_err(kube::Error::HttpError)?;
        let response = self.client.send(request).await?;
        let status = response.status().as_u16();
        let wait = response.headers().get(http::header::RETRY_AFTER);
        let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.into_body().collect_bytes().await?.to_vec();
        Ok(Answer { status, retry_after: wait.map(Duration::from_secs), body })
    }

    /// Which of these rights the API says that one has not. What it does not say
    /// shows when the right is needed.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn lacking(&self, rights: &[Access]) -> Result<Vec<Access>, KubernetesError> {
        let mut lacking = Vec::new();
        for &access in rights {
            match self.call(&Call::may(access, self.namespace())).await {
                Ok(Verdict::Done(review)) if review["status"]["allowed"] == false => {
                    lacking.push(access);
                }
                Err(error @ KubernetesError::NoAnswer { .. }) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(lacking)
    }

    /// Every object of a kind, page by page. A list that expires meanwhile is
    /// begun again, since its pages would not fit together.
    pub(super) async fn list(
        &self,
        access: Access,
        labels: Option<&str>,
    ) -> Result<Vec<Value>, KubernetesError> {
        let mut call = Call::all(access, self.namespace()).query("limit", PAGE.to_string());
        if let Some(labels) = labels {
            call = call.query("labelSelector", labels);
        }
        for _ in 0..LISTED_AT_MOST {
            if let Some(objects) = self.pages(&call).await? {
                return Ok(objects);
            }
        }
        Err(KubernetesError::Expired { request: call.to_string(), times: LISTED_AT_MOST })
    }

    /// `None` if the list expired.
    async fn pages(&self, first: &Call) -> Result<Option<Vec<Value>>, KubernetesError> {
        let mut objects = Vec::new();
        let mut call = first.clone();
        loop {
            let mut page = match self.call(&call).await? {
                Verdict::Done(page) => page,
                Verdict::Expired => return Ok(None),
                verdict => return Err(unexpected(&call, &verdict)),
            };
            match page["items"].take() {
                Value::Array(items) => objects.extend(items),
                // The API leaves an empty list out.
                Value::Null if page["metadata"].is_object() => {}
                _ => return Err(unreadable(&call, "it is no list")),
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => {
                    call = first.clone().query("continue", token);
                }
                _ => return Ok(Some(objects)),
            }
        }
    }
}

async fn configured(place: &Place) -> Result<(Config, Place), KubernetesError> {
    let mut place = place.clone();
    let kubeconfig = match (&place.kubeconfig, place.merged.as_slice()) {
        (Some(path), _) => Kubeconfig::read_from(path),
        (None, []) => Kubeconfig::read(),
        (None, paths) => paths.iter().try_fold(Kubeconfig::default(), |merged, path| {
            merged.merge(Kubeconfig::read_from(path)?)
        }),
    };
    let kubeconfig = match kubeconfig {
        Ok(kubeconfig) => kubeconfig,
        // Who names a file or a context means no other.
        Err(error)
            if place.kubeconfig.is_some()
                || !place.merged.is_empty()
                || place.context.is_some() =>
        {
            return Err(KubernetesError::Config { reason: unread(&error) });
        }
        Err(error) => {
            let inside = Config::incluster().map_err(|inside| KubernetesError::Config {
                reason: format!("{}; {}", unread(&error), chain(&inside)),
            })?;
            return Ok((inside, place));
        }
    };
    if place.kubeconfig.is_none() && place.merged.is_empty() {
        place.merged = of_environment();
        if place.merged.len() == 1 {
            place.kubeconfig = place.merged.pop();
        }
    }
    // The undo may be carried out from another folder.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    place.kubeconfig = place.kubeconfig.map(absolute);
    place.merged = place.merged.into_iter().map(absolute).collect();
    place.context = place.context.or_else(|| kubeconfig.current_context.clone());
    let options = KubeConfigOptions { context: place.context.clone(), cluster: None, user: None };
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let proxies: Vec<String> = clusters.filter_map(|cluster| cluster.proxy_url.clone()).collect();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| KubernetesError::Config { reason: unread(&error) })?;
    // A proxy of the environment cannot reach a cluster on this machine; kubectl
    // does not ask it either. One that the kubeconfig names is meant.
    let is_named =
        |proxy: &http::Uri| proxies.iter().any(|named| named.parse().ok().as_ref() == Some(proxy));
    if is_loopback(&config.cluster_url) && !config.proxy_url.as_ref().is_some_and(is_named) {
        config.proxy_url = None;
    }
    Ok((config, place))
}

/// The files that `KUBECONFIG` names.
fn of_environment() -> Vec<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn is_loopback(server: &http::Uri) -> bool {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = host.parse::<std::net::IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Why a kubeconfig cannot be used. A file that cannot be parsed is not quoted,
/// since it is full of credentials.
fn unread(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => {
            let line = error.location().map(|at| format!(", see line {}", at.line()));
            format!("the kubeconfig is not one{}", line.unwrap_or_default())
        }
        KubeconfigError::ParseProxyUrl(_) => "the proxy's address is not one".to_owned(),
        error => chain(error),
    }
}

/// An answer whose status is right for other requests only.
pub(super) fn unexpected(call: &Call, verdict: &Verdict) -> KubernetesError {
    let status = match verdict {
        Verdict::Done(_) => 200,
        Verdict::Gone => 404,
        Verdict::Conflict => 409,
        Verdict::Expired => 410,
    };
    let message = "this request has no such answer".to_owned();
    KubernetesError::Answer { request: call.to_string(), status, message }
}

/// An answer in which something is missing.
pub(super) fn unreadable(call: &Call, why: &str) -> KubernetesError {
    let message = format!("the answer cannot be read: {why}");
    KubernetesError::Answer { request: call.to_string(), status: 200, message }
}

/// The address of a server without what may stand in front of its host.
fn without_user(uri: &http::Uri) -> String {
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let path = uri.path().trim_end_matches('/');
    format!("{}://{host}{port}{path}", uri.scheme_str().unwrap_or("http"))
}

fn config_error(error: &(dyn std::error::Error + 'static)) -> KubernetesError {
    KubernetesError::Config { reason: chain(error) }
}

/// What went wrong with a request. A credential plugin that fails may have
/// printed a token, so its output is not shown.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(AuthError::AuthExecRun { cmd, out }) => {
            let cmd = cmd.split_whitespace().next().unwrap_or_default();
            format!("the credential plugin {cmd} failed: {}", out.status)
        }
        // The address of a proxy may hold a password.
        kube::Error::ProxyProtocolUnsupported { proxy_url }
        | kube::Error::ProxyProtocolDisabled { proxy_url, .. } => {
            format!("a proxy by {:?} is not supported", proxy_url.scheme_str().unwrap_or_default())
        }
        error => chain(error),
    }
}

/// An error with its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
