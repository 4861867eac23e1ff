//! `loadgen export`: what offers a load elsewhere.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::{Parser as _, Subcommand};
use jiff::Timestamp;
use loadgen::{Instance, Pace};
use scenarios::redact::{MASK, redact};
use scenarios::units::Span;

use super::args::{Args, Asked, Load};
use super::instances;
use job::Plan;

mod job;
mod name;
mod words;
mod yaml;

/// Time for everything that is not the load itself: writing files, and being stopped.
const MARGIN: Duration = Duration::from_secs(300);

/// Prints what offers the load elsewhere
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A Kubernetes Indexed Job whose pods share the load
    Job(JobArgs),
}

/// A Kubernetes Indexed Job whose pods share the load
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  loadgen export job --instances 8 --image registry.example.com/loadgen:0.1.0 --volume results \\
      --secret mq -- amqp 'amqp://load:$(MQ_PASSWORD)@mq:5672/%2f' --queue events -r 40k/s -z 5m \\
      > job.yaml && kubectl apply -f job.yaml

Each pod is one instance, and all begin at one time, that of --start-in or --start-at: apply the
manifest before. A pod that is not ready by then offers nothing and is missing in the report,
rather than late in the load. No pod is retried. Without a volume, results go where a command
takes them: --store-command 'aws s3 cp --recursive . s3://bucket/$LOADGEN_RUN/'.

A password in the arguments is refused. With --secret NAME each key of that Secret is an environment
variable, and $(KEY) in the arguments is replaced by it, by Kubernetes. Other dollars stay as they
are.")]
pub(super) struct JobArgs {
    /// How many pods share the load
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    instances: u32,
    /// The image with loadgen in it, which is found on its PATH
    #[arg(long)]
    image: String,
    /// When all begin, from now: time to apply this, to get nodes and to pull images
    #[arg(long, default_value = "5m", value_name = "TIME", conflicts_with = "start_at")]
    start_in: Span,
    /// When all begin: 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    start_at: Option<Timestamp>,
    /// The name of the Job [default: that of the run]
    #[arg(long, value_parser = name::of_job)]
    name: Option<String>,
    /// The namespace [default: kubectl's]
    #[arg(long, value_parser = name::label)]
    namespace: Option<String>,
    /// Results go to this PersistentVolumeClaim, which all pods can write (ReadWriteMany); a second
    /// Job merges them
    #[arg(
        long,
        value_name = "CLAIM",
        value_parser = name::subdomain,
        required_unless_present = "store_command"
    )]
    volume: Option<String>,
    /// Results go where this command takes them, which a shell runs in each pod in the folder
    /// that holds them; it has LOADGEN_RUN and JOB_COMPLETION_INDEX
    #[arg(long, value_name = "COMMAND", conflicts_with = "volume")]
    store_command: Option<String>,
    /// The image that has this command and a shell [default: that of --image]
    #[arg(long, value_name = "IMAGE", requires = "store_command")]
    store_image: Option<String>,
    /// Each key of this Secret is an environment variable, and $(KEY) in the arguments its value
    #[arg(long, value_name = "NAME", value_parser = name::subdomain)]
    secret: Option<String>,
    /// The files of this ConfigMap are in the folder where loadgen runs
    #[arg(long, value_name = "CONFIGMAP", value_parser = name::subdomain)]
    files: Option<String>,
    /// The pods' ServiceAccount, for an object store that goes by it
    #[arg(long, value_name = "NAME", value_parser = name::subdomain)]
    service_account: Option<String>,
    /// Processors of each pod
    #[arg(long, default_value = "1", value_parser = name::quantity)]
    cpu: String,
    /// Memory of each pod
    #[arg(long, default_value = "512Mi", value_parser = name::quantity)]
    memory: String,
    /// What to offer, as with `loadgen` itself
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Prints the manifest.
pub(crate) fn main(args: &ExportArgs) -> ExitCode {
    let What::Job(args) = &args.what;
    let printed = now().and_then(|now| manifest(args, now)).and_then(|(text, notes)| {
        for note in notes {
            eprintln!("loadgen: {note}");
        }
        std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::exit::usage(&error),
    }
}

#[expect(clippy::disallowed_methods, reason = "the program owns the wall clock")]
fn now() -> anyhow::Result<Timestamp> {
    Ok(Timestamp::try_from(SystemTime::now())?)
}

/// The manifest, and what is worth knowing of it.
fn manifest(args: &JobArgs, now: Timestamp) -> anyhow::Result<(String, Vec<String>)> {
    ensure!(
        !args.image.is_empty() && !args.image.contains(char::is_whitespace),
        "--image {:?} is no image",
        args.image
    );
    without_passwords(args)?;
    let start = match args.start_at {
        // Whole seconds are enough, and easier to read.
        None => Timestamp::from_second(now.checked_add(args.start_in.0)?.as_second())?,
        Some(start) => start,
    };
    ensure!(start > now, "{start} has passed; give a time to start that is still to come");
    let load = load(&args.command, start)?;
    let length = match &load.job.pace {
        Pace::Open(schedule) => schedule.last_due(),
        Pace::Closed(closed) => closed.duration,
    };
    let ahead = Duration::try_from(start.duration_since(now))?;
    let rest = load.job.grace + load.job.timeout + MARGIN;
    let deadline = length.map(|length| (ahead + length + rest).as_secs());
    let name =
        args.name.clone().unwrap_or_else(|| load.job.run.to_lowercase().replace(['_', '.'], "-"));
    let name = name::of_job(&name).map_err(|error| anyhow!("{error}; give a --name"))?;
    let plan = Plan {
        name,
        run: load.job.run.clone(),
        start,
        deadline,
        words: words::escaped(&args.command, args.secret.is_some()),
        args,
    };
    Ok((plan.text(), notes(args, &load)))
}

/// The load that is asked for, if instances can share it.
fn load(command: &[String], start: Timestamp) -> anyhow::Result<Load> {
    let words = ["loadgen"].into_iter().chain(command.iter().map(String::as_str));
    let Asked::Load(mut load) = Args::try_parse_from(words)?.read()? else {
        bail!("give one of http, amqp, redis, kafka and command behind --");
    };
    let output = &load.output;
    ensure!(
        load.job.instance == Instance::ONLY && load.start_at.is_none() && load.results.is_none(),
        "the Job says which instance a pod is, when it starts and where its results are; leave \
         --instance, --instances, --start-at and --results out"
    );
    ensure!(
        !output.writes() && !output.tui,
        "each pod keeps its results for loadgen merge, which writes files; leave --out, --ledger, \
         --hlog and --tui out"
    );
    ensure!(
        !command.iter().any(|word| word == "-" || word.ends_with("@-")),
        "a pod has no standard input; put it into a file"
    );
    load.start_at = Some(start.into());
    instances::can_be_merged(&load)?;
    Ok(*load)
}

/// Refuses passwords, which everybody could read who may read Jobs.
fn without_passwords(args: &JobArgs) -> anyhow::Result<()> {
    let is_from_secret = args.secret.is_some();
    let store = args.store_command.iter().cloned();
    let hidden: Vec<String> = args
        .command
        .iter()
        .map(|word| words::without_marks(&words::with_references(word, is_from_secret, MASK), MASK))
        .chain(store)
        .collect();
    let text = shell_words::join(&hidden);
    if redact(&text) == text {
        return Ok(());
    }
    bail!(
        "there is a password in the arguments, which everybody could read who may read the Job: \
         {}\nMake a Secret of it (kubectl create secret generic NAME --from-literal=PASSWORD=…), \
         and write $(PASSWORD) in its place, with --secret NAME; in an address it is \
         percent-encoded in the Secret",
        redact(&text)
    )
}

/// What is worth knowing before the manifest is applied.
fn notes(args: &JobArgs, load: &Load) -> Vec<String> {
    let mut notes = load.title.notes.clone();
    let named = args.command.iter().filter_map(|word| words::file_in(word));
    let named: Vec<_> = named.collect();
    if !named.is_empty() {
        let files: Vec<_> = named.iter().map(|file| format!("--from-file={file}")).collect();
        let is_flat = named.iter().all(|file| !file.contains('/'));
        notes.push(match &args.files {
            None => format!(
                "{} must be in the image: or make a ConfigMap (kubectl create configmap NAME {}) and \
                 add --files NAME",
                named.join(" and "),
                files.join(" ")
            ),
            Some(_) if !is_flat => "files of a ConfigMap have no folders: name them without".to_owned(),
            Some(name) => format!("first: kubectl create configmap {name} {}", files.join(" ")),
        });
    }
    if matches!(load.job.pace, Pace::Closed(_)) {
        notes.push("in a closed loop each pod has all of --concurrency to itself".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
