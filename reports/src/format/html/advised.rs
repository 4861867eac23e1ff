//! What to do about the system's size: given, not given or unknown, with the figures.

use std::fmt::Result;

use pages::putln;

use crate::record::{AdviceRecord, AdviceState, ConditionRecord, Record};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.advised.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"advised\">\n<h2 id=\"advised\">Advice</h2>\n\
         <ol class=\"steps\">\n",
    );
    record.advised.iter().try_for_each(|advice| one(out, advice))?;
    out.push_str("</ol>\n</section>\n");
    Ok(())
}

fn one(out: &mut String, advice: &AdviceRecord) -> Result {
    let class = match advice.state {
        AdviceState::Given => "warn",
        AdviceState::NotGiven => "held",
        AdviceState::Unknown => "inconclusive",
    };
    putln!(
        out,
        "<li><p><b>{}</b> <span class=\"badge {}\">{}</span> {}</p>\n<ul>",
        advice.name,
        class,
        advice.state.words(),
        advice.say
    )?;
    for ConditionRecord { what, met, measured } in &advice.conditions {
        let met = match met {
            Some(true) => "met",
            Some(false) => "not met",
            None => "unknown",
        };
        putln!(out, "<li>{}: {} <small>({})</small></li>", what, met, measured)?;
    }
    out.push_str("</ul></li>\n");
    Ok(())
}
