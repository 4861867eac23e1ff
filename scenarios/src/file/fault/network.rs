//! Faults of the network between two programs.

use super::lasts;
use crate::field::Raw;
use crate::plan::FaultKind;
use crate::plan::fault::Toxic;
use crate::read::Table;
use crate::template::Template;
use crate::units::Share;

pub(super) fn read(table: &mut Table<'_, '_>) -> Option<FaultKind> {
    table.opt_table("toxic", "A proxy harms what passes through it, for a while.", toxic)
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
