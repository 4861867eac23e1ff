//! Random plans of faults whose program is ended at random: after `chaos
//! recover` the lab is healthy, every time.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chaos::proxy::hidden::SUBCOMMAND;
use lab::{
    Lab, LabOptions, Patience, ProcessSpec, Proxy, ProxyOptions, RabbitMq, RabbitMqOptions, Redis,
    RedisOptions, Restart,
};
use machine::process;
use rustix::process::Signal;

use crate::program::{Profile, Program};
use crate::run::Run;
use crate::sandbox::Sandbox;
use crate::system::rabbitmqctl;
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(180);
/// How long the lab may take to be healthy after everything was taken back.
const HEALTHY_WITHIN: Duration = Duration::from_secs(120);
/// Processes of the role that faults hit.
const WORKERS: usize = 3;
/// What a program that nobody ended was ended by.
const OWN_END: &str = "its own end";
/// A file that a fault of our own makes.
const MARK: &str = "mark";
/// A time file, as libfaketime reads it.
const CLOCK: &str = "clock";
const RIGHT_TIME: &str = "+0\n";

/// A lab in which anything may be broken.
#[derive(Debug)]
pub struct Ground {
    lab: Lab,
    redis: Redis,
    proxy: Proxy,
    workers: String,
    /// A client of Redis that is there to lose its connection.
    client: Option<TcpStream>,
    sandbox: Sandbox,
}

/// How a plan ended.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The kinds of its faults.
    pub kinds: Vec<&'static str>,
    /// What ended its program.
    pub ending: String,
    /// How many of them were there for a time.
    pub landed: usize,
    /// How many faults had to be taken back afterwards.
    pub recovered: usize,
    /// How long the lab took to be healthy.
    pub healthy_in: Duration,
}

impl Ground {
    /// Starts the lab: Redis, a proxy in front of it, RabbitMQ and workers.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub fn start(profile: Profile) -> Result<Self> {
        let sandbox = Sandbox::new(profile)?;
        let exe = Program::Verify.build(profile)?;
        let lab = LabOptions { exe, ..LabOptions::new(sandbox.path().join("logs")) }.start()?;
        let patience = Patience::new(PATIENCE);
        let redis = Redis::start(&lab, &RedisOptions::default(), patience)?;
        RabbitMq::start(&lab, &RabbitMqOptions::default(), patience)?;
        let options = ProxyOptions {
            keys: vec!["redis".to_owned()],
            subcommand: SUBCOMMAND.to_owned(),
            seed: 1,
        };
        let addresses = [("redis".to_owned(), redis.url.clone())].into();
        let proxy = Proxy::start(&lab, &options, &addresses, patience)?;
        // The kernel's name of a process is cut after 15 bytes.
        let workers = format!("w{}", std::process::id());
        let program = sandbox.path().join(&workers);
        symlink("/bin/sleep", &program).context("no link to sleep")?;
        std::fs::write(sandbox.path().join(CLOCK), RIGHT_TIME)?;
        for number in 0..WORKERS {
            let clock = sandbox.path().join(CLOCK).to_string_lossy().into_owned();
            let argv = [program.to_string_lossy().into_owned(), "86400".to_owned()];
            let spec = ProcessSpec::new(&format!("worker-{number}"), "worker", argv)
                .env("FAKETIME_TIMESTAMP_FILE", clock)
                .restart(Restart::Always);
            lab.run(spec, patience)?;
        }
        Ok(Self { lab, redis, proxy, workers, client: None, sandbox })
    }

    /// Carries out one random plan, ends its program at a random moment, takes
    /// back what it left, and sees that everything is healthy.
    ///
    /// # Errors
    /// What is not.
    pub fn attempt(&mut self, random: &mut fastrand::Rng) -> Result<Attempt> {
        self.client = Some(self.named_client()?);
        let (plan, kinds) = self.plan(random);
        let file = self.sandbox.file("plan.toml", &plan)?;
        // Each plan has its own journal, in which its faults are counted.
        let name = format!("journal-{}.ndjson", random.u64(..));
        let journal = self.sandbox.path().join(name);
        let (file, journal) = (file.to_string_lossy(), journal.to_string_lossy());
        let role = format!("worker=name:{}", self.workers);
        let broker = self.lab.process("rabbitmq").and_then(|state| state.pid);
        let broker = format!("rabbitmq=pid:{}", broker.context("RabbitMQ does not run")?);
        let words = [
            "run",
            &file,
            "--journal",
            &journal,
            "--supervised",
            "--role",
            &role,
            "--role",
            &broker,
        ];
        let mut run = Run::start(&mut self.sandbox.command(Program::Chaos, &words)?)?;
        let ending = end(&mut run, random)?;
        let ended = run.end()?;
        let by_itself = ending == OWN_END;
        ensure!(
            !by_itself || matches!(ended.code, Some(0 | 3)),
            "it ended with {:?}: {}\n{plan}",
            ended.code,
            ended.stderr
        );
        let words = ["recover", "--json", "--journal", &journal];
        let recovery = Run::start(&mut self.sandbox.command(Program::Chaos, &words)?)?.end()?;
        ensure!(
            recovery.code == Some(0),
            "recover ended with {:?}: {}{}\nafter {ending} of\n{plan}\n{}",
            recovery.code,
            recovery.stdout,
            recovery.stderr,
            ended.stderr
        );
        let begun = Instant::now();
        wait::until("a healthy lab", HEALTHY_WITHIN, || self.ills().is_empty().then_some(()))
            .map_err(|error| {
                let ills = self.ills().join("; ");
                error.context(format!("{ills}, after {ending} of\n{plan}\n{}", ended.stderr))
            })?;
        let healthy_in = begun.elapsed();
        let recovered = recovery.stdout.matches("\"kind\"").count();
        let record = std::fs::read_to_string(&*journal).unwrap_or_default();
        let landed = record.matches("\"state\":\"injected\"").count();
        Ok(Attempt { kinds, ending, landed, recovered, healthy_in })
    }

    /// Between one and four faults at random times.
    fn plan(&self, random: &mut fastrand::Rng) -> (String, Vec<&'static str>) {
        let mut text = String::from(
            "name = \"random\"\ntitle = \"a random plan\"\n[system]\nreference = \"publisher\"\n\
             [[phase]]\nname = \"all\"\nfor = \"8s\"\n",
        );
        let mut kinds = Vec::new();
        for number in 0..random.usize(1..=4) {
            let (kind, settings) = self.fault(random);
            let at = random.u32(0..1_500);
            text.push_str(&format!(
                "[[fault]]\nname = \"fault-{number}\"\nphase = \"all\"\nat = \"{at}ms\"\n\
                 heal_within = \"60s\"\n{kind} = {{ {settings} }}\n"
            ));
            kinds.push(kind);
        }
        (text, kinds)
    }

    fn fault(&self, random: &mut fastrand::Rng) -> (&'static str, String) {
        let lasts = format!("for = \"{}ms\"", random.u32(100..4_000));
        let here = self.sandbox.path().display();
        let redis = format!("url = \"{}\"", self.redis.url);
        let worker = ["pick = \"one\"", "pick = \"50%\"", "pick = \"all\"", "pick = \"oldest\""];
        let worker = format!("role = \"worker\", {}", worker[random.usize(0..worker.len())]);
        let toxics = [
            "type = \"latency\", attributes = { latency = 300 }",
            "type = \"timeout\", attributes = { timeout = 0 }",
            "type = \"bandwidth\", attributes = { rate = 1 }",
            "type = \"partition\"",
            "type = \"reset_peer\", attributes = { timeout = 0 }",
        ];
        match random.usize(0..24) {
            0..=3 => ("pause_process", format!("{worker}, {lasts}")),
            4..=5 => ("kill_process", worker),
            6 => ("terminate_process", worker),
            7..=8 => ("redis_pause", format!("{redis}, {lasts}")),
            9 => ("redis_kill_clients", format!("{redis}, matching = \"victim\"")),
            10..=13 => {
                let toxic = toxics[random.usize(0..toxics.len())];
                let admin = &self.proxy.admin;
                ("toxic", format!("admin = \"{admin}\", proxy = \"redis\", {toxic}, {lasts}"))
            }
            14..=15 => ("fill_disk", format!("folder = \"{here}\", size = \"1MiB\", {lasts}")),
            16..=17 => ("burn_cpu", format!("cores = 1, {lasts}")),
            18 => ("fill_memory", format!("size = \"16MiB\", {lasts}")),
            19..=20 => {
                let file = format!("file = \"{here}/{CLOCK}\"");
                ("clock_offset", format!("{file}, offset = \"+1h\", {lasts}"))
            }
            21..=22 => {
                let mark = format!("{here}/{MARK}");
                let (inject, confirm) = (format!("touch {mark}"), format!("test -f {mark}"));
                let undo = format!("rm -f {mark}");
                (
                    "run_command",
                    format!(
                        "inject = \"{inject}\", confirm = \"{confirm}\", undo = \"{undo}\", {lasts}"
                    ),
                )
            }
            _ => {
                let of = if random.bool() { "memory" } else { "disk" };
                ("rabbitmq_alarm", format!("role = \"rabbitmq\", of = \"{of}\", {lasts}"))
            }
        }
    }

    /// Everything that is not as it was.
    fn ills(&self) -> Vec<String> {
        let mut ills = Vec::new();
        let processes = self.lab.processes();
        for process in &processes {
            match process.pid {
                None => ills.push(format!("{} does not run", process.name)),
                Some(pid) if is_stopped(pid) => ills.push(format!("{} is stopped", process.name)),
                Some(_) => {}
            }
        }
        for (what, address) in [
            ("Redis", self.redis.url.as_str()),
            ("the proxy", self.proxy.url("redis", "redis://127.0.0.1:1")),
        ] {
            if let Err(error) = answers(address) {
                ills.push(format!("{what} does not answer: {error}"));
            }
        }
        for name in strangers() {
            ills.push(format!("{name} still runs"));
        }
        ills.extend(self.files());
        match self.toxics() {
            Ok(toxics) if toxics.is_empty() => {}
            Ok(toxics) => ills.push(format!("the proxy still has {toxics}")),
            Err(error) => ills.push(format!("the proxy: {error}")),
        }
        match self.alarms() {
            Ok(alarms) if alarms == "[]" => {}
            Ok(alarms) => ills.push(format!("RabbitMQ still has the alarms {alarms}")),
            Err(error) => ills.push(format!("RabbitMQ: {error}")),
        }
        ills
    }

    fn files(&self) -> Vec<String> {
        let mut ills = Vec::new();
        let entries = std::fs::read_dir(self.sandbox.path()).into_iter().flatten().flatten();
        let names: BTreeSet<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let left = |name: &&String| name.starts_with(".shakedown-fill") || name.as_str() == MARK;
        ills.extend(names.iter().filter(left).map(|name| format!("the file {name} is there")));
        let time = std::fs::read_to_string(self.sandbox.path().join(CLOCK)).unwrap_or_default();
        if time != RIGHT_TIME {
            ills.push(format!("the time file holds {time:?}"));
        }
        ills
    }

    fn toxics(&self) -> Result<String> {
        let address = self.proxy.admin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET /proxies/redis/toxics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
        let mut lines = BufReader::new(stream).lines();
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let body = lines.collect::<std::io::Result<String>>()?;
        Ok(if body.trim() == "[]" { String::new() } else { body })
    }

    fn alarms(&self) -> Result<String> {
        let pid = self.lab.process("rabbitmq").and_then(|state| state.pid);
        let pid = pid.context("it does not run")?;
        let words = ["eval", "rabbit_alarm:get_alarms()."];
        Ok(rabbitmqctl(pid, &words)?.trim().to_owned())
    }

    /// A connection that a fault may close.
    fn named_client(&self) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.redis.port()))?;
        stream.write_all(b"CLIENT SETNAME victim\r\n")?;
        Ok(stream)
    }
}

/// Ends a program at a random moment, in a random way.
fn end(run: &mut Run, random: &mut fastrand::Rng) -> Result<String> {
    let moment = Duration::from_millis(random.u64(0..4_000));
    let (word, signal) = match random.usize(0..10) {
        0..=6 => ("SIGKILL", Signal::KILL),
        7 => ("SIGINT", Signal::INT),
        8 => ("SIGTERM", Signal::TERM),
        _ => return Ok(OWN_END.to_owned()),
    };
    while run.age() < moment && run.is_running()? {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    if !run.is_running()? {
        return Ok(OWN_END.to_owned());
    }
    run.signal(signal)?;
    Ok(format!("{word} at {:.2} s", moment.as_secs_f64()))
}

fn is_stopped(pid: u32) -> bool {
    process::stat(pid).is_some_and(|stat| stat.is_stopped())
}

/// Processes of ours that take resources or watch, whoever started them.
fn strangers() -> Vec<String> {
    let names = process::all().unwrap_or_default().into_iter().filter_map(|stat| {
        let pid = stat.pid;
        let first = process::command_line(pid).into_iter().next()?.into_string().ok()?;
        let ours = matches!(first.as_str(), "chaos-burner" | "chaos-watchdog");
        (ours && stat.is_alive()).then(|| format!("{first} ({pid})"))
    });
    names.collect()
}

/// Whether a Redis server answers a command that reads and one that writes.
fn answers(url: &str) -> Result<()> {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"PING\r\nPUBLISH shakedown:probe x\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    for expected in ["+PONG", ":0"] {
        match lines.next() {
            Some(Ok(line)) if line == expected => {}
            Some(Ok(line)) => bail!("it says {line}"),
            Some(Err(error)) => return Err(error.into()),
            None => bail!("it closes the connection"),
        }
    }
    Ok(())
}
