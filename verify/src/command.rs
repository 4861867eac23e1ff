//! What `verify` does for each command.

pub mod calibrate;
pub mod compare;
mod dry_run;
pub mod export;
pub mod lint;
pub mod list;
pub mod list_runs;
pub mod operation;
mod past;
pub mod provision;
pub mod prune;
pub mod recheck;
pub mod render;
pub mod run;
pub mod show;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;

use reports::Record;
use reports::format::{Format, Options, render as draw};
use scenarios::redact::Secrets;
use scenarios::{Mistake, Plan, Problems, Settings, suite};

use crate::exit::Failure;
use crate::files;
use crate::github;

/// The text of a scenario, and what messages call it.
struct Source {
    file: String,
    text: String,
    /// Its name, where it is a shipped one: its files are in the program.
    shipped: Option<&'static str>,
}

/// Finds a scenario: a shipped one by its name, or a file.
fn source(scenario: &str) -> Result<Source, Failure> {
    let is_file = scenario.contains(['/', '.']);
    if !is_file {
        let shipped = suite::find(scenario).map_err(Failure::usage)?;
        let file = format!("{}.toml", shipped.name);
        return Ok(Source { file, text: shipped.source.to_owned(), shipped: Some(shipped.name) });
    }
    let text = std::fs::read_to_string(scenario)
        .map_err(|error| Failure::usage(format!("cannot read the scenario {scenario}: {error}")))?;
    Ok(Source { file: scenario.to_owned(), text, shipped: None })
}

/// The values of `--set`.
fn pairs(set: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let pair = |pair: &String| {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--set {pair}: write NAME=VALUE, for example --set rate=100/s"))
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    set.iter().map(pair).collect()
}

/// Plans a scenario.
fn plan(source: &Source, settings: &Settings) -> Result<Plan, Failure> {
    let planned = scenarios::plan(&source.file, &source.text, settings);
    let mut plan = planned.map_err(|problems| rendered(&problems))?;
    let of_file = |mistakes| mistaken(source, settings, mistakes);
    if let Some(shipped) = source.shipped {
        let read = |file: &str| {
            suite::file(shipped, file).map(str::to_owned).ok_or("it is not shipped".to_owned())
        };
        plan.read_schemas(read).map_err(of_file)?;
    }
    let folder = Path::new(&source.file).parent().unwrap_or(Path::new(""));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    plan.anchor(&folder);
    if source.shipped.is_none() {
        let name = plan.name.clone();
        let read = plan.read_schemas(|file| files::schema(Path::new(file), &name));
        read.map_err(of_file)?;
    }
    Ok(plan)
}

/// Mistakes with the lines of the scenario that they are about.
fn mistaken(source: &Source, settings: &Settings, mistakes: Vec<Mistake>) -> Failure {
    rendered(&Problems::of(&source.file, &source.text, settings, mistakes))
}

/// Problems of a scenario, as standard error shows them.
fn rendered(problems: &Problems) -> Failure {
    let shown = problems.render(wants_color(&std::io::stderr()));
    Failure::rendered(shown.trim_end().to_owned())
}

/// Plans a scenario to show it, without the secrets that are written out in it.
fn shown(source: &Source, settings: &Settings) -> Result<Plan, Failure> {
    let plan = plan(source, settings)?;
    let masked = plan.without(&plan.secrets(&BTreeMap::new()));
    let mut masked = masked.ok_or_else(|| {
        Failure::usage("the scenario cannot be shown without its secrets; write ${target.KEY}")
    })?;
    for (key, target) in &mut masked.system.targets {
        // What an address looks like is no secret.
        let help = plan.system.targets.get(key).map(|target| &target.help);
        if let Some(help) = help.filter(|help| Secrets::of(help) == Secrets::default()) {
            target.help.clone_from(help);
        }
    }
    Ok(masked)
}

/// Whether a stream is a terminal that wants colours (<https://no-color.org>).
fn wants_color(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("CLICOLOR_FORCE") || (stream.is_terminal() && !set("NO_COLOR"))
}

/// Says what is wrong with the command line, or shows the help that it asks for, and ends.
pub fn refuse(error: &clap::Error) -> ! {
    if github::is_here() && error.use_stderr() {
        let _ =
            std::io::stderr().write_all(github::printable(&error.render().to_string()).as_bytes());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// Says what went wrong, on standard error.
pub fn complain(failure: &Failure) {
    let lead = match (failure.is_rendered, wants_color(&std::io::stderr())) {
        (true, _) => "",
        (false, true) => "\x1b[1;31merror:\x1b[0m ",
        (false, false) => "error: ",
    };
    let text = format!("{lead}{}\n", failure.message);
    // Nobody is left to be told when standard error cannot be written.
    let _ = std::io::stderr().write_all(github::printable(&text).as_bytes());
    github::failed(&failure.message);
}

/// Prints a text for people to standard output.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    write_out(github::printable(&String::from_utf8_lossy(bytes)).as_bytes())
}

/// Prints a text for programs, JSON or YAML, to standard output.
fn print_data(bytes: &[u8]) -> Result<(), Failure> {
    write_out(github::printable_json(&String::from_utf8_lossy(bytes)).as_bytes())
}

/// Writes to standard output; a reader that has gone away is no error.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Draws a record for standard output, and tells GitHub of it where that is what runs this.
fn show(record: &Record, json: bool) -> Result<(), Failure> {
    draw_out(record, if json { Format::Json } else { Format::Terminal })?;
    github::tell(record);
    Ok(())
}

/// Draws a record for standard output.
fn draw_out(record: &Record, format: Format) -> Result<(), Failure> {
    let bytes = draw(record, format, options());
    if format == Format::Json { print_data(&bytes) } else { print(&bytes) }
}

/// How reports on standard output are drawn.
fn options() -> Options {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let stdout = std::io::stdout();
    let width = columns
        .or_else(|| rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col))
        .filter(|&width| width >= 40);
    Options { color: wants_color(&stdout), width: width.unwrap_or(100).min(120) }
}

/// A file of a run's folder, read.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}
