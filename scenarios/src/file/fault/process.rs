//! Faults that hit processes of the lab.

use super::{lasts, pick};
use crate::plan::FaultKind;
use crate::plan::fault::{Held, StopSignal, Stopped, Victims};
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 4] {
    [
        table
            .opt_table("kill_process", "SIGKILL to processes of a role in the lab.", victims)
            .map(FaultKind::KillProcess),
        table
            .opt_table(
                "terminate_process",
                "SIGTERM to processes of a role in the lab, which end in good order.",
                victims,
            )
            .map(FaultKind::TerminateProcess),
        table
            .opt_table("pause_process", "SIGSTOP to processes of a role, for a while.", held)
            .map(FaultKind::PauseProcess),
        table
            .opt_table(
                "stop_process",
                "Processes of a role are ended and kept down for a while.",
                stopped,
            )
            .map(FaultKind::StopProcess),
    ]
}

fn role(table: &mut Table<'_, '_>) -> String {
    table.lab_only("it needs the lab");
    table.req("role", "The role whose processes are candidates: a part such as \"worker\", or a server such as \"redis\".")
}

fn victims(table: &mut Table<'_, '_>) -> Victims {
    Victims { role: role(table), pick: pick(table) }
}

fn held(table: &mut Table<'_, '_>) -> Held {
    Held { role: role(table), pick: pick(table), lasts: lasts(table) }
}

fn stopped(table: &mut Table<'_, '_>) -> Stopped {
    let signal = table.or(
        "signal",
        "How they are asked to end; PostgreSQL ends its sessions only with \"int\".",
        StopSignal::Term,
    );
    Stopped { role: role(table), pick: pick(table), lasts: lasts(table), signal }
}
