//! `verify calibrate`: how often the canary checks are wrong.

use crate::calibration::{self, Window};
use crate::cli::Calibrate;
use crate::exit::{self, Failure};

/// Prints a line for each kind of synthetic runs as soon as it is known.
///
/// # Errors
/// When a case is named that there is not.
pub fn execute(asked: &Calibrate) -> Result<u8, Failure> {
    let cases = calibration::cases();
    let is_asked = |name: &str| asked.case.is_empty() || asked.case.iter().any(|one| one == name);
    if let Some(unknown) = asked.case.iter().find(|one| cases.iter().all(|case| case.name != **one))
    {
        let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
        let why = format!("there is no case {unknown:?}; there are {}", names.join(", "));
        return Err(Failure::usage(why));
    }
    let window = Window { rate: asked.rate.0, step: asked.step, look: asked.look.max(1) };
    let lead = format!(
        "{} runs a case of {} s at {}, steps of 5 %, 10 % and 50 %, a look every {} s, seed {}\n\n\
         | the new version | runs | violated | held | inconclusive | mean | Mann-Whitney | after |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
        asked.runs,
        3 * asked.step,
        asked.rate,
        window.look,
        asked.seed
    );
    super::print(lead.as_bytes())?;
    for case in cases.iter().filter(|case| is_asked(case.name)) {
        let counts = calibration::count(case, window, asked.runs, asked.seed);
        let share = |of: u64| format!("{:.1} %", of as f64 / counts.runs.max(1) as f64 * 100.0);
        let open = counts.runs - counts.violated - counts.held;
        let after = match counts.violated {
            0 => "-".to_owned(),
            violated => format!("{:.0} s", counts.seconds as f64 / violated as f64),
        };
        let name = match case.is_sound {
            true => format!("the same: {}", case.name),
            false => case.name.to_owned(),
        };
        let line = format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {after} |\n",
            counts.runs,
            share(counts.violated),
            share(counts.held),
            share(open),
            share(counts.mean),
            share(counts.mann_whitney)
        );
        super::print(line.as_bytes())?;
    }
    Ok(exit::HELD)
}
