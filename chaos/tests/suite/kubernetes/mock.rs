//! A mock of the API server in this process. It keeps objects, applies patches to
//! them for real and answers with the statuses of the real server, as far as they
//! were seen there; it checks no schema and knows no watch.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::state::State;
use super::{SHOP, patch};

/// Where one asks what one may do; it is in no namespace.
const REVIEWS: &str = "selfsubjectaccessreviews";

/// A right as a rule grants it: group, resource, verb.
pub(crate) type Right = (String, String, String);

/// What happens to a request instead of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// A Status of this code with this message and these details.
    Status(u16, &'static str, Value),
    /// A 429 of a busy server: plain text and a header.
    Busy(&'static str),
    /// The connection ends within the body.
    Cut,
    /// Nothing, for ever.
    Silence,
    /// A page of a proxy.
    Page,
    /// Somebody else has changed the object: its version moves before the request
    /// is carried out.
    Overtaken,
}

/// Which requests fail.
#[derive(Debug, Clone)]
struct Script {
    verb: &'static str,
    resource: &'static str,
    failure: Failure,
    /// So many matching requests pass before.
    skip: usize,
    /// So many fail then.
    times: usize,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) verb: String,
    group: String,
    pub(crate) resource: String,
    name: String,
    query: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Server {
    state: State,
    scripts: Vec<Script>,
    requests: Vec<Request>,
    /// What the caller may do; `None` for everything.
    rights: Option<BTreeSet<Right>>,
    /// The longest page of a list.
    page: Option<usize>,
}

/// The running mock.
pub(crate) struct Mock {
    pub(crate) url: String,
    server: Arc<Mutex<Server>>,
}

impl Mock {
    /// Serves the shop on a free port until the test's runtime ends.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server { state: State::shop(), ..Server::default() };
        let server = Arc::new(Mutex::new(server));
        let served = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                let service = service_fn(move |request| answer(Arc::clone(&served), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self { url, server }
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap()
    }

    /// The next request of this kind fails.
    pub(crate) fn fail(&self, verb: &'static str, resource: &'static str, failure: Failure) {
        self.fail_later(verb, resource, failure, 0, 1);
    }

    pub(crate) fn fail_later(
        &self,
        verb: &'static str,
        resource: &'static str,
        failure: Failure,
        skip: usize,
        times: usize,
    ) {
        self.lock().scripts.push(Script { verb, resource, failure, skip, times });
    }

    /// Nothing fails any more.
    pub(crate) fn mend(&self) {
        self.lock().scripts.clear();
    }

    pub(crate) fn grant(&self, rights: BTreeSet<Right>) {
        self.lock().rights = Some(rights);
    }

    pub(crate) fn page(&self, page: usize) {
        self.lock().page = Some(page);
    }

    /// Changes the objects or the manner of the controllers.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.lock().state)
    }

    /// The requests of a kind so far.
    pub(crate) fn requests(&self, verb: &str, resource: &str) -> Vec<Request> {
        let is = |request: &&Request| request.verb == verb && request.resource == resource;
        self.lock().requests.iter().filter(is).cloned().collect()
    }

    /// The rights that the requests so far needed.
    pub(crate) fn needed(&self) -> BTreeSet<Right> {
        let right = |r: &Request| (r.group.clone(), r.resource.clone(), r.verb.clone());
        self.lock().requests.iter().filter(|r| r.resource != REVIEWS).map(right).collect()
    }
}

impl Request {
    /// Reads the path as the API server does.
    fn read(method: &str, uri: &hyper::Uri, content_type: String, body: &[u8]) -> Self {
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let (group, rest) = match parts[..] {
            ["api", "v1", ref rest @ ..] => ("", rest),
            ["apis", group, "v1", ref rest @ ..] => (group, rest),
            _ => panic!("no such path: {uri}"),
        };
        let (collection, rest) = match rest {
            ["namespaces", SHOP, collection, rest @ ..] => (collection, rest),
            [review @ REVIEWS] => (review, &[][..]),
            _ => panic!("no such path: {uri}"),
        };
        let (name, below) = match rest {
            [] => ("", String::new()),
            [name] => (*name, String::new()),
            [name, below] => (*name, format!("/{below}")),
            _ => panic!("no such path: {uri}"),
        };
        let verb = match (method, name) {
            ("GET", "") => "list",
            ("DELETE", "") => "deletecollection",
            ("GET", _) => "get",
            ("POST", _) => "create",
            ("PATCH", _) => "patch",
            ("DELETE", _) => "delete",
            _ => panic!("no such method: {method}"),
        };
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: format!("{collection}{below}"),
            name: name.to_owned(),
            query: uri.query().unwrap_or_default().replace("%3D", "=").replace("%2C", ","),
            content_type,
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap() },
        }
    }

    fn query(&self, key: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    }

    fn collection(&self) -> &str {
        self.resource.split('/').next().unwrap()
    }
}

type Answer = (u16, Value);

fn status(code: u16, message: &str, details: &Value) -> Answer {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": details, "code": code,
    });
    (code, body)
}

impl Server {
    fn failure(&mut self, request: &Request) -> Option<Failure> {
        let is = |script: &&mut Script| {
            script.verb == request.verb && script.resource == request.resource && script.times > 0
        };
        let script = self.scripts.iter_mut().find(is)?;
        if script.skip > 0 {
            script.skip -= 1;
            return None;
        }
        script.times -= 1;
        Some(script.failure.clone())
    }

    fn review(&self, asked: &Value) -> Answer {
        let text = |key: &str| asked[key].as_str().unwrap().to_owned();
        let below = text("subresource");
        let slash = if below.is_empty() { "" } else { "/" };
        let right = (text("group"), format!("{}{slash}{below}", text("resource")), text("verb"));
        let allowed = self.rights.as_ref().is_none_or(|rights| rights.contains(&right));
        (201, json!({"status": {"allowed": allowed}}))
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let Request { verb, group, resource, name, .. } = request;
        if resource == REVIEWS {
            return self.review(&request.body["spec"]["resourceAttributes"]);
        }
        let right = (group.clone(), resource.clone(), verb.clone());
        if self.rights.as_ref().is_some_and(|rights| !rights.contains(&right)) {
            let message = format!(
                "{resource} {name:?} is forbidden: User \"system:serviceaccount:{SHOP}:chaos\" \
                 cannot {verb} resource {resource:?} in API group {group:?} in the namespace {SHOP:?}"
            );
            return status(403, &message, &json!({"name": name, "kind": request.collection()}));
        }
        let collection = request.collection();
        if verb == "list" {
            return self.list(request);
        }
        let Some(object) = self.state.find(collection, name).cloned() else {
            let message = format!("{collection} {name:?} not found");
            return status(404, &message, &json!({"name": name, "kind": collection}));
        };
        match (verb.as_str(), resource.as_str()) {
            ("get", "deployments/scale" | "statefulsets/scale") => (200, scale(&object)),
            ("get", _) => (200, object),
            ("delete", "pods") => self.end(request, &object, &request.body, 200),
            ("create", "pods/eviction") => self.evict(request, &object),
            ("patch", _) => self.patch(request, object),
            other => panic!("no such request: {other:?}"),
        }
    }

    fn list(&self, request: &Request) -> Answer {
        let labels = request.query("labelSelector").unwrap_or_default();
        let wanted = labels.split(',').filter_map(|label| label.split_once('='));
        let wanted: Vec<_> = wanted.collect();
        let matches = |object: &&Value| {
            wanted.iter().all(|(key, value)| object["metadata"]["labels"][key] == *value)
        };
        let all = self.state.objects.get(request.collection()).into_iter().flatten();
        let all: Vec<&Value> = all.filter(matches).collect();
        let from: usize = request.query("continue").map_or(0, |token| token.parse().unwrap());
        let limit: usize = request.query("limit").unwrap().parse().unwrap();
        let to = all.len().min(from + self.page.unwrap_or(limit).min(limit));
        let mut metadata = json!({"resourceVersion": self.state.version.to_string()});
        if to < all.len() {
            metadata["continue"] = json!(to.to_string());
        }
        (200, json!({"kind": "List", "metadata": metadata, "items": all[from..to]}))
    }

    fn end(&mut self, request: &Request, pod: &Value, options: &Value, done: u16) -> Answer {
        let (is, wanted) = (&pod["metadata"]["uid"], &options["preconditions"]["uid"]);
        if wanted.is_string() && wanted != is {
            let message = format!(
                "Operation cannot be fulfilled on pods {:?}: Precondition failed: UID in \
                 precondition: {wanted}, UID in object meta: {is}",
                request.name
            );
            return status(409, &message, &json!({"name": request.name, "kind": "pods"}));
        }
        if !pod["metadata"]["deletionTimestamp"].is_string() {
            self.state.end_pod(&request.name, options["gracePeriodSeconds"].as_u64());
        }
        (
            done,
            if done == 201 { json!({"kind": "Status", "status": "Success"}) } else { pod.clone() },
        )
    }

    fn evict(&mut self, request: &Request, pod: &Value) -> Answer {
        let asks = pod["status"]["phase"] != "Pending"
            && !pod["metadata"]["deletionTimestamp"].is_string();
        match self.state.budget {
            Some(0) if asks => {
                let cause = json!({"reason": "DisruptionBudget", "message":
                    "The disruption budget web needs 3 healthy pods and has 3 currently"});
                let message = "Cannot evict pod as it would violate the pod's disruption budget.";
                return status(429, message, &json!({"causes": [cause]}));
            }
            Some(allowed) if asks => self.state.budget = Some(allowed - 1),
            _ => {}
        }
        self.end(request, pod, &request.body["deleteOptions"], 201)
    }

    fn patch(&mut self, request: &Request, mut object: Value) -> Answer {
        let before = object.clone();
        let is_scale = request.resource.ends_with("/scale");
        let mut target = if is_scale { scale(&object) } else { object.clone() };
        match request.content_type.as_str() {
            "application/merge-patch+json" => patch::merge(&mut target, &request.body),
            "application/strategic-merge-patch+json" => {
                patch::strategic(&mut target, &request.body);
            }
            "application/json-patch+json" => patch::operations(&mut target, &request.body),
            other => return status(415, &format!("{other} is not known"), &json!({})),
        }
        if target["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"] {
            let message = format!(
                "Operation cannot be fulfilled on {} {:?}: the object has been modified; please \
                 apply your changes to the latest version and try again",
                request.collection(),
                request.name
            );
            return status(409, &message, &json!({"name": request.name}));
        }
        if is_scale {
            object["spec"]["replicas"] = target["spec"]["replicas"].clone();
        } else {
            object = target;
        }
        if object["spec"] != before["spec"] {
            object["metadata"]["generation"] =
                json!(before["metadata"]["generation"].as_u64().unwrap() + 1);
        }
        object["metadata"]["resourceVersion"] = json!(self.state.next_version());
        *self.state.find(request.collection(), &request.name).unwrap() = object.clone();
        (200, if is_scale { scale(&object) } else { object })
    }
}

fn scale(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": metadata["name"], "namespace": SHOP, "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"]},
        "spec": {"replicas": object["spec"]["replicas"]}, "status": {"replicas": 0},
    });
    // As the real one: a zero is left out.
    if scale["spec"]["replicas"] == 0 {
        scale["spec"] = json!({});
    }
    scale
}

async fn answer(
    server: Arc<Mutex<Server>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Reply>, Infallible> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get("content-type").map(|t| t.to_str().unwrap().to_owned());
    let body = body.collect().await.unwrap().to_bytes();
    let content_type = content_type.unwrap_or_default();
    let request = Request::read(head.method.as_str(), &head.uri, content_type, &body);
    let failure = {
        let mut server = server.lock().unwrap();
        server.requests.push(request.clone());
        server.failure(&request)
    };
    let mut response = hyper::Response::builder().header("content-type", "application/json");
    let (code, body) = match failure {
        Some(Failure::Silence) => std::future::pending().await,
        Some(Failure::Cut) => {
            let start = Bytes::from_static(b"{\"kind\": \"Po");
            return Ok(response.body(Reply { left: Some(start), torn: true }).unwrap());
        }
        Some(Failure::Page) => (200, "<html>Please log in</html>".to_owned()),
        Some(Failure::Busy(seconds)) => {
            response = response.header("retry-after", seconds);
            (429, "Too many requests, please try again later.".to_owned())
        }
        Some(Failure::Status(code, message, details)) => {
            let (code, body) = status(code, message, &details);
            (code, body.to_string())
        }
        overtaken => {
            let mut server = server.lock().unwrap();
            if overtaken.is_some() {
                let version = json!(server.state.next_version());
                let object = server.state.find(request.collection(), &request.name).unwrap();
                object["metadata"]["resourceVersion"] = version;
            }
            let (code, body) = server.answer(&request);
            server.state.work();
            (code, body.to_string())
        }
    };
    let reply = Reply { left: Some(Bytes::from(body)), torn: false };
    Ok(response.status(code).body(reply).unwrap())
}

/// A body that may end too early.
struct Reply {
    left: Option<Bytes>,
    torn: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.left.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.torn => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            None => Poll::Ready(None),
        }
    }
}
