//! Faults of the machine itself.

use super::lasts;
use crate::plan::FaultKind;
use crate::plan::fault::{BurnCpu, ClockOffset, FillDisk, FillMemory, RunCommand};
use crate::read::Table;

pub(super) fn read(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 5] {
    [
        table
            .opt_table("burn_cpu", "Processors are kept busy for a while.", |table| BurnCpu {
                cores: table.or("cores", "How many.", 1_u32).max(1),
                lasts: lasts(table),
            })
            .map(FaultKind::BurnCpu),
        table
            .opt_table("fill_memory", "Memory is taken for a while.", |table| FillMemory {
                size: table.req("size", "How much."),
                lasts: lasts(table),
            })
            .map(FaultKind::FillMemory),
        table.opt_table("fill_disk", "Space in a folder is taken for a while.", fill_disk),
        table
            .opt_table(
                "clock_offset",
                "The clock of processes that run with libfaketime goes wrong for a while.",
                |table| ClockOffset {
                    file: table.req("file", "Their FAKETIME_TIMESTAMP_FILE."),
                    offset: table.req("offset", "By how much, with a sign: \"+30s\"."),
                    lasts: lasts(table),
                },
            )
            .map(FaultKind::ClockOffset),
        table
            .opt_table("run_command", "Programs of your own break something.", |table| RunCommand {
                inject: table.req("inject", "Breaks something; exit code 3 is refused."),
                confirm: table.req("confirm", "Ends with 0 as soon as the fault is seen."),
                undo: table.req("undo", "Takes it back; may be run twice."),
                lasts: lasts(table),
            })
            .map(FaultKind::RunCommand),
    ]
}

fn fill_disk(table: &mut Table<'_, '_>) -> FaultKind {
    let folder = table.req("folder", "The folder in which a file is made.");
    let size = table.opt("size", "How much it takes.");
    let leave = table.opt("leave", "How much it leaves free, in place of size.");
    if size.is_some() == leave.is_some() && !table.is_described() {
        let message = "a disk is filled by a size, or up to what is left";
        let help = Some("give one of size and leave".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    FaultKind::FillDisk(FillDisk { folder, size, leave, lasts: lasts(table) })
}
