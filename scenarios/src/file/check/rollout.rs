//! `check.rollout`: the steps of a deployment were done.

use crate::file::links::{Kind, Links};
use crate::plan::check::Rollout;
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>, links: &Links) -> Rollout {
    let deployment = table.req_at("deployment", "The deployment.");
    let steps = table.list_or_empty("steps", "The steps that are judged; without any, all.");
    let excused = table.list_or_empty(
        "excused_by",
        "Faults that end pods: every victim excuses a restart while a step is under way.",
    );
    let deployment = links.refer(Kind::Deployment, deployment);
    Rollout {
        steps: links.refer_steps(&deployment, steps),
        deployment,
        max_restarts: table.or(
            "max_restarts",
            "How often pods that a step has made may have been started again by its end.",
            0_u64,
        ),
        excused_by: links.refer_weakly(table.context, Kind::Fault, excused),
    }
}
