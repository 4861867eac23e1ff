//! The command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use loadgen::Job;
use scenarios::redact::Secrets;

use super::compare::CompareArgs;
use super::export::ExportArgs;
use super::find_max::FindMaxArgs;
use super::merge::MergeArgs;

use amqp::AmqpArgs;
use command::CommandArgs;
use http::HttpArgs;
use kafka::KafkaArgs;
pub(crate) use output::{Out, Output};
use redis::RedisArgs;

mod amqp;
mod command;
mod connection;
mod content;
mod form;
mod http;
mod instance;
mod kafka;
mod load;
mod output;
mod pace;
mod redis;
mod shape;
mod tls;

const EXAMPLES: &str = "Examples:
  loadgen http http://127.0.0.1:8080/publish --rate 500/s --duration 30s \\
      --method POST --header 'content-type: application/json' --body '{\"id\":\"@{id}\"}'
  loadgen amqp amqp://guest:guest@127.0.0.1:5672/%2f --queue events -r 2k/s -z 1m
  loadgen redis redis://127.0.0.1:6379 --stream events --stages 1k:30s,5k:2m --size 100-4k
  loadgen kafka 127.0.0.1:9092 --topic events --rate 10k/s --record-key @{key}
  loadgen http http://127.0.0.1:8080/ --concurrency 64 -z 10s --threshold 'p99<50ms'
  loadgen http https://127.0.0.1:8443/ --http2 --streams 100 -r 5k/s -z 1m --cacert ca.pem
  loadgen http http://127.0.0.1:8080/users/@{user} --data users.csv --body @order.json -r 500/s
  loadgen command --rate 5/s --duration 1m -- ./publish.sh @{id}

Texts may hold @{id}, @{seq}, @{run}, @{time} (Unix milliseconds), @{key}, @{int:A-B}, @{rand:N}
(hexadecimal digits), @{pad} (up to --size) and the columns of --data, which differ for each
operation. @{data:NAME} is a column whose name is another mark's, too.
Exit codes: 0 offered and every threshold kept, 1 a threshold broken, or an operation not acked
with --fail-on-error, 2 usage, 3 with thresholds:
the generator or its machine could not keep up, 4 the target cannot be reached at all, 130 interrupted.";

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
    /// Send HTTP/1.1 or HTTP/2 requests
    Http(HttpArgs),
    /// Publish AMQP 0-9-1 messages with confirms
    Amqp(AmqpArgs),
    /// Add to Redis streams or lists, or publish to a channel
    Redis(RedisArgs),
    /// Write Kafka records
    Kafka(KafkaArgs),
    /// Run a program for each operation
    Command(CommandArgs),
    /// Search for the highest rate that a target sustains
    FindMax(FindMaxArgs),
    /// Put the results of several instances together
    Merge(MergeArgs),
    /// Print what offers the load elsewhere: a Kubernetes Job of many machines
    Export(ExportArgs),
    /// Say by how much one run was slower than another
    Compare(CompareArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write manual pages, one for each command: loadgen.1, loadgen-http.1, …
    Man {
        /// The folder, which is made where it is missing, such as ~/.local/share/man/man1
        dir: PathBuf,
    },
}

/// What the arguments ask for.
pub(crate) enum Asked {
    Load(Box<Load>),
    FindMax(FindMaxArgs),
    Merge(MergeArgs),
    Export(Box<ExportArgs>),
    Compare(CompareArgs),
    Completions(Shell),
    Man(PathBuf),
}

impl Asked {
    /// The same load, with something worth knowing.
    fn with_note(mut self, note: Option<String>) -> Self {
        if let Self::Load(load) = &mut self {
            load.title.notes.extend(note);
        }
        self
    }

    /// The same load, with consumers that read it meanwhile.
    fn with_consumers(mut self, consumers: u32) -> Self {
        if let Self::Load(load) = &mut self {
            load.job.consumers = consumers;
        }
        self
    }
}

/// A load to be offered.
pub(crate) struct Load {
    pub(crate) job: Job,
    pub(crate) title: Title,
    pub(crate) output: Output,
    /// When to start; `None` is at once.
    pub(crate) start_at: Option<SystemTime>,
    /// Where the folder of this instance is made.
    pub(crate) results: Option<PathBuf>,
}

/// What the summary says about the load.
pub(crate) struct Title {
    /// The target, without its secrets.
    pub(crate) target: String,
    /// What may not be shown of whatever the target says.
    pub(crate) secrets: Secrets,
    /// Operations per second that were asked for in the mean; `None` in a
    /// closed loop.
    pub(crate) rate: Option<f64>,
    /// What is worth knowing before it starts, such as what is probably not meant as
    /// it was asked for.
    pub(crate) notes: Vec<String>,
}

impl Args {
    /// Turns the arguments into a job.
    ///
    /// # Errors
    /// When they do not make sense together.
    pub(crate) fn read(self) -> anyhow::Result<Asked> {
        match self.what {
            What::Completions { shell } => Ok(Asked::Completions(shell)),
            What::Man { dir } => Ok(Asked::Man(dir)),
            What::FindMax(args) => Ok(Asked::FindMax(args)),
            What::Merge(args) => Ok(Asked::Merge(args)),
            What::Export(args) => Ok(Asked::Export(Box::new(args))),
            What::Compare(args) => Ok(Asked::Compare(args)),
            What::Http(args) => args.read(),
            What::Amqp(args) => args.read(),
            What::Redis(args) => args.read(),
            What::Kafka(args) => args.read(),
            What::Command(args) => args.read(),
        }
    }
}

/// Reads `name=value` texts.
fn pairs(texts: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    texts
        .iter()
        .map(|text| {
            let (name, value) = text
                .split_once('=')
                .with_context(|| format!("{text:?} has no value; write name=value"))?;
            Ok((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Prints a shell's completions.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "loadgen", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => super::exit::environment(),
    }
}

/// Writes a manual page for each command.
pub(crate) fn man(dir: &Path) -> ExitCode {
    let made = std::fs::create_dir_all(dir);
    match made.and_then(|()| clap_mangen::generate_to(Args::command(), dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loadgen: cannot write pages into {}: {error}", dir.display());
            super::exit::environment()
        }
    }
}

#[cfg(test)]
mod tests {
    use loadgen::Transport;

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
        assert_eq!(load.job.pace.total(), Some(10_000));
        let Transport::Http(http) = load.job.transport else { panic!("it is HTTP") };
        assert_eq!((http.method.as_str(), http.headers[0].1.as_str()), ("POST", "b:c"));
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
