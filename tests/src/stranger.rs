//! Small services that nobody of the lab knows: written in another language,
//! started and watched over by ordinary means, known to `verify` by their
//! addresses and roles alone. They are in `tests/systems`, each with its
//! scenario.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use lab::{Lab, LabOptions, Patience, ProcessSpec, Redis, RedisOptions, Restart, free_port};

use crate::program::{Profile, Program};
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(60);

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTTP into a Redis stream through a pool that connects when it must; whoever
    /// stops it starts it again.
    Shop,
    /// HTTP into a file of SQLite; its supervisor starts it again.
    Ledger,
    /// From one Redis list into another; loops of the shell start them again.
    Worker,
    /// From one Redis list into another, or aside when it was tried three times.
    Trier,
    /// HTTP, by a stable and a new version behind a balancer.
    Versions,
}

/// A form of a service, and the checks that must be violated by it.
pub type Variant = (&'static str, &'static [&'static str]);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Shop, Self::Ledger, Self::Worker, Self::Trier, Self::Versions];

    /// Its name, and that of its scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Ledger => "ledger",
            Self::Worker => "worker",
            Self::Trier => "trier",
            Self::Versions => "versions",
        }
    }

    /// Its planted bugs.
    #[must_use]
    pub const fn bugs(self) -> &'static [Variant] {
        match self {
            Self::Shop => &[
                ("answers-first", &["nothing-lost"]),
                ("no-dedupe", &["nothing-lost"]),
                ("leaks", &["connections"]),
            ],
            Self::Ledger => {
                &[("commits-late", &["nothing-lost"]), ("books-twice", &["nothing-lost"])]
            }
            Self::Worker => &[("forgets", &["nothing-lost"]), ("repeats", &["nothing-lost"])],
            Self::Trier => &[("drops-poison", &["nothing-lost"])],
            Self::Versions => &[
                ("errors", &["errors"]),
                ("slower", &["typical"]),
                ("slow-tail", &["tail"]),
                ("one-caller", &["callers", "errors"]),
                ("wrong-split", &["split"]),
            ],
        }
    }
}

/// A service that runs. It ends when this is dropped, or with this process.
#[derive(Debug)]
pub struct Stranger {
    kind: Kind,
    /// What tells `verify` of it.
    told: Vec<String>,
    _lab: Lab,
    _logs: tempfile::TempDir,
}

impl Stranger {
    /// Starts a service and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(kind: Kind, variant: &str, profile: Profile) -> Result<Self> {
        let logs = tempfile::Builder::new().prefix("shakedown-tests-").tempdir()?;
        let exe = Program::Verify.build(profile)?;
        let lab = LabOptions { exe, ..LabOptions::new(logs.path()) }.start()?;
        let begin = Begin { lab: &lab, variant };
        let told = match kind {
            Kind::Shop => begin.shop()?,
            Kind::Ledger => begin.ledger()?,
            Kind::Worker => begin.worker()?,
            Kind::Trier => begin.trier()?,
            Kind::Versions => begin.versions()?,
        };
        Ok(Self { kind, told, _lab: lab, _logs: logs })
    }

    /// Its command line, where a run starts it again: what is started so stays
    /// when the run has ended.
    #[must_use]
    pub fn stays(&self) -> Option<&str> {
        self.told.iter().find_map(|word| word.strip_prefix("--role-start=shop="))
    }

    /// The command line of a run against it, without the program.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let scenario = folder().join(self.kind.name()).with_extension("toml");
        let fixed = ["--scenario".to_owned(), scenario.display().to_string()];
        fixed.into_iter().chain(self.told.clone()).collect()
    }
}

/// Where the services and their scenarios are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systems")
}

struct Begin<'a> {
    lab: &'a Lab,
    variant: &'a str,
}

impl Begin<'_> {
    fn shop(&self) -> Result<Vec<String>> {
        let (redis, port, pid_file) = (self.redis()?, free_port()?, self.file("shop.pid"));
        let numbers = [("--port", port), ("--redis", redis.port())];
        let line = self.python("shop.py", &numbers, &[("--pid-file", &pid_file)]);
        self.run("shop", &line, Restart::Never)?;
        answers(port)?;
        Ok(vec![
            format!("--target=shop=http://127.0.0.1:{port}"),
            format!("--target=redis={}", redis.url),
            format!("--role=shop=pid-file:{pid_file}"),
            format!("--role-start=shop={}", line.join(" ")),
        ])
    }

    fn ledger(&self) -> Result<Vec<String>> {
        let (port, pid_file) = (free_port()?, self.file("ledger.pid"));
        let file = self.file("ledger.db");
        let files = [("--pid-file", &*pid_file), ("--file", &*file)];
        let line = self.python("ledger.py", &[("--port", port)], &files);
        self.run("ledger", &line, Restart::Always)?;
        answers(port)?;
        Ok(vec![
            format!("--target=ledger=http://127.0.0.1:{port}"),
            format!("--role=ledger=pid-file:{pid_file}"),
            format!("--set=file={file}"),
        ])
    }

    fn worker(&self) -> Result<Vec<String>> {
        let redis = self.redis()?;
        for number in 0..3 {
            let numbers = [("--number", number), ("--redis", redis.port())];
            let line = self.python("worker.py", &numbers, &[]);
            let again = folder().join("again.sh").display().to_string();
            let wanted_by = std::process::id().to_string();
            let mut looped = vec!["sh".to_owned(), again, wanted_by];
            looped.extend(line);
            self.run(&format!("loop-{number}"), &looped, Restart::Never)?;
        }
        // The loops have it in their lines, too.
        let role = format!("^[^ ]*python3 [^ ]*worker.py .*--redis {} ", redis.port());
        Ok(vec![format!("--target=redis={}", redis.url), format!("--role=worker=name:{role}")])
    }

    fn trier(&self) -> Result<Vec<String>> {
        let (redis, log) = (self.redis()?, self.file("trier.log"));
        let line = self.python("trier.py", &[("--redis", redis.port())], &[("--log", &log)]);
        self.run("trier", &line, Restart::Always)?;
        wait::until("the worker's log", PATIENCE, || Path::new(&log).exists().then_some(()))?;
        Ok(vec![format!("--target=redis={}", redis.url), format!("--set=log={log}")])
    }

    fn versions(&self) -> Result<Vec<String>> {
        let (port, pid_file) = (free_port()?, self.file("versions.pid"));
        let line = self.python("versions.py", &[("--port", port)], &[("--pid-file", &pid_file)]);
        self.run("versions", &line, Restart::Always)?;
        answers(port)?;
        Ok(vec![format!("--target=service=http://127.0.0.1:{port}")])
    }

    fn redis(&self) -> Result<Redis> {
        let patience = Patience::new(PATIENCE);
        Ok(Redis::start(self.lab, &RedisOptions::default(), patience)?)
    }

    /// A file beside the lab's own.
    fn file(&self, name: &str) -> String {
        self.lab.scratch().join(name).display().to_string()
    }

    fn python(&self, script: &str, numbers: &[(&str, u16)], files: &[(&str, &str)]) -> Vec<String> {
        let mut line = vec!["/usr/bin/python3".to_owned()];
        line.push(folder().join(script).display().to_string());
        for (option, number) in numbers {
            line.extend([(*option).to_owned(), number.to_string()]);
        }
        for (option, file) in files {
            line.extend([(*option).to_owned(), (*file).to_owned()]);
        }
        let wanted_by = std::process::id().to_string();
        line.extend(["--wanted-by", &wanted_by, "--variant", self.variant].map(str::to_owned));
        line
    }

    fn run(&self, name: &str, line: &[String], restart: Restart) -> Result<()> {
        let spec = ProcessSpec::new(name, name, line).restart(restart);
        let spec = spec.env("PATH", "/usr/bin:/bin").env("PYTHONDONTWRITEBYTECODE", "1");
        self.lab.run(spec, Patience::new(PATIENCE))?;
        Ok(())
    }
}

/// Waits until somebody accepts connections.
fn answers(port: u16) -> Result<()> {
    let connects = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok();
    wait::until(&format!("port {port}"), PATIENCE, connects).map(drop)
}
