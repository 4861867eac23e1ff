//! The fault that shifts traffic between two versions.

use clap::Args;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::ShiftTraffic;
use scenarios::units::{Share, Span};

use super::Choice;
use super::faults::{Asked, Far, literal};

#[derive(Debug, Args)]
pub(crate) struct Shift {
    /// Where the balancer tells (GET) and takes (PUT) the new version's share, in percent
    #[arg(long, value_name = "URL", env = "SHAKEDOWN_WEIGHT")]
    url: String,
    /// The new version's share of the requests: 5%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    to: Share,
    /// For how long; a watchdog sets it back then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

impl Shift {
    pub(super) fn asked(&self) -> Asked<'_> {
        let (url, to, lasts) = (literal(&self.url), self.to, self.lasts);
        let shift = ShiftTraffic { url, to, until: None, lasts };
        self.far.asked(FaultKind::ShiftTraffic(shift), &self.choice)
    }
}

fn share(text: &str) -> Result<Share, String> {
    let share: Share = text.parse().map_err(|error| format!("{error}"))?;
    match (0.0..=1.0).contains(&share.0) {
        true => Ok(share),
        false => Err("a share lies between 0% and 100%".to_owned()),
    }
}
