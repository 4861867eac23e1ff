//! Faults of a Redis server and of its process, felt by a client of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos::{Journal, Limits, Order, Scene, http_client, inject};
use lab::{Redis, RedisOptions, Server, server::redis::SERVER};
use scenarios::plan::fault::{StopSignal, Stopped};
use scenarios::plan::{FaultKind, Pick};
use scenarios::units::Span;

use super::ground::patience;
use super::{Case, Ground, SECRET, feel, words};
use crate::program::Desk;
use crate::sleeper::{PATIENCE, wait_for};

/// Too long for an answer of a server that is well.
const SILENCE: Duration = Duration::from_millis(700);

/// A server and one connection to it.
struct Client {
    ground: Ground,
    redis: Redis,
    stream: Option<TcpStream>,
}

/// What a client hears of a command.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Answer,
    Nothing,
    Closed,
}

impl Client {
    fn start() -> Self {
        let ground = Ground::new();
        let password = Some(SECRET.to_owned());
        let options = RedisOptions { password, ..RedisOptions::default() };
        let redis = Redis::start(&ground.lab, &options, patience()).unwrap();
        Self { ground, redis, stream: None }
    }

    /// Connects anew: on the last connection an answer may still be due.
    fn connect(&mut self) -> bool {
        self.stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.redis.port())).ok();
        let hello = format!("AUTH {SECRET}\r\nCLIENT SETNAME worker\r\n");
        let told = self.stream.as_mut().map(|stream| stream.write_all(hello.as_bytes()));
        told.is_some_and(|told| told.is_ok())
            && self.hear(SILENCE, "+OK\r\n+OK\r\n") == Heard::Answer
    }

    /// Sends a command and waits for its answer.
    fn ask(&mut self, command: &str, expected: &str) -> Heard {
        let Some(stream) = &mut self.stream else { return Heard::Closed };
        match stream.write_all(format!("{command}\r\n").as_bytes()) {
            Ok(()) => self.hear(SILENCE, expected),
            Err(_) => Heard::Closed,
        }
    }

    /// An end by this server is the end of the stream or a reset.
    fn hear(&mut self, within: Duration, expected: &str) -> Heard {
        let Some(stream) = &mut self.stream else { return Heard::Closed };
        stream.set_read_timeout(Some(within)).unwrap();
        let mut heard = vec![0; expected.len()];
        match stream.read_exact(&mut heard) {
            Ok(()) if heard == expected.as_bytes() => Heard::Answer,
            // One that reads its file again says that it cannot answer yet.
            Ok(()) => Heard::Nothing,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Heard::Nothing,
            Err(_) => Heard::Closed,
        }
    }

    /// Whether the connection was lost; it is forgotten then.
    fn was_cut(&mut self) -> bool {
        let cut = self.stream.is_some() && self.ask("PING", "+PONG\r\n") == Heard::Closed;
        if cut {
            self.stream = None;
        }
        cut
    }

    /// Whether the server answers on a new connection.
    fn is_served(&mut self) -> bool {
        self.connect() && self.ask("PING", "+PONG\r\n") == Heard::Answer
    }
}

/// SIGKILL and SIGTERM: the connection is cut, and the supervisor starts the
/// server again.
struct Ended(Client, &'static str);

impl Case for Ended {
    fn arguments(&self) -> Vec<String> {
        words(&[self.1, "--pid", &self.0.ground.pid(SERVER).unwrap().to_string()])
    }

    fn lasts(&self) -> bool {
        false
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        self.0.was_cut()
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.0.is_served()
    }
}

/// A stopped server: the connection stays, and nobody answers.
struct Paused(Client);

impl Case for Paused {
    fn arguments(&self) -> Vec<String> {
        words(&["pause-process", "--pid", &self.0.ground.pid(SERVER).unwrap().to_string()])
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        self.0.ask("PING", "+PONG\r\n") == Heard::Nothing
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.0.is_served()
    }
}

/// The server closes the client's connection.
struct Cut(Client);

impl Case for Cut {
    fn arguments(&self) -> Vec<String> {
        words(&["redis-kill-clients", "--url", &self.0.redis.url, "--matching", "worker"])
    }

    fn lasts(&self) -> bool {
        false
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        self.0.was_cut() && self.0.is_served()
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.0.is_served()
    }
}

/// The server answers nobody, or only readers.
struct Silent {
    client: Client,
    writes_only: bool,
}

impl Case for Silent {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["redis-pause", "--url", &self.client.redis.url]);
        arguments.extend(self.writes_only.then(|| "--writes-only".to_owned()));
        arguments
    }

    fn expires(&self) -> bool {
        true
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        if !self.writes_only {
            return self.client.ask("PING", "+PONG\r\n") == Heard::Nothing;
        }
        let read = self.client.ask("EXISTS nothing", ":0\r\n");
        let write = self.client.ask("SET key value", "+OK\r\n");
        (read, write) == (Heard::Answer, Heard::Nothing)
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.client.is_served() && self.client.ask("SET key value", "+OK\r\n") == Heard::Answer
    }
}

#[test]
fn a_killed_server_is_felt() {
    feel(&mut Ended(Client::start(), "kill-process"));
}

#[test]
fn a_terminated_server_is_felt() {
    feel(&mut Ended(Client::start(), "terminate-process"));
}

#[test]
fn a_stopped_server_is_felt() {
    feel(&mut Paused(Client::start()));
}

#[test]
fn a_closed_connection_of_redis_is_felt() {
    feel(&mut Cut(Client::start()));
}

#[test]
fn a_pause_of_redis_is_felt() {
    feel(&mut Silent { client: Client::start(), writes_only: false });
}

#[test]
fn a_pause_of_writes_is_felt_by_writers_alone() {
    feel(&mut Silent { client: Client::start(), writes_only: true });
}

/// One command that is sent while a pause of 3 s begins waits for its end.
#[test]
fn the_silence_is_as_long_as_the_pause() {
    let mut client = Client::start();
    assert!(client.is_served());
    let desk = Desk::new();
    let arguments = ["redis-pause", "--url", &client.redis.url, "--for", "3s", "--quiet"];
    let mut chaos = desk.command(&arguments).spawn().unwrap();
    let mut longest = Duration::ZERO;
    while chaos.try_wait().unwrap().is_none() {
        let begun = Instant::now();
        client.stream.as_mut().unwrap().write_all(b"PING\r\n").unwrap();
        assert_eq!(client.hear(PATIENCE, "+PONG\r\n"), Heard::Answer);
        longest = longest.max(begun.elapsed());
    }
    assert!(longest > Duration::from_millis(2_900), "{longest:?}");
    assert_eq!(chaos.wait().unwrap().code(), Some(0));
}

/// A pause that is shorter than a look is long is seen as well.
#[test]
fn a_short_pause_is_confirmed() {
    let client = Client::start();
    let desk = Desk::new();
    let (code, _, err) = desk.run(&["redis-pause", "--url", &client.redis.url, "--for", "200ms"]);
    assert_eq!(code, Some(0), "{err}");
}

/// A user who may not do what would show that writes wait: it cannot be said
/// that they do.
#[test]
fn a_refusal_is_no_silence() {
    let mut client = Client::start();
    assert!(client.is_served());
    let user = format!("ACL SETUSER joe on >{SECRET} +client +ping +auth");
    assert_eq!(client.ask(&user, "+OK\r\n"), Heard::Answer);
    let desk = Desk::new();
    let url = client.redis.url.replace("redis://:", "redis://joe:");
    let (code, _, err) = desk.run(&["redis-pause", "--url", &url, "--for", "1s"]);
    assert_eq!(code, Some(0), "{err}");
    let arguments = ["redis-pause", "--url", &url, "--for", "1s", "--writes-only"];
    let (code, _, err) = desk.run(&arguments);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("the server answers") && !err.contains(SECRET), "{err}");
}

fn held(ground: &Arc<Ground>, folder: &tempfile::TempDir) -> (Order, Scene) {
    let held = Stopped {
        role: "redis".to_owned(),
        pick: Pick::ALL,
        lasts: Span(PATIENCE),
        signal: StopSignal::Term,
    };
    let order = Order {
        name: "stop".to_owned(),
        seed: 1,
        heal_within: PATIENCE,
        kind: FaultKind::StopProcess(held),
        targets: Default::default(),
    };
    let scene = Scene {
        world: ground.clone(),
        journal: Arc::new(Journal::open(folder.path().join("journal"), "run").unwrap()),
        http: http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    };
    (order, scene)
}

/// The lab keeps it down; the same value heals it, or the end of the lab does.
#[tokio::test]
async fn a_server_that_is_kept_down_is_felt_until_it_is_let_go() {
    let Client { ground, redis, .. } = Client::start();
    let (ground, folder) = (Arc::new(ground), tempfile::tempdir().unwrap());
    let (order, scene) = held(&ground, &folder);
    let refused = || TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).is_err();
    assert!(!refused());
    let injected = inject(&order, &scene).await.unwrap();
    injected.confirm().await.unwrap();
    assert!(refused());
    let restarts = ground.lab.process(SERVER).unwrap().restarts;
    // As long as the keeper's first pauses together: it would have come back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(refused() && ground.lab.process(SERVER).unwrap().restarts == restarts);
    let healed = injected.heal().await.unwrap();
    assert_eq!(healed.seen.as_deref(), Some("1 of 1 processes of \"redis\" run"));
    redis.wait_until_ready(&ground.lab, patience()).unwrap();

    // Dropped in the middle: the end of the lab is the end of it.
    let injected = inject(&order, &scene).await.unwrap();
    drop(injected);
    assert!(refused());
    let report = chaos::recover(&scene.journal, chaos::Reach::OwnRun).await.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    let scratch = ground.lab.scratch().to_owned();
    ground.lab.stop().unwrap();
    wait_for("the scratch folder to go", || !scratch.exists());
}
