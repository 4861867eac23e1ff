//! Faults that RabbitMQ itself is made to commit.

use super::{lasts, pick};
use crate::plan::FaultKind;
use crate::plan::fault::{Alarm, AlarmOf, CloseConnections, PurgeQueue};
use crate::read::Table;

const MANAGEMENT: &str = "The management API, with user and password.";

pub(super) fn read(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 3] {
    [
        table
            .opt_table(
                "close_connections",
                "AMQP connections closed through RabbitMQ's management API.",
                |table| CloseConnections {
                    management: table.req("management", MANAGEMENT),
                    matching: table.or(
                        "matching",
                        "A part of the connection's name, user or peer; empty for all.",
                        String::new(),
                    ),
                    pick: pick(table),
                },
            )
            .map(FaultKind::CloseConnections),
        table
            .opt_table(
                "rabbitmq_alarm",
                "RabbitMQ believes that it is short of something and blocks publishers, for a while.",
                |table| {
                    let role = table.or_at("role", "The role of the broker.", "rabbitmq".to_owned());
                    table.plays(&role);
                    Alarm {
                        role: role.value,
                        of: table.or("of", "\"memory\" or \"disk\".", AlarmOf::Memory),
                        lasts: lasts(table),
                    }
                },
            )
            .map(FaultKind::RabbitmqAlarm),
        table.opt_table("purge_queue", "Messages of a queue are thrown away.", purge),
    ]
}

fn purge(table: &mut Table<'_, '_>) -> FaultKind {
    let management = table.req("management", MANAGEMENT);
    let vhost = table.or("vhost", "The virtual host.", "/".to_owned());
    let queue = table.req("queue", "The queue.");
    let help = "true says that these messages are meant to be lost, beyond the broker's contract.";
    let lose = table.or_at("lose_messages", help, false);
    if !lose.value && !table.is_described() {
        let message = "a purge loses messages that the broker has promised to keep";
        let help = Some("if that is meant, write lose_messages = true".to_owned());
        table.context.problem(Some(table.head()), message, help);
    }
    FaultKind::PurgeQueue(PurgeQueue { management, vhost, queue, lose_messages: lose.value })
}
