//! `loadgen find-max`: the highest rate that a target sustains.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Parser as _;
use loadgen::LoadError;
use loadgen::search::{Found, Next, Search};
use scenarios::redact::Secrets;
use scenarios::units::{Rate, Share, Span, Unit};

use super::Offered;
use super::args::{Args, Asked, Load};

/// The part of the rate asked for that must be accepted.
const SUSTAINED: f64 = 0.99;

/// Searches for the highest rate that keeps to the thresholds
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  loadgen find-max --from 100 --to 50k --step 10s -- \\
      http http://127.0.0.1:8080/ -c 64 --threshold 'p99<50ms' --threshold 'errors<0.1%'

A rate is sustained when 99 % of it is accepted, nothing is dropped, and every threshold holds.
Exit codes: 0 a rate was found, 1 not even the lowest is sustained, 2 usage, 3 the generator could
not keep up, 130 interrupted.")]
pub(crate) struct FindMaxArgs {
    /// The lowest rate
    #[arg(long, default_value = "100", value_parser = loadgen::profile::rate)]
    from: Rate,
    /// The highest rate
    #[arg(long, default_value = "1000k", value_parser = loadgen::profile::rate)]
    to: Rate,
    /// How long each rate is tried
    #[arg(long, default_value = "10s")]
    step: Span,
    /// How closely the rate is found
    #[arg(long, default_value = "5%")]
    precision: Share,
    /// How often the rate found is tried again
    #[arg(long, default_value_t = 3)]
    confirm: u32,
    /// What to load, as with `loadgen` itself, without a rate and a duration
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How a rate went.
enum Went {
    Sustained,
    Not(String),
    /// It says nothing about the target.
    Lost,
    Interrupted,
}

/// Searches, and prints what was found.
pub(crate) fn main(args: &FindMaxArgs) -> ExitCode {
    match run(args) {
        Ok(code) => code,
        Err(error) if error.is::<LoadError>() => super::exit::failure(&error, &Secrets::default()),
        Err(error) => super::exit::usage(&error),
    }
}

fn run(args: &FindMaxArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.from.0 > 0.0 && args.from.0 <= args.to.0, "--from must be above 0 and below --to");
    ensure!(
        !args.command.iter().any(|word| word == "--tui"),
        "find-max shows a line for each rate; leave --tui out"
    );
    ensure!(
        !args.command.iter().any(|word| word == "-" || word.ends_with("@-")),
        "find-max reads its command for each rate anew; put the standard input into a file"
    );
    let written = |word: &&String| {
        ["--out", "--ledger", "--hlog"].contains(&word.split('=').next().unwrap_or_default())
    };
    if let Some(word) = args.command.iter().find(written) {
        bail!("find-max writes no files; leave {word} out");
    }
    let mut search = Search::new(args.from.0, args.to.0, args.precision.0, args.confirm);
    loop {
        let (rate, what) = match search.next() {
            Next::Try(rate) => (rate, "try"),
            Next::Confirm(rate) => (rate, "confirm"),
            Next::Done(found) => return answer(found),
        };
        let shown = Unit::PerSecond.show(rate.round());
        let went = attempt(args, rate)?;
        let said = match &went {
            Went::Sustained => "sustained".to_owned(),
            Went::Not(why) => why.clone(),
            Went::Lost => "the generator or its machine could not keep up".to_owned(),
            Went::Interrupted => "interrupted".to_owned(),
        };
        // Whoever closed the other end does not want to know.
        let _ = writeln!(std::io::stderr(), "{what:>7} {shown}: {said}");
        match went {
            Went::Sustained => search.took(true),
            Went::Not(_) => search.took(false),
            Went::Lost => {
                print(&format!("the generator is the limit at {shown}; give it more --workers\n"))?;
                return Ok(ExitCode::from(3));
            }
            Went::Interrupted => return Ok(ExitCode::from(130)),
        }
    }
}

fn answer(found: Found) -> anyhow::Result<ExitCode> {
    let (said, code) = match found {
        Found::Nothing => ("not even the lowest rate is sustained\n".to_owned(), 1),
        Found::Sustained { rate, bounded } => {
            let rate = Unit::PerSecond.show(rate.round());
            let end = if bounded { "" } else { ", the highest that was allowed" };
            (format!("sustained {rate}{end}\n"), 0)
        }
    };
    print(&said)?;
    Ok(ExitCode::from(code))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

fn attempt(args: &FindMaxArgs, rate: f64) -> anyhow::Result<Went> {
    let (rate, step) = (format!("{rate:.3}/s"), args.step.to_string());
    let words = ["loadgen"].into_iter().chain(args.command.iter().map(String::as_str));
    let words = words.chain(["--rate", &rate, "--duration", &step, "--quiet"]);
    let Asked::Load(load) = Args::try_parse_from(words)?.read()? else {
        bail!("give one of http, amqp, redis and command behind --");
    };
    let Load { job, title, output, .. } = *load;
    let offered = super::offer(job, &title, None, &output, Vec::new())?;
    Ok(judge(&offered))
}

fn judge(offered: &Offered) -> Went {
    let report = &offered.report;
    let (asked, accepted) = (report.rate_asked(), report.rate_acked());
    if offered.interrupted {
        Went::Interrupted
    } else if !offered.kept_up() || !report.limits.is_empty() {
        Went::Lost
    } else if let Some(broken) = offered.kept.iter().find(|kept| !kept.held) {
        Went::Not(format!("{} is broken: {}", broken.threshold, broken.found))
    } else if report.totals.dropped > 0 {
        Went::Not(format!("{} operations were dropped", report.totals.dropped))
    } else if accepted < SUSTAINED * asked {
        Went::Not(format!("only {} accepted", Unit::PerSecond.show(accepted.round())))
    } else {
        Went::Sustained
    }
}
