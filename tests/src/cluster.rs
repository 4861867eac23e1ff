//! A Kubernetes cluster for tests that needs no containers: a real control plane as
//! child processes, and nodes that run pods as processes of this machine, or only say
//! that they run.
//!
//! Everything listens on the loopback interface and belongs to a [`Lab`], so that
//! nothing is left when the program that started it ends, by whatever means. What
//! ends of the control plane is started again, as a kubelet would.

mod api;
mod container;
mod credentials;
pub mod images;
mod nodes;
mod pod;
mod probe;
pub mod programs;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::Method;
use lab::{Lab, LabOptions, Patience, ProcessSpec, Restart, free_port};
use serde_json::Value;
use tokio::task::JoinHandle;

use api::Api;
use credentials::Credentials;
use images::Images;
use nodes::Nodes;
use programs::{API, CONTROLLERS, ETCD, Programs, SCHEDULER};

const READY_WITHIN: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a cluster is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many nodes it has.
    pub nodes: u32,
    /// What runs for which image.
    pub images: Images,
    /// Where the logs of its processes stay; nowhere by default.
    pub logs: Option<PathBuf>,
}

/// A cluster whose nodes are ready. It ends when this is dropped.
pub struct Cluster {
    lab: Arc<Lab>,
    kubeconfig: PathBuf,
    nodes: JoinHandle<()>,
}

impl Cluster {
    /// Starts everything and waits until pods can be made.
    ///
    /// # Errors
    /// When a part of it does not start, with the end of its log.
    pub async fn start(programs: &Programs, options: Options) -> Result<Self> {
        let lab = LabOptions { logs: options.logs.clone(), ..LabOptions::traceless() }.start()?;
        let lab = Arc::new(lab);
        let port = free_port()?;
        let credentials = Credentials::make(lab.scratch(), port)?;
        let start = Start { lab: &lab, programs, credentials: &credentials };
        let etcd = start.etcd()?;
        start.api(&etcd, port)?;
        let api = Api::connect(&credentials.kubeconfig).await?;
        start
            .until(API, || async {
                api.text(Method::GET, "/readyz", "", &Value::Null).await.is_ok()
            })
            .await?;
        start.controllers()?;
        start.scheduler()?;
        let nodes =
            Nodes::register(api.clone(), Arc::clone(&lab), options.nodes, options.images).await?;
        let nodes = tokio::spawn(nodes.run());
        start.until(CONTROLLERS, || makes_pods(&api)).await?;
        let kubeconfig = credentials.kubeconfig.clone();
        Ok(Self { lab, kubeconfig, nodes })
    }

    /// The way to it, as a user who may do everything.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Waits until it has ended although nobody asked it to: its keeper was killed.
    pub async fn lost(&mut self) {
        let _ = (&mut self.nodes).await;
    }

    /// Ends it and removes every trace.
    ///
    /// # Errors
    /// When something is left.
    pub fn stop(&self) -> Result<()> {
        self.nodes.abort();
        Ok(self.lab.stop()?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Whether the nodes may be used and pods can have their account.
async fn makes_pods(api: &Api) -> bool {
    let account = api.get("/api/v1/namespaces/default/serviceaccounts/default").await;
    let nodes = api.get("/api/v1/nodes").await.unwrap_or_default();
    let nodes = nodes["items"].as_array().cloned().unwrap_or_default();
    // The controllers take the taint of a new node away once it is ready.
    let is_tainted =
        |node: &Value| node["spec"]["taints"].as_array().is_some_and(|t| !t.is_empty());
    account.is_ok() && !nodes.iter().any(is_tainted)
}

/// What the parts are started with.
struct Start<'a> {
    lab: &'a Lab,
    programs: &'a Programs,
    credentials: &'a Credentials,
}

impl Start<'_> {
    /// Gives the address for clients.
    fn etcd(&self) -> Result<String> {
        let (client, peer) = (address(free_port()?), address(free_port()?));
        self.run(
            ETCD,
            &[
                ("data-dir", &self.lab.scratch().join("etcd").display().to_string()),
                ("listen-client-urls", &client),
                ("advertise-client-urls", &client),
                ("listen-peer-urls", &peer),
                ("initial-advertise-peer-urls", &peer),
                ("initial-cluster", &format!("default={peer}")),
                ("log-level", "warn"),
                // Nothing of it outlives the machine.
                ("unsafe-no-fsync", "true"),
            ],
        )?;
        Ok(client)
    }

    fn api(&self, etcd: &str, port: u16) -> Result<()> {
        let path = |path: &PathBuf| path.display().to_string();
        let files = self.credentials;
        self.run(
            API,
            &[
                ("etcd-servers", etcd),
                ("bind-address", "127.0.0.1"),
                ("advertise-address", "127.0.0.1"),
                ("secure-port", &port.to_string()),
                // Of a cluster with several of them.
                ("endpoint-reconciler-type", "none"),
                ("tls-cert-file", &path(&files.certificate)),
                ("tls-private-key-file", &path(&files.key)),
                ("token-auth-file", &path(&files.tokens)),
                ("authorization-mode", "RBAC"),
                ("service-cluster-ip-range", "10.0.0.0/24"),
                ("service-account-issuer", "https://kubernetes.default.svc"),
                ("service-account-key-file", &path(&files.accounts_public)),
                ("service-account-signing-key-file", &path(&files.accounts_key)),
            ],
        )
    }

    fn controllers(&self) -> Result<()> {
        self.run(
            CONTROLLERS,
            &[
                ("kubeconfig", &self.credentials.kubeconfig.display().to_string()),
                ("bind-address", "127.0.0.1"),
                ("secure-port", &free_port()?.to_string()),
                ("leader-elect", "false"),
                ("root-ca-file", &self.credentials.authority.display().to_string()),
                (
                    "service-account-private-key-file",
                    &self.credentials.accounts_key.display().to_string(),
                ),
                // It must not be slower than what is tested.
                ("kube-api-qps", "200"),
                ("kube-api-burst", "400"),
            ],
        )
    }

    fn scheduler(&self) -> Result<()> {
        self.run(
            SCHEDULER,
            &[
                ("kubeconfig", &self.credentials.kubeconfig.display().to_string()),
                ("bind-address", "127.0.0.1"),
                ("secure-port", &free_port()?.to_string()),
                ("leader-elect", "false"),
            ],
        )
    }

    fn run(&self, name: &str, flags: &[(&str, &str)]) -> Result<()> {
        let program = self.programs.path(name).display().to_string();
        let flags = flags.iter().map(|(flag, value)| format!("--{flag}={value}"));
        let line: Vec<String> = std::iter::once(program).chain(flags).collect();
        let spec = ProcessSpec::new(name, name, line)
            .cwd(self.lab.scratch())
            .env("HOME", self.lab.scratch().display().to_string())
            .restart(Restart::Always);
        let run = || self.lab.run(spec, Patience::new(READY_WITHIN));
        tokio::task::block_in_place(run)?;
        Ok(())
    }

    /// Waits until a part does what it is there for.
    async fn until<F: Future<Output = bool>>(
        &self,
        name: &str,
        does: impl Fn() -> F,
    ) -> Result<()> {
        let begun = Instant::now();
        while !does().await {
            let ended = |name: &&str| {
                self.lab.process(name).is_some_and(|process| process.last_exit.is_some())
            };
            let ended = [ETCD, API, CONTROLLERS, SCHEDULER].into_iter().find(ended);
            if let Some(ended) = ended {
                bail!("{ended} has ended: {}", self.last_words(ended));
            }
            if begun.elapsed() > READY_WITHIN {
                let waited = format!("waited for {name} for {READY_WITHIN:?}");
                bail!("{waited}: {}", self.last_words(name));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    fn last_words(&self, name: &str) -> String {
        let log = std::fs::read_to_string(self.lab.log(name)).context("it wrote no log");
        let log = log.unwrap_or_else(|error| error.to_string());
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
