//! `[[workload]]`: a stream of operations.

use super::links::{Kind, Links};
use crate::plan::workload::{Amqp, Command, Expect, Http, Statuses, Transport, Workload};
use crate::read::Table;
use crate::template::Template;
use crate::units::{Rate, Span};

const BODY: &str = "The payload; @{id}, @{seq}, @{run} and @{time} differ for each operation.";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Workload {
    let context = table.context;
    let rate = table.req_at::<Rate>("rate", "Operations a second: \"500/s\".");
    if rate.value.0 <= 0.0 {
        let message = "a workload at this rate does nothing";
        let help = "to leave it out, write enabled = \"off\"".to_owned();
        table.context.problem(Some(rate.span), message, Some(help));
    }
    let phases = table.list("phases", "The phases in which operations come due.");
    let phases = links.refer_all(table.context, Kind::Phase, phases);
    let connections = table.or("connections", "Connections that are held open.", 16_u32);
    let timeout =
        table.or("timeout", "When an unanswered operation is indeterminate.", Span::seconds(5));
    let expect = table.or(
        "expect",
        "\"refused\" where the operations are bad on purpose.",
        Expect::Accepted,
    );
    let command = table
        .opt_table(
            "command",
            "A program, run once for each operation. While run is empty it is passed over, else it takes the place of the other transports.",
            read_command,
        )
        .flatten();
    let mut others = || {
        let http = table.opt_table("http", "HTTP requests.", read_http);
        (http, table.opt_table("amqp", "AMQP publishes with confirms.", read_amqp))
    };
    // A transport that is not used needs no address.
    let (http, amqp) = if command.is_some() { context.forgiving(others) } else { others() };
    let transport = match (command, http, amqp) {
        (Some(command), ..) => Transport::Command(command),
        (None, Some(http), None) => Transport::Http(http),
        (None, None, Some(amqp)) => Transport::Amqp(amqp),
        (None, http, amqp) => {
            no_single_transport(table, http.is_some() && amqp.is_some());
            Transport::Command(Command { run: Template::default(), refused: Vec::new() })
        }
    };
    Workload {
        name: name.to_owned(),
        rate: rate.value,
        phases,
        connections: connections.max(1),
        timeout,
        expect,
        transport,
    }
}

fn no_single_transport(table: &Table<'_, '_>, both: bool) {
    if table.is_described() {
        return;
    }
    let message = if both {
        "a workload has one transport, and this one has http and amqp"
    } else {
        "this workload has no transport"
    };
    let help = Some("give one of the tables http, amqp or command".to_owned());
    table.context.problem(Some(table.head()), message, help);
}

fn read_http(table: &mut Table<'_, '_>) -> Http {
    let url = table.req("url", "Where the requests go.");
    let method = table.or("method", "The request method.", "POST".to_owned());
    let headers = table.texts("headers", "Headers beside the usual ones.");
    let body = table.or("body", BODY, Template::default());
    let accepted = table.or("accepted", "Statuses that mean accepted.", statuses("200-299"));
    // 408 and 425 do not say whether the request was carried out.
    let usual = statuses("400-407,409-424,426-499").without(&accepted);
    let refused = table.or_at::<Statuses>(
        "refused",
        "Statuses that mean definitely not done; all others leave the operation indeterminate.",
        usual,
    );
    if let Some(status) = accepted.overlap(&refused.value) {
        let message = format!("status {status} is both accepted and refused");
        let help = "accepted is \"200-299\" unless it is given".to_owned();
        table.context.problem(Some(refused.span), message, Some(help));
    }
    let refused = refused.value;
    Http { url, method, headers, body, accepted, refused }
}

fn statuses(text: &str) -> Statuses {
    text.parse().unwrap_or_else(|_| Statuses::none())
}

fn read_amqp(table: &mut Table<'_, '_>) -> Amqp {
    Amqp {
        url: table.req("url", "The broker."),
        exchange: table.or("exchange", "The exchange; empty for the default one.", String::new()),
        routing_key: table
            .req_or_blank(
                "routing_key",
                "The routing key; the queue's name with the default exchange.",
            )
            .value,
        body: table.or("body", BODY, Template::default()),
        confirm_window: table
            .or("confirm_window", "Unconfirmed messages a connection.", 200_u32)
            .max(1),
    }
}

fn read_command(table: &mut Table<'_, '_>) -> Option<Command> {
    let run = table.opt("run", "Program and arguments, without a shell.");
    let refused = table
        .list_or_empty("refused", "Exit codes that mean definitely not done.")
        .into_iter()
        .map(|at| at.value)
        .collect();
    run.map(|run| Command { run, refused })
}
