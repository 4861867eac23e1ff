//! Faults of the network between two programs, and of what shares requests out.

use super::lasts;
use super::{Kind, Links};
use crate::field::Raw;
use crate::plan::FaultKind;
use crate::plan::fault::{ShiftTraffic, Toxic};
use crate::read::{At, Table};
use crate::template::Template;
use crate::units::{Share, Span};

pub(super) fn read(
    table: &mut Table<'_, '_>,
    links: &Links,
    phase: &At<String>,
) -> [Option<FaultKind>; 2] {
    let harmed = "A proxy harms what passes through it, for a while.";
    let shifted =
        "A load balancer gives the new version another share of the requests, for a while.";
    [
        table.opt_table("toxic", harmed, toxic),
        table.opt_table("shift_traffic", shifted, |table| shift_traffic(table, links, phase)),
    ]
}

fn shift_traffic(table: &mut Table<'_, '_>, links: &Links, phase: &At<String>) -> FaultKind {
    let url = table.req(
        "url",
        "Where the balancer tells (GET) and takes (PUT) the new version's share, in percent: \"5\".",
    );
    let to: At<Share> = table.req_at("to", "The new version's share: \"5%\".");
    if !(0.0..=1.0).contains(&to.value.0) && !to.is_placeholder() {
        let message = format!("{} is no share of the requests", to.value);
        let help = Some("give a share between \"0%\" and \"100%\"".to_owned());
        table.context.problem(Some(to.span), message, help);
    }
    let lasts = table.opt::<Span>("for", "How long it lasts; or give until.");
    let until = table.opt_at::<String>("until", "The phase with whose begin it ends.");
    if lasts.is_some() == until.is_some() && !table.is_described() {
        let help = Some("give one of for = \"60s\" and until = \"PHASE\"".to_owned());
        table.context.problem(Some(table.head()), "how long does it last?", help);
    }
    let until = until.map(|until| {
        links.in_order(phase, &until);
        links.refer(Kind::Phase, until)
    });
    let lasts = lasts.unwrap_or_default();
    FaultKind::ShiftTraffic(ShiftTraffic { url, to: to.value, until, lasts })
}

fn toxic(table: &mut Table<'_, '_>) -> FaultKind {
    let stream = table.or_at(
        "stream",
        "\"downstream\", from the server to the client, or \"upstream\".",
        "downstream".to_owned(),
    );
    if !matches!(stream.value.as_str(), "downstream" | "upstream") {
        let message = format!("there is no stream {:?}", stream.value);
        let help = Some("write \"downstream\" or \"upstream\"".to_owned());
        table.context.problem(Some(stream.span), message, help);
    }
    FaultKind::Toxic(Toxic {
        admin: table.or("admin", "The proxy's admin API.", Template::new("${target.proxy}")),
        proxy: table.req("proxy", "The proxy's name; in the lab, the target behind it."),
        kind: table.req("type", "The toxic's type: latency, timeout, amqp_duplicate."),
        stream: stream.value,
        toxicity: table.or("toxicity", "The part of the connections that is harmed.", Share(1.0)),
        attributes: table
            .values::<Raw>("attributes", "The type's own settings: { latency = 100 }.")
            .into_iter()
            .map(|(name, Raw(value))| (name, value))
            .collect(),
        lasts: lasts(table),
    })
}
