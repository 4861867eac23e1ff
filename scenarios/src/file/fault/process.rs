//! Faults that hit processes of a role.

use super::{lasts, pick};
use crate::plan::FaultKind;
use crate::plan::fault::{Held, StopSignal, Stopped, Victims};
use crate::read::{At, Table};

pub(super) fn read(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 4] {
    [
        table
            .opt_table("kill_process", "SIGKILL to processes of a role.", victims)
            .map(FaultKind::KillProcess),
        table
            .opt_table(
                "terminate_process",
                "SIGTERM to processes of a role, which end in good order.",
                victims,
            )
            .map(FaultKind::TerminateProcess),
        table
            .opt_table("pause_process", "SIGSTOP to processes of a role, for a while.", held)
            .map(FaultKind::PauseProcess),
        table
            .opt_table(
                "stop_process",
                "Processes of a role are ended and kept down for a while; those of your own need a `start`.",
                stopped,
            )
            .map(FaultKind::StopProcess),
    ]
}

fn role(table: &mut Table<'_, '_>) -> At<String> {
    let role = table.req_at("role", "The role whose processes are candidates: one of [system.roles]; in a lab a part such as \"worker\", or a server such as \"redis\".");
    table.plays(&role);
    role
}

fn victims(table: &mut Table<'_, '_>) -> Victims {
    Victims { role: role(table).value, pick: pick(table) }
}

fn held(table: &mut Table<'_, '_>) -> Held {
    Held { role: role(table).value, pick: pick(table), lasts: lasts(table) }
}

fn stopped(table: &mut Table<'_, '_>) -> Stopped {
    let role = role(table);
    // A supervisor that nobody can tell to wait would start it at once.
    table.starts(&role);
    let signal = table.or(
        "signal",
        "How they are asked to end; PostgreSQL ends its sessions only with \"int\".",
        StopSignal::Term,
    );
    Stopped { role: role.value, pick: pick(table), lasts: lasts(table), signal }
}
