//! The command line.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use loadgen::{Amqp, Command, Http, Job, Schedule, Transport};
use scenarios::plan::workload::Statuses;
use scenarios::units::{Rate, Span};

const EXAMPLES: &str = "Examples:
  loadgen http http://127.0.0.1:8080/publish --rate 500/s --duration 30s \\
      --method POST --header 'content-type: application/json' --body '{\"id\":\"@{id}\"}'
  loadgen amqp amqp://guest:guest@127.0.0.1:5672/%2f --queue events -r 2k/s -z 1m
  loadgen command --rate 5/s --duration 1m -- ./publish.sh @{id}

@{id}, @{seq}, @{run} and @{time} (Unix milliseconds) differ for each operation.
Exit codes: 0 offered, 2 usage, 4 the target cannot be reached at all, 130 interrupted.";

/// Offers load at a fixed rate, whatever the target does, and accounts for
/// every operation.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send HTTP/1.1 requests
    Http(HttpArgs),
    /// Publish AMQP 0-9-1 messages with confirms
    Amqp(AmqpArgs),
    /// Run a program for each operation
    Command(CommandArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct HttpArgs {
    /// Where the requests go: http://HOST:PORT/PATH
    #[arg(env = "LOADGEN_HTTP_URL")]
    url: String,
    /// The request method [default: GET, or POST with a body]
    #[arg(long)]
    method: Option<String>,
    /// A header, as 'name: value'; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The body
    #[arg(long, default_value = "")]
    body: String,
    /// Statuses that mean accepted
    #[arg(long, default_value = "200-299")]
    accepted: Statuses,
    /// Statuses that mean definitely not done [default: 400-499 without 408, 425 and the accepted]
    #[arg(long)]
    refused: Option<Statuses>,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct AmqpArgs {
    /// The broker: amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(env = "LOADGEN_AMQP_URL", hide_env_values = true)]
    url: String,
    /// The queue, through the default exchange
    #[arg(long, conflicts_with_all = ["exchange", "routing_key"], required_unless_present_any = ["exchange", "routing_key"])]
    queue: Option<String>,
    /// The exchange
    #[arg(long, default_value = "")]
    exchange: String,
    /// The routing key
    #[arg(long, default_value = "")]
    routing_key: String,
    /// The message
    #[arg(long, default_value = "@{id}")]
    body: String,
    /// Unconfirmed messages a connection
    #[arg(long, default_value_t = 200)]
    confirm_window: u32,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct CommandArgs {
    /// The program's standard input
    #[arg(long, default_value = "")]
    body: String,
    /// Exit codes that mean definitely not done
    #[arg(long, value_delimiter = ',', value_name = "CODE,...")]
    refused: Vec<i32>,
    #[command(flatten)]
    load: LoadArgs,
    /// The program and its arguments; the identity is in SHAKEDOWN_ID
    #[arg(last = true, required = true, value_name = "CMD")]
    words: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    /// Operations due per second
    #[arg(long, short, default_value = "100/s")]
    rate: Rate,
    /// How long operations come due
    #[arg(long, short = 'z', default_value = "10s")]
    duration: Span,
    /// Connections held open
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// When an operation without an answer counts as indeterminate
    #[arg(long, default_value = "10s")]
    timeout: Span,
    /// How long late operations may still be started at the end
    #[arg(long, default_value = "10s")]
    grace: Span,
    /// Threads
    #[arg(long, default_value_t = 1)]
    workers: u32,
    /// The first part of each identity [default: made from the time]
    #[arg(long)]
    run: Option<String>,
    /// Keep the fate of every operation in this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Keep the latencies of every second in this HDR interval log
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
}

/// What the arguments ask for.
pub(crate) enum Asked {
    Load(Box<Load>),
    Completions(Shell),
}

/// A load to be offered.
pub(crate) struct Load {
    pub(crate) job: Job,
    pub(crate) title: Title,
    pub(crate) output: Output,
}

/// What the summary says about the load.
pub(crate) struct Title {
    /// The target, without a password.
    pub(crate) target: String,
    /// Operations per second.
    pub(crate) rate: f64,
}

/// What is shown and kept.
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) ledger: Option<PathBuf>,
    pub(crate) hlog: Option<PathBuf>,
}

impl Args {
    /// Turns the arguments into a job.
    ///
    /// # Errors
    /// When they do not make sense together.
    pub(crate) fn read(self) -> anyhow::Result<Asked> {
        match self.what {
            What::Completions { shell } => Ok(Asked::Completions(shell)),
            What::Http(args) => {
                let target = format!("http {}", args.url);
                let (load, http) = args.split()?;
                load.read("http", target, Transport::Http(http))
            }
            What::Amqp(args) => {
                let (load, amqp) = args.split();
                let queue = [amqp.exchange.as_str(), amqp.routing_key.as_str()].join(" ");
                let target = format!("amqp {}", queue.trim());
                load.read("amqp", target, Transport::Amqp(amqp))
            }
            What::Command(args) => {
                let run = shell_words::join(&args.words);
                let target = format!("command {run}");
                let command = Command { run, refused: args.refused, body: args.body };
                args.load.read("command", target, Transport::Command(command))
            }
        }
    }
}

impl HttpArgs {
    fn split(self) -> anyhow::Result<(LoadArgs, Http)> {
        let mut headers = BTreeMap::new();
        for header in &self.headers {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("{header:?} is not a header; write 'name: value'"))?;
            headers.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        let usual = if self.body.is_empty() { "GET" } else { "POST" };
        let refused = match self.refused {
            Some(refused) => refused,
            // 408 and 425 do not say whether the request was carried out.
            None => "400-407,409-424,426-499".parse::<Statuses>()?.without(&self.accepted),
        };
        if let Some(status) = self.accepted.overlap(&refused) {
            bail!("status {status} is both accepted and refused; take it out of one of them");
        }
        let http = Http {
            url: self.url,
            method: self.method.unwrap_or_else(|| usual.to_owned()),
            headers,
            body: self.body,
            accepted: self.accepted,
            refused,
        };
        Ok((self.load, http))
    }
}

impl AmqpArgs {
    fn split(self) -> (LoadArgs, Amqp) {
        let amqp = Amqp {
            url: self.url,
            exchange: self.exchange,
            routing_key: self.queue.unwrap_or(self.routing_key),
            body: self.body,
            confirm_window: self.confirm_window,
        };
        (self.load, amqp)
    }
}

impl LoadArgs {
    fn read(self, workload: &str, target: String, transport: Transport) -> anyhow::Result<Asked> {
        let schedule = Schedule::constant(self.rate, self.duration.0)?;
        if schedule.total() == 0 {
            bail!(
                "nothing comes due at {} in {}; raise --rate or --duration",
                self.rate,
                self.duration
            );
        }
        let job = Job {
            run: self.run.unwrap_or_else(run_name),
            workload: workload.to_owned(),
            schedule,
            transport,
            connections: self.connections,
            timeout: self.timeout.0,
            workers: self.workers,
            grace: self.grace.0,
        };
        let title = Title { target, rate: self.rate.0 };
        let Self { json, quiet, ledger, hlog, .. } = self;
        let output = Output { json, quiet, ledger, hlog };
        Ok(Asked::Load(Box::new(Load { job, title, output })))
    }
}

/// A name that no other run has: the time in milliseconds and the process.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn run_name() -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("load-{:x}-{:x}", since.as_millis(), std::process::id())
}

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "loadgen", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_request_is_read() {
        let args = Args::parse_from([
            "loadgen",
            "http",
            "http://h/",
            "-r",
            "5k/s",
            "-z",
            "2s",
            "--header",
            "a: b:c",
            "--body",
            "x",
            "--accepted",
            "200,404",
        ]);
        let Ok(Asked::Load(load)) = args.read() else { panic!("it is a load") };
        assert_eq!(load.job.schedule.total(), 10_000);
        let Transport::Http(http) = load.job.transport else { panic!("it is HTTP") };
        assert_eq!((http.method.as_str(), http.headers["a"].as_str()), ("POST", "b:c"));
        assert!(http.refused.contains(400) && !http.refused.contains(404));
        assert!(!http.refused.contains(408));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            &["http", "http://h/", "--header", "x"][..],
            &["http", "http://h/", "--accepted", "200", "--refused", "200"],
            &["http", "http://h/", "--rate", "0/s"],
        ] {
            let args = Args::parse_from([&["loadgen"], bad].concat());
            assert!(args.read().is_err(), "{bad:?}");
        }
    }
}
