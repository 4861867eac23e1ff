//! `[[probe]]` and `[[effects]]`: what is watched, and where effects are read.

use std::time::Duration;

use super::links::Links;
use crate::plan::effects::IdentityAt;
use crate::plan::{Effects, EffectsSource, Probe, ProbeKind};
use crate::read::Table;
use crate::template::Template;
use crate::units::Span;

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Probe {
    let every = table.or_at(
        "every",
        "The time between two samples, at least 100ms.",
        Span(Duration::from_millis(500)),
    );
    if every.value.0 < Duration::from_millis(100) {
        let message =
            format!("{} between two samples is too short; give at least 100ms", every.value);
        table.context.problem(Some(every.span.clone()), message, None);
    }
    let rabbitmq = table.opt_table("rabbitmq", "A RabbitMQ node.", |table| {
        let metrics = table.opt::<Template>("metrics", "The Prometheus endpoint, exact at once.");
        let management = table.opt::<Template>("management", "The management API.");
        if metrics.is_none() && management.is_none() {
            table.nothing_of(&["metrics", "management"], "none of its addresses is given");
        }
        ProbeKind::Rabbitmq { metrics, management }
    });
    let process = table.opt_table("process", "The processes of a role in the lab.", |table| {
        table.lab_only("it needs the lab");
        ProbeKind::Process { role: table.req("role", "The role.") }
    });
    let health = table.opt_table("health", "A health endpoint.", |table| ProbeKind::Health {
        url: table.req("url", "Answers 200 when healthy."),
    });
    let logs = table.opt_table("logs", "Log lines that contain a text.", |table| {
        let role =
            table.opt("role", "The role in the lab whose output is read, where no file is named.");
        let file = table.opt("file", "A file that is followed.");
        if role.is_none() && file.is_none() {
            table.nothing_of(&["role", "file"], "its file is not given");
        } else if file.is_none() {
            table.lab_only("it names no file, and roles are of the lab");
        }
        let containing = table.list::<String>("containing", "The texts that make a line count.");
        ProbeKind::Logs {
            role,
            file,
            containing: containing.into_iter().map(|at| at.value).collect(),
        }
    });
    let kinds = [("rabbitmq", rabbitmq), ("process", process), ("health", health), ("logs", logs)];
    let kind = table.one_of("probe", kinds).unwrap_or(ProbeKind::Process { role: String::new() });
    Probe { name: name.to_owned(), every: every.value, kind }
}

pub(super) fn read_effects(table: &mut Table<'_, '_>, name: &str, _: &Links) -> Effects {
    let source =
        table.table("amqp_tap", "A queue of the tool's own, bound to the exchange.", |table| {
            EffectsSource::AmqpTap {
                url: table.req("url", "The broker."),
                exchange: table.req("exchange", "The exchange to bind to; it must exist."),
                routing_key: table
                    .req_or_blank("routing_key", "The binding key; may be empty.")
                    .value,
                identity: table.or(
                    "identity",
                    "\"message_id\", or a JSON pointer into the body.",
                    IdentityAt::MessageId,
                ),
            }
        });
    Effects { name: name.to_owned(), source }
}
