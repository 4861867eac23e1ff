//! Between the controllers, the keeper and the pods.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use machine::process::Pinned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::control::Order;
use super::{Asked, News, command, note, readiness};
use crate::deployment::manifest::{Image, Place, Readiness, Workload};
use crate::deployment::{Action, Refusal, Seen, Status, Track};
use crate::keeper::wire::{Command, Event};
use crate::port::Shared;
use crate::reference::process;

/// Without anything to do the controllers are asked so often all the same.
const AT_LEAST_EVERY: Duration = Duration::from_secs(3600);

/// Whether a request has changed anything, and who wants to know.
type Reply = (oneshot::Sender<Result<bool, Refusal>>, Result<bool, Refusal>);

/// The deployments and their pods.
pub(super) struct Steering {
    lines: Vec<Line>,
    pods: BTreeMap<String, Life>,
    folder: PathBuf,
    inbox: mpsc::UnboundedSender<News>,
    tell: watch::Sender<Vec<Status>>,
    began: Instant,
    lives: u64,
    /// Tells this controller from every other one on this machine.
    identity: String,
}

/// A deployment with what it takes to run its pods.
struct Line {
    track: Track,
    images: BTreeMap<String, Image>,
    readiness: Readiness,
}

/// A pod's place, which stays through its restarts, and its present process.
struct Life {
    port: Shared,
    /// Which process of it this is; what earlier ones said does not count.
    number: u64,
    watch: Option<AbortHandle>,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

impl Life {
    /// Its process has ended; nobody asks it any more.
    fn end(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }
}

impl Steering {
    pub(super) fn new(
        workloads: Vec<Workload>,
        folder: PathBuf,
        inbox: mpsc::UnboundedSender<News>,
        tell: watch::Sender<Vec<Status>>,
    ) -> Self {
        let line = |Workload { spec, images, readiness }| Line {
            track: Track::new(spec),
            images,
            readiness,
        };
        let lines = workloads.into_iter().map(line).collect();
        let (pods, began) = (BTreeMap::new(), Instant::now());
        let pid = std::process::id();
        let identity = Pinned::of(pid).map_or_else(|| pid.to_string(), |own| own.to_string());
        Self { lines, pods, folder, inbox, tell, began, lives: 0, identity }
    }

    /// Keeps the deployments as they are to be until the keeper ends.
    pub(super) async fn run(mut self, mut news: mpsc::UnboundedReceiver<News>) -> io::Result<()> {
        loop {
            self.act()?;
            let wake = self.began + self.wakes_at();
            let first = tokio::select! {
                first = news.recv() => first,
                () = sleep_until(wake) => continue,
            };
            let mut next = first;
            let mut replies = Vec::new();
            while let Some(one) = next {
                match one {
                    News::Ended => return Ok(()),
                    News::Keeper(event) => self.kept(event),
                    News::Answered { pod, life, ready } => self.answered(&pod, life, ready),
                    News::Order(order) => replies.extend(self.ask(order)),
                }
                next = news.try_recv().ok();
            }
            // Whoever asked sees what came of it.
            self.act()?;
            for (reply, answer) in replies {
                let _ = reply.send(answer);
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn wakes_at(&self) -> Duration {
        let now = self.now();
        let times = self.lines.iter().filter_map(|line| line.track.wakes_at(now));
        times.min().unwrap_or(now + AT_LEAST_EVERY)
    }

    /// Does what the controllers say, and tells what the deployments are then.
    fn act(&mut self) -> io::Result<()> {
        let now = self.now();
        for place in 0..self.lines.len() {
            for action in self.lines[place].track.act(now) {
                self.carry_out(place, action, now)?;
            }
        }
        self.forget_those_that_are_gone()?;
        let statuses = self.lines.iter().flat_map(|line| line.track.status(now));
        let statuses = statuses.map(|status| self.with_addresses(status)).collect::<Vec<_>>();
        self.tell.send_if_modified(|told| {
            let changed = *told != statuses;
            *told = statuses;
            changed
        });
        Ok(())
    }

    fn carry_out(&mut self, place: usize, action: Action, now: Duration) -> io::Result<()> {
        match action {
            Action::Start { pod, image } => {
                if let Err(why) = self.start(place, &pod, &image)? {
                    note("pod_refused", &format!("{pod}: {why}"));
                    self.lines[place].track.see(&pod, &Seen::Refused(why), now);
                }
                Ok(())
            }
            Action::Restart { pod } if self.pods.contains_key(&pod) => {
                note("pod_restarts", &pod);
                command(&Command::Again { name: pod })
            }
            // It could never be started.
            Action::Restart { pod } => {
                let image = self.image_of(place, &pod);
                self.carry_out(place, Action::Start { pod, image }, now)
            }
            Action::Terminate { pod } => {
                note("pod_terminates", &pod);
                command(&Command::Terminate { name: pod })
            }
            Action::Kill { pod } => {
                note("pod_killed", &format!("{pod} did not end in time"));
                command(&Command::Stop { name: pod })
            }
        }
    }

    /// Has the keeper start a pod's first process; or says why that cannot be.
    fn start(&mut self, place: usize, pod: &str, image: &str) -> io::Result<Result<(), String>> {
        let line = &self.lines[place];
        let Some(found) = line.images.get(image) else {
            return Ok(Err(format!("there is no image {image:?}")));
        };
        let port = match Shared::reserve() {
            Ok(port) => port,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let [stable, canary] = [line.track.stable(), line.track.canary()];
        let role = if stable.has(pod) { stable.name() } else { canary.name() };
        let folder = &self.folder;
        let to = Place { pod, role, image, port: port.port(), folder };
        if let Some(told) = found.told(&to)
            && let Err(error) = process::write(&to.file(), &told)
        {
            return Ok(Err(format!("{} cannot be written: {error}", to.file().display())));
        }
        let process = found.process(&to);
        note("pod_starts", &format!("{pod} with {image} at {}", to.address()));
        self.pods.insert(pod.to_owned(), Life { port, number: 0, watch: None });
        command(&Command::Start(process)).map(Ok)
    }

    fn image_of(&self, place: usize, pod: &str) -> String {
        let statuses = self.lines[place].track.status(self.now());
        let mut pods = statuses.into_iter().flat_map(|status| status.pods);
        pods.find(|own| own.name == pod).map(|own| own.image).unwrap_or_default()
    }

    /// What the keeper says of a pod.
    fn kept(&mut self, event: Event) {
        let (name, seen) = match event {
            Event::Started { name, .. } => (name, Seen::Started),
            Event::Exited { name, status, .. } => (name, Seen::Ended(status)),
            Event::Absent { name } => (name, Seen::Ended("it did not run".to_owned())),
            Event::Failed { name, reason } | Event::GaveUp { name, reason } => {
                (name, Seen::Refused(reason))
            }
            _ => return,
        };
        let Some(life) = self.pods.get_mut(&name) else { return };
        life.end();
        match &seen {
            Seen::Started => {
                self.lives += 1;
                life.number = self.lives;
                let (number, address) = (life.number, life.port.address());
                self.watch(&name, number, address);
            }
            Seen::Ended(how) | Seen::Refused(how) => note("pod_ended", &format!("{name}: {how}")),
            Seen::Ready(_) => {}
        }
        self.see(&name, &seen);
    }

    /// Has a process asked whether it is ready.
    fn watch(&mut self, pod: &str, number: u64, address: String) {
        let Some(line) = self.lines.iter().find(|line| line.track.has(pod)) else { return };
        let (inbox, name) = (self.inbox.clone(), pod.to_owned());
        let tell = move |ready| {
            let _ = inbox.send(News::Answered { pod: name.clone(), life: number, ready });
        };
        let asking = tokio::spawn(readiness::watch(address, line.readiness.clone(), tell));
        if let Some(life) = self.pods.get_mut(pod) {
            life.watch = Some(asking.abort_handle());
        }
    }

    fn answered(&mut self, pod: &str, number: u64, ready: bool) {
        if self.pods.get(pod).is_some_and(|life| life.number == number) {
            note(if ready { "pod_ready" } else { "pod_unready" }, pod);
            self.see(pod, &Seen::Ready(ready));
        }
    }

    fn see(&mut self, pod: &str, seen: &Seen) {
        let now = self.now();
        self.lines.iter_mut().for_each(|line| line.track.see(pod, seen, now));
    }

    /// Carries a request out; gives who is to be told, unless nobody is called so.
    fn ask(&mut self, order: Order) -> Option<Reply> {
        let Order { name, asked, reply } = order;
        let now = self.now();
        let uid = self.uid(&name);
        let line = self.lines.iter_mut().find(|line| line.track.is_named(&name))?;
        let answer = match &asked {
            Asked::Set(setting) if setting.uid.as_ref().is_some_and(|meant| *meant != uid) => {
                let how = format!("is another one than was meant, {uid}");
                Err(Refusal::Changed { name: name.clone(), how })
            }
            Asked::Set(setting) => line.track.set(setting, now),
            Asked::Request(request) => line.track.ask(&name, request, now),
            Asked::Canary { pods, image } => line.track.set_canary(image.as_deref(), *pods, now),
        };
        note("asked", &format!("{name}: {asked:?}: {answer:?}"));
        Some((reply, answer))
    }

    /// Pods that no controller knows any more have ended; so do their places.
    fn forget_those_that_are_gone(&mut self) -> io::Result<()> {
        let lines = &self.lines;
        let is_there = |pod: &str| lines.iter().any(|line| line.track.has(pod));
        let gone: Vec<String> = self.pods.keys().filter(|pod| !is_there(pod)).cloned().collect();
        for pod in gone {
            self.pods.remove(&pod);
            let _ = std::fs::remove_file(self.folder.join(format!("{pod}.json")));
            command(&Command::Stop { name: pod.clone() })?;
            command(&Command::Forget { name: pod })?;
        }
        Ok(())
    }

    fn uid(&self, name: &str) -> String {
        format!("{name}/{}", self.identity)
    }

    fn with_addresses(&self, mut status: Status) -> Status {
        status.uid = self.uid(&status.name);
        for pod in &mut status.pods {
            let life = self.pods.get(&pod.name);
            pod.url = life.map(|life| format!("http://{}", life.port.address()));
        }
        status
    }
}
