//! The command line of `verify`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use chaos::role::{Played, Start};
use clap::{Args, Parser, Subcommand};
use loadgen::Worse;
use scenarios::units::{Rate, Share, Span};

use crate::live;
use crate::report::wanted::Wanted;
use crate::runs::moment::Age;

/// Loads a message-driven system, breaks it on purpose, and proves whether it
/// kept its promises.
#[derive(Debug, Parser)]
#[command(
    name = "verify",
    version,
    max_term_width = 100,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  verify --scenario channel-leak --provision
      run the shipped scenario against the correct reference system in a lab of
      its own; install RabbitMQ first if it is missing
  verify --scenario channel-leak --variant slow-leak
      the same against a planted bug
  verify --scenario channel-leak --target service=http://127.0.0.1:8080 \\
         --target rabbitmq=amqp://user:password@127.0.0.1:5672/%2f \\
         --target management=http://user:password@127.0.0.1:15672
      run it against your own service and broker
      (add --allow HOST for each host that is not this machine)
  verify --scenario channel-leak --skip response-time --skip-fault close-one-connection
      leave out a check and a fault; the headline says so
  verify --scenario ./orders.toml --role worker=name:'^python3 worker' --dry-run
      show which of your own processes each fault would hit
  verify recheck runs/channel-leak-…
      judge a run again, without running anything
  verify operation latest 7f3a0c12/publish/412
      tell the whole life of one operation
  verify compare runs/channel-leak-… runs/channel-leak-… --out compared
      judge a run against an earlier one of the same scenario
  verify compare latest --last 10 --fail-if 'p99 worse by 10%'
      judge a run against the median of those before it
  verify list-runs
      list the runs that there are; verify prune removes old ones

Exit codes: 0 held, 1 violated, 2 usage, 3 inconclusive, 4 environment,
130 interrupted."
)]
pub struct Cli {
    /// What to do, if not to run a scenario.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The scenario to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How a scenario is run.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A shipped scenario (see `verify list`), or a file such as ./mine.toml
    #[arg(long, value_name = "NAME|FILE", required = true, env = "SHAKEDOWN_SCENARIO")]
    pub scenario: Option<String>,
    /// The variant of the reference system in the lab: correct, or a planted bug
    #[arg(long, value_name = "NAME", default_value = "correct")]
    pub variant: String,
    /// An address of your own system; may be given several times [env: SHAKEDOWN_TARGETS, several
    /// with spaces between them]
    #[arg(long = "target", value_name = "KEY=URL")]
    pub targets: Vec<String>,
    /// A TOML file of addresses: service = "http://…"
    #[arg(long = "targets", value_name = "FILE", id = "targets_file")]
    pub targets_file: Option<PathBuf>,
    /// The processes of a role of your own system: worker=pid-file:FILE, worker=name:EXPRESSION (the
    /// name, or a regular expression on the command line), worker=unit:NAME (systemd),
    /// worker=pid:PID, or pods, worker=k8s:NAMESPACE/LABELS; may be repeated, also for one role
    #[arg(long = "role", value_name = "ROLE=PROCESSES")]
    pub roles: Vec<Played>,
    /// The command that starts a process of a role again that a fault has ended, where no
    /// supervisor does: worker='python3 worker.py'; may be repeated
    #[arg(long = "role-start", value_name = "ROLE=COMMAND")]
    pub starts: Vec<Start>,
    /// Permits load and faults on a host that is not this machine, or what looks like production;
    /// may be repeated
    #[arg(long = "allow", value_name = "HOST|PID", env = "SHAKEDOWN_ALLOW", value_delimiter = ' ')]
    pub allow: Vec<String>,
    /// Gives a parameter of the scenario another value (see `verify show NAME`)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Leaves out a check of the scenario; may be repeated
    #[arg(long = "skip", value_name = "CHECK")]
    pub skip: Vec<String>,
    /// Leaves out a fault of the scenario; may be repeated
    #[arg(long = "skip-fault", value_name = "FAULT")]
    pub skip_faults: Vec<String>,
    /// Where every random choice comes from [default: chosen anew, and reported]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// The length of the main load phase: 30s, 10m, 8h
    #[arg(long, value_name = "TIME")]
    pub duration: Option<String>,
    /// Ends the run as soon as a check is certainly violated: what was broken is taken back, the
    /// stable version has all of the traffic again, and the scenario's on_abort is run
    #[arg(long)]
    pub abort_on_fail: bool,
    /// Rolls a deployment back when a check of its roll_back_if is violated, and goes on; without
    /// it the run only says that it would
    #[arg(long)]
    pub act: bool,
    /// The folder that gets the run's folder
    #[arg(long, value_name = "DIR", default_value = "runs", env = "SHAKEDOWN_OUT")]
    pub out: PathBuf,
    /// Writes a report to this file as well, whatever the run comes to, a run that could not
    /// begin included: junit=results.xml, or openmetrics=FILE.prom for the textfile collector of
    /// Prometheus; html, markdown, junit, json, csv, openmetrics or terminal; may be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = Wanted::from_str)]
    pub reports: Vec<Wanted>,
    /// Serves Prometheus metrics of the run while it goes on: 127.0.0.1:9400, or a port
    #[arg(long, value_name = "ADDRESS", value_parser = live::address)]
    pub metrics: Option<SocketAddr>,
    /// Installs missing brokers with the system's package manager
    #[arg(long)]
    pub provision: bool,
    /// Keeps the lab's data folder
    #[arg(long)]
    pub keep: bool,
    /// Shows when which fault and step would happen, whom they would hit or ask now, and what is
    /// left out; runs nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints nothing but the report
    #[arg(long, short)]
    pub quiet: bool,
    /// Prints the record of the run as JSON in place of the report
    #[arg(long)]
    pub json: bool,
}

/// What there is beside running a scenario.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the shipped scenarios and their variants
    List,
    /// Shows what a scenario does: its phases, load, faults, checks and parameters
    Show {
        /// A shipped scenario or a file
        scenario: String,
        /// Prints the scenario file itself
        #[arg(long)]
        source: bool,
        /// Prints a file that a shipped scenario names, such as a JSON Schema
        #[arg(long, value_name = "FILE", conflicts_with = "source")]
        file: Option<String>,
    },
    /// Checks a scenario file without running it
    Lint {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Judges a run again from its folder
    Recheck {
        /// The run's folder, or `latest`
        run: PathBuf,
        /// Prints the record as JSON in place of the report
        #[arg(long)]
        json: bool,
    },
    /// Tells the whole life of one operation: when it was due, sent and answered, what came of
    /// it, what was broken meanwhile, and what the judge makes of it
    Operation {
        /// The run's folder, or `latest`
        run: PathBuf,
        /// The operation: RUN/WORKLOAD/NUMBER, as evidence has it, or WORKLOAD/NUMBER
        id: String,
        /// Prints it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Judges a run against an earlier one of the same scenario, or against those before it
    Compare(Compare),
    /// Lists the runs that there are, the latest first, with what each came to
    ListRuns {
        /// The folder of the runs
        #[arg(long, value_name = "DIR", default_value = "runs", env = "SHAKEDOWN_OUT")]
        dir: PathBuf,
        /// Only runs of this scenario
        #[arg(long, value_name = "NAME")]
        scenario: Option<String>,
        /// Prints a JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Removes runs, but for the newest of each scenario and as many violated ones
    Prune(Prune),
    /// Draws a run again from its verdict.json
    Render {
        /// The run's folder, or `latest`
        run: PathBuf,
        /// The format
        #[arg(long, value_name = "FORMAT", default_value = "terminal")]
        format: String,
        /// The file to write, in place of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Prints things for other tools
    #[command(subcommand)]
    Export(Export),
    /// Judges synthetic runs to show how often the canary checks are wrong
    Calibrate(Calibrate),
    /// Installs what the lab needs, with the system's package manager
    Provision,
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Two runs, and how much worse the later one may be.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  verify compare runs/shop-… latest --fail-if 'p99 worse by 10%'
  verify compare latest --last 10 --fail-if 'p99 worse by 10%' --fail-if 'checks worse'

Figures of --fail-if: p50, p99 and any other percentile of the response time,
typical, errors (by points of all operations) and checks, of all workloads or, as
in publish.p99, of one; with --last p50, p95, p99, mean, max, rate, errors, checks.

Exit codes: 0 not worse, 1 worse, 2 usage, 3 nobody can tell, 4 environment.")]
pub struct Compare {
    /// The folder of the earlier run; with --last that of the run that is judged; or `latest`
    #[arg(value_name = "BASELINE")]
    pub baseline: PathBuf,
    /// The folder of the later run, or `latest`
    #[arg(conflicts_with = "last")]
    pub run: Option<PathBuf>,
    /// Compares with the median of so many runs of its scenario before it, among which it lies
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["out", "phases", "quantiles"])]
    pub last: Option<usize>,
    /// Fails only if a figure is worse by more than this, such as 'p99 worse by 10%'; may be
    /// repeated
    #[arg(long = "fail-if", value_name = "CONDITION")]
    pub fail_if: Vec<Worse>,
    /// With --last: how many standard deviations from the median are noise
    #[arg(long, value_name = "NUMBER", default_value_t = 3.0, requires = "last")]
    pub noise: f64,
    /// How many points more of the operations may be unsuccessful
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    pub more: Share,
    /// How much longer response times may be …
    #[arg(long, value_name = "SHARE", default_value = "10%")]
    pub higher: Share,
    /// … and by how much at most …
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub higher_by: Span,
    /// … though by so much in any case
    #[arg(long, value_name = "TIME", default_value = "1ms")]
    pub floor: Span,
    /// A quantile of the response time that is compared; may be repeated
    #[arg(long = "quantile", value_name = "SHARE", default_values = ["95%", "99%"])]
    pub quantiles: Vec<Share>,
    /// A phase that is compared, in place of those that the checks judge; may be repeated
    #[arg(long = "phase", value_name = "NAME")]
    pub phases: Vec<String>,
    /// A workload that is compared, in place of all; may be repeated
    #[arg(long = "workload", value_name = "NAME")]
    pub workloads: Vec<String>,
    /// The confidence with which all figures together are right
    #[arg(long, value_name = "SHARE", default_value = "99%")]
    pub confidence: Share,
    /// A folder that gets verdict.json, report.html, summary.md, junit.xml and the evidence
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Prints the record as JSON in place of the report
    #[arg(long)]
    pub json: bool,
}

/// Which runs are removed.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Never removed: a run that goes on, a folder with a file named keep, a folder that
was renamed, and whatever is not the folder of a run.

Example:
  verify prune --keep 20 --older-than 30d --dry-run")]
pub struct Prune {
    /// How many of the newest runs of each scenario stay, and how many violated ones beside them
    #[arg(long, value_name = "COUNT")]
    pub keep: usize,
    /// Removes only runs that are older than this: 12h, 30d, 26w
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<Age>,
    /// Only runs of this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// The folder of the runs
    #[arg(long, value_name = "DIR", default_value = "runs", env = "SHAKEDOWN_OUT")]
    pub dir: PathBuf,
    /// Says what would be removed, and removes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Prints what was done as JSON
    #[arg(long)]
    pub json: bool,
}

/// How synthetic runs are made.
#[derive(Debug, Clone, Args)]
pub struct Calibrate {
    /// How many runs of each kind
    #[arg(long, default_value_t = 1_000)]
    pub runs: u64,
    /// Makes other runs
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Requests a second, both versions together
    #[arg(long, default_value = "500/s")]
    pub rate: Rate,
    /// Seconds of each of the three steps
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    pub step: u32,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub look: u32,
    /// Only this kind (repeatable)
    #[arg(long, value_name = "NAME")]
    pub case: Vec<String>,
}

/// What can be exported.
#[derive(Debug, Clone, Subcommand)]
pub enum Export {
    /// The bounds of a scenario as alert rules for Prometheus, in YAML
    Alerts {
        /// The scenario
        #[command(flatten)]
        of: Exported,
        /// How long a bound must be broken before it alerts, unless the check
        /// itself waits for longer
        #[arg(long = "for", value_name = "TIME", default_value = "1m")]
        lasting: Span,
        /// The file to write, in place of standard output; FILE.yml gets its unit tests beside
        /// it, FILE.test.yml, for promtool test rules
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// The bounds of a scenario as a dashboard for Grafana, in JSON
    Dashboard {
        /// The scenario
        #[command(flatten)]
        of: Exported,
    },
    /// The JSON Schema of scenario files
    Schema,
}

/// The scenario of which something is exported.
#[derive(Debug, Clone, Args)]
pub struct Exported {
    /// A shipped scenario or a file
    pub scenario: String,
    /// Gives a parameter of the scenario another value (see `verify show NAME`)
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}
