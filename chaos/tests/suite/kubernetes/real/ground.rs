//! A namespace of its own on the cluster of `KUBECONFIG`, an account in it that may do
//! what `chaos/deploy/role.yaml` grants, and the program as that account.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use chaos::kubernetes::{Cluster, Guard, Limits, Place};
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig, NamedAuthInfo};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::kubernetes::role;

/// A busy cluster may take long for anything.
const WITHIN: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The namespace.
pub(super) struct Ground {
    pub(super) namespace: String,
    admin: Client,
    folder: tempfile::TempDir,
}

impl Ground {
    /// A namespace in which nothing is but the account.
    pub(super) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read().expect("KUBECONFIG leads to a cluster");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.unwrap();
        let admin = Client::try_from(config).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let suffix = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let namespace = format!("shakedown-test-{}", suffix.trim_matches(['.', '_']));
        let ground = Self { namespace, admin, folder };
        let named = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": ground.namespace}});
        ground.send(Method::POST, "/api/v1/namespaces", &named).await;
        ground.account(kubeconfig, role::documents()).await;
        ground
    }

    /// With the deployment and the stateful set of the stories.
    pub(super) async fn shop() -> Self {
        let ground = Self::new().await;
        for text in super::SHOP.split("\n---\n") {
            ground.make(&serde_saphyr::from_str(text).unwrap()).await;
        }
        ground.ready("app=web", 3).await;
        ground.ready("app=store", 2).await;
        ground
    }

    async fn account(&self, mut kubeconfig: Kubeconfig, documents: Vec<Value>) {
        for document in documents {
            self.make(&document).await;
        }
        let path = self.path("/api/v1", "serviceaccounts/shakedown-chaos/token");
        let asked = json!({"spec": {"expirationSeconds": 3600}});
        let token = self.send(Method::POST, &path, &asked).await;
        let user = json!({"name": "shakedown-chaos", "user": {"token": token["status"]["token"]}});
        let user: NamedAuthInfo = serde_json::from_value(user).unwrap();
        let current = kubeconfig.current_context.clone().unwrap();
        kubeconfig.contexts.retain(|context| context.name == current);
        kubeconfig.contexts[0].context.as_mut().unwrap().user = Some(user.name.clone());
        kubeconfig.auth_infos = vec![user];
        std::fs::write(self.kubeconfig(), serde_json::to_vec(&kubeconfig).unwrap()).unwrap();
    }

    /// That of the account.
    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The cluster as the account sees it.
    pub(super) async fn cluster(&self) -> Cluster {
        let kubeconfig = Some(self.kubeconfig());
        let place = Place { kubeconfig, namespace: self.namespace.clone(), ..Place::default() };
        Cluster::connect(&place, &Guard::default(), Limits::default()).await.unwrap()
    }

    fn path(&self, api: &str, below: &str) -> String {
        format!("{api}/namespaces/{}/{below}", self.namespace)
    }

    /// As the user who may do everything.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let content = if method == Method::PATCH { MERGE_PATCH } else { "application/json" };
        let request = Request::builder().method(method).uri(path);
        let request = request.header(http::header::CONTENT_TYPE, content);
        let bytes = if body.is_null() { Vec::new() } else { serde_json::to_vec(body).unwrap() };
        let answer = self.admin.request::<Value>(request.body(bytes).unwrap()).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Makes an object in the namespace, whatever namespace it names.
    pub(super) async fn make(&self, object: &Value) {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(self.namespace);
        for subject in object["subjects"].as_array_mut().into_iter().flatten() {
            subject["namespace"] = json!(self.namespace);
        }
        let version = object["apiVersion"].as_str().unwrap();
        let api = if version == "v1" { "/api/v1".to_owned() } else { format!("/apis/{version}") };
        let kind = object["kind"].as_str().unwrap().to_lowercase();
        self.send(Method::POST, &self.path(&api, &format!("{kind}s")), &object).await;
    }

    pub(super) async fn patch(&self, api: &str, below: &str, patch: &Value) {
        self.send(Method::PATCH, &self.path(api, below), patch).await;
    }

    pub(super) async fn get(&self, api: &str, below: &str) -> Value {
        self.send(Method::GET, &self.path(api, below), &Value::Null).await
    }

    /// The pods with these labels that stay.
    async fn pods(&self, labels: &str) -> Vec<Value> {
        let query = labels.replace('=', "%3D");
        let mut list = self.get("/api/v1", &format!("pods?labelSelector={query}")).await;
        let mut pods = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        pods.retain(|pod| !pod["metadata"]["deletionTimestamp"].is_string());
        pods
    }

    /// How many pods are ready and stay.
    pub(super) async fn up(&self, labels: &str) -> usize {
        let is_up = |pod: &&Value| {
            let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
            conditions.any(|c| c["type"] == "Ready" && c["status"] == "True")
        };
        self.pods(labels).await.iter().filter(is_up).count()
    }

    /// Waits until so many pods are ready.
    pub(super) async fn ready(&self, labels: &str, count: usize) {
        let begun = tokio::time::Instant::now();
        loop {
            let up = self.up(labels).await;
            if up == count {
                return;
            }
            assert!(begun.elapsed() < WITHIN, "{up} of {count} pods with {labels} are ready");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until so many pods run, ready or not.
    pub(super) async fn running(&self, labels: &str, count: usize) {
        let begun = tokio::time::Instant::now();
        let runs = |pod: &&Value| pod["status"]["phase"] == "Running";
        while self.pods(labels).await.iter().filter(runs).count() != count {
            assert!(begun.elapsed() < WITHIN, "{count} pods with {labels} never ran");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) async fn replicas(&self, deployment: &str) -> u64 {
        let object = self.get("/apis/apps/v1", &format!("deployments/{deployment}")).await;
        object["spec"]["replicas"].as_u64().unwrap()
    }

    pub(super) async fn replicas_become(&self, deployment: &str, count: u64) {
        let begun = tokio::time::Instant::now();
        while self.replicas(deployment).await != count {
            assert!(begun.elapsed() < WITHIN, "{deployment} never had {count} replicas");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The program as the account, in this namespace.
    fn command(&self, arguments: &str, journal: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        let arguments = arguments.replace("NAMESPACE", &self.namespace);
        command.args(arguments.split(' ')).arg("--journal").arg(self.folder.path().join(journal));
        command.env("KUBECONFIG", self.kubeconfig()).env("XDG_STATE_HOME", self.folder.path());
        command.current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(super) fn start(&self, arguments: &str, journal: &str) -> Child {
        self.command(arguments, journal).spawn().unwrap()
    }

    pub(super) async fn run(&self, arguments: &str) -> (Option<i32>, String) {
        ended(self.start(arguments, "journal")).await
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    pub(super) fn file(&self, name: &str, text: &str) {
        let text = text.replace("NAMESPACE", &self.namespace);
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

impl Drop for Ground {
    /// Also after a test that has failed.
    fn drop(&mut self) {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        let admin = self.admin.clone();
        let request = Request::delete(path).body(Vec::new()).unwrap();
        let removing = tokio::spawn(async move { admin.request::<Value>(request).await });
        let ended =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(removing));
        if let Ok(Err(error)) = ended {
            eprintln!("namespace {} stays: {error}", self.namespace);
        }
    }
}

/// The exit code, and all that was said.
pub(super) async fn ended(child: Child) -> (Option<i32>, String) {
    let wait = move || child.wait_with_output().unwrap();
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(wait).await.unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// A deployment of one container that waits.
pub(super) fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec()}},
    })
}

pub(super) fn pod_spec() -> Value {
    json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "app", "image": "registry.k8s.io/pause:3.9"}],
    })
}
