//! The process that runs the lab's deployments: it asks the controllers what is to be
//! done, has the keeper do it, and tells them what came of it.
//!
//! The pods are the keeper's children like every process of the lab, so they end with it.
//! This process reads the keeper's events from its input and writes commands to its
//! output; its log is its standard error.

mod control;
mod pages;
mod readiness;
mod steering;

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::deployment::manifest::Workload;
use crate::deployment::{Request, Setting};
use crate::keeper::wire::{Command, Event};
use crate::reference::diary::Diary;
use crate::reference::server;
use control::{Control, Order};
use steering::Steering;

/// The hidden subcommand: `__deployments FILE`.
pub(crate) const SUBCOMMAND: &str = "__deployments";

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Where it answers.
    pub(crate) address: String,
    /// The lab's folder for data.
    pub(crate) folder: PathBuf,
    pub(crate) workloads: Vec<Workload>,
}

/// Something that the controllers should know.
#[derive(Debug)]
enum News {
    /// The keeper says so.
    Keeper(Event),
    /// The keeper has ended, or is about to.
    Ended,
    /// A life of a pod has changed its answer.
    Answered { pod: String, life: u64, ready: bool },
    /// Somebody asks for something.
    Order(Order),
}

/// What may be asked of a deployment.
#[derive(Debug)]
enum Asked {
    Request(Request),
    Canary { pods: u32, image: Option<String> },
    Set(Setting),
}

/// Runs deployments until the keeper ends; gives an exit code.
pub(crate) fn run(arguments: &[std::ffi::OsString]) -> u8 {
    let [file] = arguments else {
        eprintln!("{SUBCOMMAND} is started by the lab, not by hand");
        return 2;
    };
    crate::reference::process::run(Path::new(file), serve)
}

async fn serve(Arguments { address, folder, workloads }: Arguments) -> io::Result<()> {
    let (inbox, news) = mpsc::unbounded_channel();
    let events = inbox.clone();
    thread::Builder::new().name("events".into()).spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let Ok(event) = serde_json::from_str(&line) else { continue };
            if events.send(News::Keeper(event)).is_err() {
                return;
            }
        }
        let _ = events.send(News::Ended);
    })?;
    let (tell, statuses) = watch::channel(Vec::new());
    let steering = Steering::new(workloads, folder, inbox.clone(), tell);
    let control = Arc::new(Control { inbox, statuses });
    tokio::select! {
        served = server::serve(control, &address) => served,
        steered = steering.run(news) => steered,
    }
}

/// Has the keeper do something.
fn command(command: &Command) -> io::Result<()> {
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

/// What operators would want to read.
fn note(code: &str, message: &str) {
    Diary.info(code, message);
}
