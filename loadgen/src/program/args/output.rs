//! What is shown, kept and asked of a run.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{bail, ensure};
use loadgen::Threshold;

use crate::program::instances::clock::Reference;
use crate::program::output::destination::is_stdout;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Write the result: json=FILE, csv=FILE (a row a second), hlog=FILE, html=FILE; - is
    /// standard output; may be repeated
    #[arg(long, value_name = "KIND=FILE")]
    out: Vec<Out>,
    /// What the run must keep to, or exit code 1: 'p99<50ms', 'errors<0.1%', 'rate>=4.9k/s',
    /// over each stretch of it with 'p99<50ms each 10s'; may be repeated
    #[arg(long, value_name = "FIGURE<VALUE")]
    threshold: Vec<Threshold>,
    /// Exit with code 1 if any operation failed or is indeterminate
    #[arg(long)]
    fail_on_error: bool,
    /// Keep the fate of every operation in this file
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Keep the latencies of every second in this HDR interval log, as --out hlog=FILE does
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Serve the figures to Prometheus while the run goes on, at http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS:PORT")]
    prometheus: Option<std::net::SocketAddr>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Watch the run on the whole terminal: rates, latencies, outcomes, outages, thresholds; q
    /// ends it
    #[arg(long, conflicts_with = "quiet")]
    tui: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Out {
    kind: Kind,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Json,
    Csv,
    Hlog,
    Html,
}

impl FromStr for Out {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || format!("{text:?} is no output; write json=, csv=, hlog= or html=FILE");
        let (kind, path) = text.split_once('=').ok_or_else(help)?;
        let kind = match kind {
            "json" => Kind::Json,
            "csv" => Kind::Csv,
            "hlog" => Kind::Hlog,
            "html" => Kind::Html,
            _ => return Err(help()),
        };
        if path.is_empty() {
            return Err(help());
        }
        Ok(Self { kind, path: path.into() })
    }
}

/// What is shown, kept and asked of a run.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Print the result as JSON.
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// Show the progress on the whole terminal.
    pub(crate) tui: bool,
    pub(crate) ledger: Option<PathBuf>,
    pub(crate) hlogs: Vec<PathBuf>,
    pub(crate) jsons: Vec<PathBuf>,
    pub(crate) csvs: Vec<PathBuf>,
    pub(crate) htmls: Vec<PathBuf>,
    pub(crate) thresholds: Vec<Threshold>,
    /// An operation that was not acked is a failure of the run.
    pub(crate) fails_on_error: bool,
    pub(crate) prometheus: Option<std::net::SocketAddr>,
    /// What this machine's clock is compared with before the start.
    pub(crate) clock_from: Option<Reference>,
}

impl Output {
    /// Adds results, each in a place of its own.
    ///
    /// # Errors
    /// When two would be in the same place.
    pub(crate) fn with(mut self, outs: Vec<Out>) -> anyhow::Result<Self> {
        for Out { kind, path } in outs {
            match kind {
                Kind::Json => self.jsons.push(path),
                Kind::Csv => self.csvs.push(path),
                Kind::Hlog => self.hlogs.push(path),
                Kind::Html => self.htmls.push(path),
            }
        }
        self.check()?;
        Ok(self)
    }

    /// The paths of all files.
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let Self { ledger, hlogs, jsons, csvs, htmls, .. } = self;
        ledger.iter().chain(hlogs).chain(jsons).chain(csvs).chain(htmls)
    }

    /// Whether results are written anywhere.
    pub(crate) fn writes(&self) -> bool {
        self.paths().next().is_some()
    }

    /// Whether a file goes to standard output, which is not for people then.
    pub(crate) fn has_stdout(&self) -> bool {
        self.paths().any(|path| is_stdout(path))
    }

    /// Refuses two results in the same place.
    fn check(&self) -> anyhow::Result<()> {
        let mut seen = HashSet::new();
        let twice = self.paths().find(|path| !seen.insert(*path));
        match twice {
            Some(path) if !is_stdout(path) => {
                bail!(
                    "{} would be written twice; give each result a path of its own",
                    path.display()
                )
            }
            None if !(self.json && self.has_stdout()) => Ok(()),
            _ => bail!("only one of --json, --out, --hlog and --ledger can have standard output"),
        }
    }
}

impl OutputArgs {
    pub(super) fn read(self) -> anyhow::Result<Output> {
        ensure!(
            !(self.tui && self.json && std::io::stdout().is_terminal()),
            "--tui and --json both want the terminal; send the JSON elsewhere with > FILE, or \
             write it with --out json=FILE"
        );
        let output = Output {
            json: self.json,
            quiet: self.quiet,
            tui: self.tui,
            ledger: self.ledger,
            hlogs: self.hlog.into_iter().collect(),
            thresholds: self.threshold,
            fails_on_error: self.fail_on_error,
            prometheus: self.prometheus,
            ..Output::default()
        };
        output.with(self.out)
    }
}
