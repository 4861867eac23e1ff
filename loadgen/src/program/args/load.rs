//! What every transport's command has in common: pace, shape, connections,
//! accounts.

use std::time::SystemTime;

use anyhow::Context as _;
use jiff::Timestamp;
use loadgen::payload::Payload;
use loadgen::{Data, Job, Late, Pace, Transport};
use scenarios::plan::data::Order;
use scenarios::units::Span;

use super::content::DataArgs;
use super::instance::InstanceArgs;
use super::output::{Output, OutputArgs};
use super::pace::PaceArgs;
use super::shape::ShapeArgs;
use super::{Asked, Load, Title};

#[derive(Debug, clap::Args)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Connections held open [default: 16, or as many as --concurrency where one carries one
    /// operation at a time; 1, or as many as --concurrency needs, where it carries many]
    #[arg(long, short = 'c')]
    connections: Option<u32>,
    /// When an operation without an answer counts as indeterminate
    #[arg(long, default_value = "10s")]
    timeout: Span,
    /// How long late operations may still be started at the end
    #[arg(long, default_value = "10s")]
    grace: Span,
    /// What happens to operations that cannot be started within 10 ms of their time
    #[arg(long, value_enum, default_value_t)]
    late: LateArg,
    /// Leave the beginning out of latencies and rates
    #[arg(long, default_value = "0s", alias = "warm-up")]
    warmup: Span,
    /// Threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// The first part of each identity [default: made from the time]
    #[arg(long, env = "LOADGEN_RUN")]
    run: Option<String>,
    /// When to start: 2026-01-31T12:00:00Z; a time that has passed is refused [default: at once]
    #[arg(long, value_name = "TIME", env = "LOADGEN_START_AT")]
    start_at: Option<Timestamp>,
    #[command(flatten)]
    instance: InstanceArgs,
    /// Permits a host that the target leads on to and that is neither this machine nor one of the
    /// address: a node of a Redis Cluster, an advertised Kafka broker; may be repeated
    #[arg(long = "allow", value_name = "HOST", env = "SHAKEDOWN_ALLOW", value_delimiter = ' ')]
    allow: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum LateArg {
    /// They wait, and are counted as late
    #[default]
    Queue,
    /// They are dropped, and counted as that
    Drop,
}

/// What a transport's connections carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// One operation at a time.
    One,
    /// Many at once.
    Many,
    /// At most so many at once.
    Streams(u32),
}

impl LoadArgs {
    /// Whether bodies have a size of their own.
    pub(super) fn is_sized(&self) -> bool {
        self.shape.is_sized()
    }

    /// Whether some operations are sent twice.
    pub(super) fn has_twins(&self) -> bool {
        self.shape.has_twins()
    }

    /// The load of a transport that is shown as `target`.
    pub(super) fn read(
        self,
        workload: &str,
        target: String,
        carries: Carries,
        transport: Transport,
    ) -> anyhow::Result<Asked> {
        hosts::permissions(&self.allow)?;
        let concurrency = self.pace.concurrency.filter(|_| self.pace.is_closed());
        let concurrency = concurrency.map(u32::try_from).transpose().context("--concurrency")?;
        let connections = match (self.connections, carries) {
            (Some(connections), _) => connections,
            (None, Carries::Many) => 1,
            (None, Carries::One) => concurrency.unwrap_or(16),
            (None, Carries::Streams(most)) => concurrency.unwrap_or(1).div_ceil(most.max(1)),
        };
        let seed = self.shape.seed;
        let data = self.data.read()?;
        let mut asked = self.pace.read(seed)?;
        if let (Some(data), Pace::Closed(closed)) = (&data, &mut asked.pace)
            && data.order() == Order::Once
        {
            // The loop ends with the rows.
            closed.count = closed.count.or(Some(data.rows()));
        }
        let notes = notes(&transport, data.as_deref());
        let instance = self.instance.which(self.run.as_deref())?;
        let run = self.run.unwrap_or_else(run_name);
        let job = Job {
            shape: self.shape.read(data)?,
            connections,
            timeout: self.timeout.0,
            workers: self.workers,
            max_in_flight: asked.max_in_flight,
            late: match self.late {
                LateArg::Queue => Late::Queue,
                LateArg::Drop => Late::Drop,
            },
            warm_up: self.warmup.0,
            instance,
            grace: self.grace.0,
            allowed: self.allow,
            ..Job::new(&run, workload, asked.pace, transport)
        };
        let start_at = self.start_at.map(SystemTime::from);
        let secrets = job.transport.secrets();
        let title = Title { target: secrets.hide(&target), rate: asked.rate, secrets, notes };
        let InstanceArgs { results, clock_from, .. } = self.instance;
        let output = Output { clock_from, ..self.output.read()? };
        Ok(Asked::Load(Box::new(Load { job, title, output, start_at, results })))
    }
}

/// What is probably not meant as it was asked for.
fn notes(transport: &Transport, data: Option<&Data>) -> Vec<String> {
    let mut notes = Vec::new();
    for name in data.into_iter().flat_map(Data::columns) {
        let mark = format!("@{{{name}}}");
        if Payload::new(&mark).is_ok() && transport.texts().any(|text| text.contains(&mark)) {
            let is_column = format!("write @{{data:{name}}} for the column of that name");
            notes.push(format!("{mark} is what every load has, not of the data file; {is_column}"));
        }
    }
    if transport.is_nameless() {
        notes.push(
            "the body is sent as it is and nothing beside it says @{id}, so no message tells \
             which operation it is; add a header or the like, if that is looked for"
                .to_owned(),
        );
    }
    notes
}

/// A name that no other run has: the time in milliseconds and the process.
#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn run_name() -> String {
    let now = SystemTime::now();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("load-{:x}-{:x}", since.as_millis(), std::process::id())
}
