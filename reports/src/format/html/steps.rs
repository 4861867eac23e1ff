//! What to do with a new version at the end of each of its steps.

use std::fmt::Result;

use pages::putln;

use crate::format::text::moment;
use crate::record::{Record, StepAdvice, StepRecord};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.steps.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"steps\">\n<h2 id=\"steps\">Steps</h2>\n\
         <ol class=\"steps\">\n",
    );
    record.steps.iter().try_for_each(|step| one(out, step))?;
    out.push_str("</ol>\n</section>\n");
    Ok(())
}

fn one(out: &mut String, step: &StepRecord) -> Result {
    let class = match step.advice {
        StepAdvice::Promote => "held",
        StepAdvice::Hold => "inconclusive",
        StepAdvice::RollBack => "violated",
    };
    putln!(
        out,
        "<li><p><b>{}</b> <span class=\"badge {}\">{}</span> <small>at {} · {}</small></p>\n\
         <p>{}</p></li>",
        step.phase,
        class,
        step.advice.words(),
        moment(step.to),
        step.scores(),
        step.why
    )
}
