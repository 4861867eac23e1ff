//! The ledger: the fate of every operation, against what consumers saw of it.

use std::fmt::Result;

use loadgen::{Fate, Ledger, Received};
use pages::matrix::{Matrix, proves};
use pages::table::table;
use pages::words::count;
use pages::{document, putln};
use scenarios::units::Unit;

use super::Offered;

pub(super) fn write(out: &mut String, offered: &Offered) -> Result {
    let ledger = &offered.report.ledger;
    document::section(out, "ledger", "Ledger: outcomes and effects")?;
    match &offered.report.received {
        Some(received) => {
            out.push_str("<div class=\"matrices\">\n");
            let name = ledger.workload();
            matrix(ledger, received).write(out, name, "what consumers read back")?;
            out.push_str("</div>\n");
        }
        None => outcomes(out, ledger)?,
    }
    putln!(out, "</section>")
}

/// Where nothing is read back, there are outcomes alone.
fn outcomes(out: &mut String, ledger: &Ledger) -> Result {
    let due = ledger.due();
    let row = |name: &str, fate| {
        let number = ledger.count(fate);
        let share = Unit::Share.show(number as f64 / due.max(1) as f64);
        vec![name.to_owned(), count(number), share]
    };
    let rows = [
        row("acked", Fate::Acked),
        row("failed", Fate::Failed),
        row("indeterminate", Fate::Indeterminate),
        row("never attempted", Fate::Dropped),
    ];
    table(out, "Outcomes", &["Outcome", "Operations", "Share"], &rows)?;
    let of = |fate| ledger.count(fate);
    let attempted = due.saturating_sub(of(Fate::Dropped));
    proves(
        out,
        &[
            ("failed", of(Fate::Failed), attempted),
            ("indeterminate", of(Fate::Indeterminate), attempted),
        ],
    )?;
    putln!(
        out,
        "<p class=\"soft\">What became of acked operations was not read back, so nothing is said of \
         lost or duplicated ones; --consumers does so with a broker, and verify with any system.</p>"
    )
}

/// Outcomes against what was seen.
fn matrix(ledger: &Ledger, received: &Received) -> Matrix {
    let (seen, twice) = (&received.seen, &received.twice);
    let once = seen - twice;
    let both = |fate| {
        let all = ledger.of(fate);
        ((all - seen).len(), (all & &once).len())
    };
    let (lost, ok) = both(Fate::Acked);
    let (unresolved, recovered) = both(Fate::Indeterminate);
    let (refused, resurrected) = both(Fate::Failed);
    let never = (seen & ledger.of(Fate::Dropped)).len();
    let duplicated = (twice - ledger.of(Fate::Dropped)).len();
    Matrix {
        ok,
        lost,
        dead_lettered: 0,
        duplicated,
        recovered,
        unresolved,
        refused,
        resurrected,
        unexpected: never,
    }
}

#[cfg(test)]
mod tests {
    use loadgen::latency;
    use roaring::RoaringTreemap;

    use super::*;

    #[test]
    fn every_operation_has_one_cell() {
        let mut ledger = Ledger::new("r", "w");
        ledger.add_due(8);
        let fates = [Fate::Acked, Fate::Acked, Fate::Acked, Fate::Failed, Fate::Failed];
        let fates = fates.into_iter().chain([Fate::Indeterminate, Fate::Indeterminate]);
        for (seq, fate) in fates.chain([Fate::Dropped]).enumerate() {
            ledger.record(seq as u64, fate);
        }
        let received = Received {
            messages: 6,
            bytes: 0,
            redelivered: 0,
            repeated: 1,
            foreign: 0,
            seen: RoaringTreemap::from_iter([0, 1, 4, 6, 7]),
            twice: RoaringTreemap::from_iter([1]),
            latency: latency::histogram(),
            errors: Vec::new(),
        };
        let matrix = matrix(&ledger, &received);
        let told = Matrix {
            ok: 1,
            lost: 1,
            dead_lettered: 0,
            duplicated: 1,
            recovered: 1,
            unresolved: 1,
            refused: 1,
            resurrected: 1,
            unexpected: 1,
        };
        assert_eq!(matrix, told);
    }
}
