//! What was acked against what was done: a matrix for each check that joined them.

use std::fmt::Result;

use pages::document::section;
use pages::matrix::Matrix;

use crate::record::{Joined, Record};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.effects.is_empty() {
        return Ok(());
    }
    section(out, "effects", "Ledger: outcomes and effects")?;
    out.push_str("<div class=\"matrices\">\n");
    for effects in &record.effects {
        matrix(&effects.joined).write(out, &effects.check, &effects.source)?;
    }
    out.push_str("</div>\n</section>\n");
    Ok(())
}

fn matrix(joined: &Joined) -> Matrix {
    Matrix {
        ok: joined.ok,
        lost: joined.lost,
        dead_lettered: joined.dead_lettered,
        duplicated: joined.duplicated,
        recovered: joined.recovered,
        unresolved: joined.unresolved,
        refused: joined.refused,
        resurrected: joined.resurrected,
        unexpected: joined.unexpected,
    }
}
