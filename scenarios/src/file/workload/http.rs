//! `http = { … }` of a workload.

use super::BODY;
use crate::file::route;
use crate::plan::workload::{Hit, Http, Split, Statuses};
use crate::read::{At, Table};
use crate::series::WORKLOAD;
use crate::template::Template;

pub(super) fn read(table: &mut Table<'_, '_>) -> Http {
    let url = table.req("url", "Where the requests go.");
    let method = table.or("method", "The request method.", "POST".to_owned());
    let headers = table.texts(
        "headers",
        "Headers beside the usual ones; their values are payload templates, too: \"@{id}\".",
    );
    let body = table.or("body", BODY, Template::default());
    let accepted = table.or("accepted", "Statuses that mean accepted.", Statuses::accepted());
    let usual = Statuses::refused().without(&accepted);
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
    let retries = table.or(
        "retries",
        "How often a request whose outcome is unknown is sent again, with the same identity.",
        0_u32,
    );
    let same = table.opt(
        "same",
        "Where the answers to an operation that is sent twice have the value that must be the same.",
    );
    let hit = read_hit(table);
    let keepalive = table.or(
        "keepalive",
        "false for a new connection for each request, whose opening is part of its time.",
        true,
    );
    let route = route::read(table);
    let follow_redirects = table.or(
        "follow_redirects",
        "How many redirects are followed for each operation, at most 100; with 0 a redirect is an answer.",
        0_u32,
    );
    let compressed = table.or(
        "compressed",
        "Ask for compressed answers (gzip), and read them where they are compared.",
        false,
    );
    let split = table.opt_table(
        "split",
        "Figures apart by who answered: each value is a workload of its own then, WORKLOAD.VALUE, in checks of shares and response times.",
        read_split,
    );
    Http {
        url,
        method,
        headers,
        body,
        accepted,
        refused,
        retries,
        same,
        hit,
        follow_redirects,
        compressed,
        keepalive,
        route,
        split: split.map(Box::new),
    }
}

/// More values than this are no versions any more.
const MOST_VALUES: usize = 64;

fn read_split(table: &mut Table<'_, '_>) -> Split {
    let header = table.req_at::<String>("header", "The header that says who answered.");
    let values = table.list::<String>("values", "Its values, such as \"stable\" and \"canary\"; of \"canary.read\" and \"canary.write\" the sum is there as well, as \"canary\".");
    let is_token =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !header.is_placeholder() && (header.value.is_empty() || !is_token(&header.value)) {
        let message = format!("{:?} cannot be the name of a header here", header.value);
        let help = Some("give one such as \"x-version\"".to_owned());
        table.context.problem(Some(header.span.clone()), message, help);
    }
    for (index, value) in values.iter().enumerate() {
        let name = &value.value;
        let are_words = name.split('.').all(|word| !word.is_empty() && is_token(word));
        if !are_words || values[..index].iter().any(|other| other.value == *name) {
            let message = format!("{name:?} cannot be a value here, or stands twice");
            let help = Some(
                "give words of letters, digits, - and _, with dots between them, each once"
                    .to_owned(),
            );
            table.context.problem(Some(value.span.clone()), message, help);
            continue;
        }
        // What a value answered is a workload by its name, with counts behind a dot.
        let first = name.split('.').next().unwrap_or_default();
        if WORKLOAD.iter().any(|count| count.name == first) {
            let message =
                format!("a value cannot begin with {first:?}, which is a count of every workload");
            let help = Some(format!("have the service say something else, such as \"v-{first}\""));
            table.context.problem(Some(value.span.clone()), message, help);
        }
        let is_within = |other: &At<String>| {
            let rest = name.strip_prefix(other.value.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        if let Some(other) = values.iter().find(|other| is_within(other)) {
            let other = &other.value;
            let message = format!("{name:?} is a part of {other:?}, which is a value by itself");
            let help = Some(format!(
                "give every value of {other} a second word, such as \"{other}.rest\""
            ));
            table.context.problem(Some(value.span.clone()), message, help);
        }
    }
    if values.len() > MOST_VALUES {
        let message = format!("{} values; {MOST_VALUES} are the most", values.len());
        table.context.problem(Some(table.head()), message, None);
    }
    Split { header: header.value, values: values.into_iter().map(|at| at.value).collect() }
}

fn read_hit(table: &mut Table<'_, '_>) -> Option<Hit> {
    let body =
        table.opt("hit", "Where an answer's body says that the operation was known already.");
    let header = table.opt_at::<String>(
        "hit_header",
        "The header by which an answer says that the operation was known already.",
    );
    match (body, header) {
        (Some(_), Some(header)) => {
            let message = "an answer says it in one place: hit or hit_header";
            table.context.problem(Some(header.span), message, None);
            None
        }
        (Some(pointer), None) => Some(Hit::Body(pointer)),
        (None, header) => header.map(|header| Hit::Header(header.value)),
    }
}
