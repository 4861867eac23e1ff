//! `[[fault]]`: something that is broken on purpose.

use super::links::{Kind, Links};
use crate::plan::{Fault, FaultKind, Pick};
use crate::read::Table;
use crate::units::Span;

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Fault {
    let phase =
        links.refer(Kind::Phase, table.req_at("phase", "The phase in which it is injected."));
    let at = table.or_at("at", "When, counted from the start of the phase.", Span::default());
    links.within(&phase, at.clone());
    let heal_within = table.or(
        "heal_within",
        "How long the system may take to be whole again.",
        Span::seconds(30),
    );
    let kill =
        table.opt_table("kill_process", "SIGKILL to processes of a role in the lab.", |table| {
            table.lab_only("it needs the lab");
            FaultKind::KillProcess {
                role: table.req("role", "The role whose processes are candidates."),
                pick: table.or("pick", "\"one\", \"all\" or a number.", Pick::Count(1)),
            }
        });
    let close = table.opt_table(
        "close_connections",
        "AMQP connections closed through RabbitMQ's management API.",
        |table| FaultKind::CloseConnections {
            management: table.req("management", "The management API, with user and password."),
            matching: table.or(
                "matching",
                "A part of the connection's name, user or peer; empty for all.",
                String::new(),
            ),
            pick: table.or("pick", "\"one\", \"all\" or a number.", Pick::Count(1)),
        },
    );
    let kind = table
        .one_of("fault", [("kill_process", kill), ("close_connections", close)])
        .unwrap_or(FaultKind::KillProcess { role: String::new(), pick: Pick::All });
    Fault { name: name.to_owned(), phase, at: at.value, heal_within, kind }
}
