//! Faults as rows of a list: of one that comes again and again its turns are one row, and
//! those that went wrong have their own below it.

use super::text::{count, moment};
use crate::record::FaultRecord;

/// A row of a list of faults.
pub(super) enum Row<'a> {
    /// A fault, or a turn of which there is something to say.
    One(&'a FaultRecord),
    /// All turns of a fault, in order of time.
    Turns(&'a str, Vec<&'a FaultRecord>),
}

/// The faults of a run as rows, each where its first turn stands.
pub(super) fn rows(faults: &[FaultRecord]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for fault in faults {
        let known = rows.iter_mut().find_map(|row| match row {
            Row::Turns(name, turns) if Some(*name) == fault.turn_of.as_deref() => Some(turns),
            _ => None,
        });
        match (known, &fault.turn_of) {
            (Some(turns), _) => turns.push(fault),
            (None, Some(name)) => rows.push(Row::Turns(name, vec![fault])),
            (None, None) => rows.push(Row::One(fault)),
        }
    }
    rows.into_iter().flat_map(split).collect()
}

/// The row, and those of the turns that went wrong.
fn split(row: Row<'_>) -> Vec<Row<'_>> {
    match row {
        Row::Turns(_, turns) if turns.len() == 1 => vec![Row::One(turns[0])],
        Row::Turns(name, turns) => {
            let wrong: Vec<_> = turns.iter().filter(|turn| !is_right(turn)).copied().collect();
            let wrong = wrong.into_iter().map(Row::One);
            std::iter::once(Row::Turns(name, turns)).chain(wrong).collect()
        }
        row @ Row::One(_) => vec![row],
    }
}

/// `47 times from 12s to 7h 58m, all landed and healed, in 1.2s (median) and 3.1s at most`.
pub(super) fn course(turns: &[&FaultRecord]) -> String {
    let times: Vec<f64> = turns.iter().map(|turn| turn.injected.unwrap_or(turn.planned)).collect();
    let (first, last) = (times.first().copied(), times.last().copied());
    let (first, last) = (moment(first.unwrap_or_default()), moment(last.unwrap_or_default()));
    let right = turns.iter().filter(|turn| is_right(turn)).count();
    let all = match turns.len() - right {
        0 => "all".to_owned(),
        _ => format!("{} of them", count(right as u64)),
    };
    let mut took: Vec<f64> = turns
        .iter()
        .filter_map(|turn| {
            let over = turn.undone.or(turn.injected)?;
            Some((turn.healed? - over).max(0.0))
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let healed = match (took.get(took.len().saturating_sub(1) / 2), took.last()) {
        (Some(&median), Some(&most)) => {
            format!(", in {} (median), at most {}", moment(median), moment(most))
        }
        _ => String::new(),
    };
    let number = count(turns.len() as u64);
    format!("{number} times from {first} to {last}, {all} landed and healed{healed}")
}

/// Whether there is nothing to say of a turn.
fn is_right(turn: &FaultRecord) -> bool {
    turn.confirmed.is_some() && turn.healed.is_some() && turn.problem.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(number: u32, healed: Option<f64>) -> FaultRecord {
        let at = f64::from(number) * 600.0;
        FaultRecord {
            name: format!("kill-{number}"),
            turn_of: Some("kill".to_owned()),
            kind: "kill_process".to_owned(),
            planned: at,
            injected: Some(at),
            confirmed: Some(at + 0.1),
            undone: None,
            healed: healed.map(|after| at + after),
            victims: Vec::new(),
            blocked: false,
            still_there: false,
            unhealed: healed.is_none(),
            problem: None,
        }
    }

    #[test]
    fn turns_are_one_row_and_what_went_wrong_its_own() {
        let turns: Vec<FaultRecord> = [Some(1.0), Some(3.0), None, Some(2.0)]
            .into_iter()
            .zip(1..)
            .map(|(h, n)| turn(n, h))
            .collect();
        let all: Vec<&FaultRecord> = turns.iter().collect();
        assert_eq!(
            course(&all),
            "4 times from 10m to 40m, 3 of them landed and healed, in 2s (median), at most 3s"
        );
        let mut faults = turns.clone();
        faults.insert(1, FaultRecord { turn_of: None, ..turn(9, Some(1.0)) });
        let told = |row: &Row<'_>| match row {
            Row::One(fault) => fault.name.clone(),
            Row::Turns(name, turns) => format!("{name} × {}", turns.len()),
        };
        let rows: Vec<String> = rows(&faults).iter().map(told).collect();
        assert_eq!(rows, ["kill × 4", "kill-3", "kill-9"]);
    }
}
