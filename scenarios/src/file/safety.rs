//! `[safety]`: how far the faults may go.

use super::links::{Kind, Links};
use crate::plan::Safety;
use crate::program::Program;
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>, links: &Links) -> Safety {
    let most_victims = table.or(
        "most_victims",
        "The most victims under faults at the same time; 0 is no limit.",
        0_u32,
    );
    let stop_if = table.list_or_empty(
        "stop_if",
        "Checks that are judged while faults are ahead or under way: when one is violated, no more faults are injected, those under way are healed, and the run ends. A check of which only the end of the run decides cannot stand here.",
    );
    links.enter("safety", "safety");
    let stop_if = links.refer_weakly(table.context, Kind::LiveCheck, stop_if);
    let on_abort = table.opt::<Program>(
        "on_abort",
        "The program that is run when a check ends the run before its time, after the faults are taken back: it gives the stable version all of the traffic again, say.",
    );
    Safety { most_victims, stop_if, on_abort, ..Safety::default() }
}
