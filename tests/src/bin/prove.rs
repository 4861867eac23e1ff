//! `prove`: the proofs that take longer than a test may.
//!
//! `matrix` runs every variant of every shipped scenario, `repeats` a correct
//! system many times over, also on a busy machine, `strangers` services that are no
//! reference systems, `kills` ends runs with SIGKILL at random moments,
//! `plans` ends random plans of faults at random.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use reports::Record;
use reports::record::Verdict;
use scenarios::plan::Expected;
use tests::busy::Busy;
use tests::kill::{self, Moment};
use tests::machine::Machine;
use tests::matrix::{self, Case};
use tests::plans::Ground;
use tests::program::Profile;
use tests::sandbox::Sandbox;
use tests::stranger::{Kind, Stranger};

/// Proves the tools on their own reference systems, with the release build.
#[derive(Debug, Parser)]
#[command(name = "prove")]
struct Cli {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Runs every variant: each must get its verdict, from the checks that
    /// should catch it
    Matrix {
        /// Runs the variants of this scenario only
        #[arg(long, value_name = "NAME")]
        scenario: Option<String>,
        /// Runs this variant only; may be given several times
        #[arg(long, value_name = "VARIANT")]
        only: Vec<String>,
        /// Runs each so often
        #[arg(long, default_value_t = 1)]
        repeat: u32,
    },
    /// Runs the sound variants again and again: each run must be held
    Repeats {
        /// Runs that of this scenario only
        #[arg(long, value_name = "NAME")]
        scenario: Option<String>,
        /// How often
        #[arg(long, default_value_t = 20)]
        runs: u32,
        /// Beside so many programs that keep processors busy; then a run may be
        /// inconclusive, too, but never violated
        #[arg(long, default_value_t = 0)]
        busy: u32,
    },
    /// Runs services that are no reference systems: the correct ones must be
    /// held, and each planted bug violated
    Strangers {
        /// Runs this one only
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
        /// How often each correct one
        #[arg(long, default_value_t = 10)]
        runs: u32,
    },
    /// Kills runs with SIGKILL at random moments: nothing may stay behind
    Kills {
        /// The scenario that is run
        #[arg(long, value_name = "NAME", default_value = "channel-leak")]
        scenario: String,
        /// How often
        #[arg(long, default_value_t = 10)]
        times: u32,
        /// Where the moments come from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// The last moment, in seconds after the start
        #[arg(long, default_value_t = 70.0)]
        until: f64,
    },
    /// Carries out random plans of faults and ends their program at random:
    /// after `chaos recover` the lab is healthy
    Plans {
        /// How often
        #[arg(long, default_value_t = 200)]
        times: u32,
        /// Where the plans come from
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let _machine = Machine::acquire()?;
    let misses = match cli.proof {
        Proof::Matrix { scenario, only, repeat } => {
            let is_wanted = |case: &Case| only.is_empty() || only.contains(&case.variant);
            run_matrix(scenario.as_deref(), is_wanted, repeat)?
        }
        Proof::Repeats { scenario, runs, busy: 0 } => {
            run_matrix(scenario.as_deref(), is_sound, runs)?
        }
        Proof::Repeats { scenario, runs, busy } => run_busy(scenario.as_deref(), runs, busy)?,
        Proof::Strangers { only, runs } => run_strangers(only.as_deref(), runs)?,
        Proof::Kills { scenario, times, seed, until } => run_kills(&scenario, times, seed, until)?,
        Proof::Plans { times, seed } => run_plans(times, seed)?,
    };
    println!("{}", if misses == 0 { "proven".to_owned() } else { format!("{misses} misses") });
    Ok(if misses == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether nothing is wrong with a variant: it is correct, or only looks as if it were not.
fn is_sound(case: &Case) -> bool {
    case.expected.expect == Expected::Held && case.expected.caught_by.is_empty()
}

/// Runs the cases and prints a row for each; gives the number of misses.
fn run_matrix(
    scenario: Option<&str>,
    is_wanted: impl Fn(&Case) -> bool,
    repeat: u32,
) -> Result<u32> {
    let mut cases = matrix::cases()?;
    cases.retain(|case| scenario.is_none_or(|name| case.scenario == name));
    cases.retain(is_wanted);
    ensure!(!cases.is_empty(), "no shipped scenario has such a variant; see `verify list`");
    println!("| scenario | variant | expected | got | caught by | seconds | |");
    println!("| --- | --- | --- | --- | --- | ---: | --- |");
    let mut misses = 0;
    for case in &cases {
        for _ in 0..repeat {
            misses += u32::from(!row(case));
        }
    }
    Ok(misses)
}

/// Runs a case and prints its row; tells whether it was as expected.
fn row(case: &Case) -> bool {
    let Case { scenario, variant, expected } = case;
    let wanted = format!("{:?}", expected.expect).to_lowercase();
    match case.attempt(Profile::Release, &[]) {
        Ok(tried) => {
            let slow = if tried.took > case.at_most() { " (slow)" } else { "" };
            println!(
                "| {scenario} | {variant} | {wanted} | {} | {} | {:.1}{slow} | {} |",
                tried.verdict.word(),
                tried.caught_by.join(", "),
                tried.took.as_secs_f64(),
                if tried.misses.is_empty() { "ok" } else { "MISS" },
            );
            tried.misses.iter().for_each(|miss| eprintln!("  {miss}"));
            tried.misses.is_empty()
        }
        Err(error) => {
            println!("| {scenario} | {variant} | {wanted} | – | | | MISS |");
            eprintln!("  {error:#}");
            false
        }
    }
}

/// Runs the sound variants on a busy machine, and prints a row for each; gives
/// the number of those that were violated.
fn run_busy(scenario: Option<&str>, runs: u32, busy: u32) -> Result<u32> {
    let mut cases = matrix::cases()?;
    cases.retain(is_sound);
    cases.retain(|case| scenario.is_none_or(|name| case.scenario == name));
    ensure!(!cases.is_empty(), "there is no such scenario; see `verify list`");
    let _busy = Busy::start(busy)?;
    println!("| scenario | got | why | |");
    println!("| --- | --- | --- | --- |");
    let mut misses = 0;
    for case in &cases {
        for _ in 0..runs {
            let Case { scenario, variant, .. } = case;
            let line = ["--scenario", scenario, "--variant", variant].map(str::to_owned);
            let judged = judged(&line, None)?;
            let is_right = judged.verdict != Verdict::Violated;
            misses += u32::from(!is_right);
            let word = judged.verdict.word();
            println!("| {scenario} | {word} | {} | {} |", judged.headline, right(is_right));
        }
    }
    Ok(misses)
}

/// Runs services that are no reference systems, and prints a row for each run;
/// gives the number of misses.
fn run_strangers(only: Option<&str>, runs: u32) -> Result<u32> {
    println!("| service | variant | got | why | |");
    println!("| --- | --- | --- | --- | --- |");
    let mut misses = 0;
    for kind in Kind::ALL.into_iter().filter(|kind| only.is_none_or(|name| name == kind.name())) {
        let correct = std::iter::repeat_n(("correct", &[][..]), usize::try_from(runs)?);
        for (variant, caught_by) in correct.chain(kind.bugs().iter().copied()) {
            let stranger = Stranger::start(kind, variant, Profile::Release)?;
            let judged = judged(&stranger.arguments(), stranger.stays())?;
            let violated = |check: &&str| {
                let mut findings = judged.findings.iter();
                findings.any(|f| f.check == **check && f.verdict == Verdict::Violated)
            };
            let is_right = match caught_by {
                [] => judged.verdict == Verdict::Held,
                checks => checks.iter().all(violated),
            };
            misses += u32::from(!is_right);
            let (name, word) = (kind.name(), judged.verdict.word());
            println!("| {name} | {variant} | {word} | {} | {} |", judged.headline, right(is_right));
        }
    }
    Ok(misses)
}

/// Runs `verify` to its end; gives the record. Nothing may be left of the run but
/// what it has started for its owner.
fn judged(arguments: &[String], stays: Option<&str>) -> Result<Record> {
    let sandbox = Sandbox::new(Profile::Release)?;
    let line: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = sandbox.verify(&line)?.end()?;
    match stays {
        Some(line) => sandbox.expect_only(line)?,
        None => sandbox.expect_nothing_left()?,
    };
    let said = || format!("exit code {:?}; it said:\n{}", ended.code, ended.stderr);
    sandbox.record().with_context(said)
}

fn right(is_right: bool) -> &'static str {
    if is_right { "ok" } else { "MISS" }
}

/// Kills runs and prints a row for each; gives the number of misses.
fn run_kills(scenario: &str, times: u32, seed: u64, until: f64) -> Result<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    println!("| killed after | cleared in | what is left of it | |");
    println!("| ---: | ---: | --- | --- |");
    let mut misses = 0;
    for _ in 0..times {
        let moment = Duration::try_from_secs_f64(random.f64() * until)?;
        match kill::kill(&Moment::After(moment), Profile::Release, &["--scenario", scenario]) {
            Ok(left) => println!(
                "| {:.2} s{} | {:.2} s | {} | ok |",
                left.age.as_secs_f64(),
                if left.was_over { " (was over)" } else { "" },
                left.cleared_in.as_secs_f64(),
                left.recheck.map_or("no plan yet", |verdict| verdict.word()),
            ),
            Err(error) => {
                misses += 1;
                println!("| {:.2} s | – | – | MISS |", moment.as_secs_f64());
                eprintln!("  {error:#}");
            }
        }
    }
    Ok(misses)
}

/// Carries out random plans and prints a row for each; gives the number of
/// misses.
fn run_plans(times: u32, seed: u64) -> Result<u32> {
    let mut ground = Ground::start(Profile::from_environment())?;
    println!("| plan | faults | ended by | landed | taken back | healthy in | |");
    println!("| ---: | --- | --- | ---: | ---: | ---: | --- |");
    let mut misses = 0;
    for number in 1..=times {
        // Each plan has a seed of its own, by which it can be tried again.
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) + u64::from(number));
        match ground.attempt(&mut random) {
            Ok(tried) => println!(
                "| {number} | {} | {} | {} | {} | {:.2} s | ok |",
                tried.kinds.join(", "),
                tried.ending,
                tried.landed,
                tried.recovered,
                tried.healthy_in.as_secs_f64(),
            ),
            Err(error) => {
                misses += 1;
                println!("| {number} | – | – | – | – | – | MISS |");
                eprintln!("  {error:#}");
            }
        }
    }
    Ok(misses)
}
