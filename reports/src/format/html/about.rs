//! What stands at the end of the page: small tables, what was left out, and which run it
//! was.

use std::fmt::Result;

use pages::putln;
use pages::table::{pairs, table};

use crate::format::text;
use crate::record::Record;

/// The tables that probes left.
pub(super) fn write_tables(out: &mut String, record: &Record) -> Result {
    if record.tables.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"tables\">\n");
    out.push_str("<h2 id=\"tables\">Tables</h2>\n");
    for one in &record.tables {
        let columns: Vec<_> = one.columns.iter().map(String::as_str).collect();
        table(out, &one.title, &columns, &one.rows)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

/// What the scenario asks for and this run did not do.
pub(super) fn write_skipped(out: &mut String, record: &Record) -> Result {
    if record.left_out.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"skipped\">\n");
    out.push_str("<h2 id=\"skipped\">Skipped</h2>\n");
    let rows: Vec<_> = record
        .left_out
        .iter()
        .map(|item| vec![item.name.clone(), item.kind.clone(), item.why.clone()])
        .collect();
    table(out, "Not part of this run", &["Name", "Kind", "Why"], &rows)?;
    out.push_str("</section>\n");
    Ok(())
}

/// Which run this was.
pub(super) fn write_run(out: &mut String, record: &Record) -> Result {
    let run = &record.run;
    putln!(
        out,
        "<section class=\"card\" aria-labelledby=\"run\">\n<h2 id=\"run\">Run</h2>\n<p>{}</p>",
        run.description
    )?;
    let rows = [
        ("run", run.id.clone()),
        ("started", text::started(record)),
        ("took", text::moment(run.seconds)),
        ("system", text::place(record)),
        ("brokers", run.brokers.join(", ")),
        ("seed", run.seed.to_string()),
        ("folder", run.folder.clone()),
        ("shakedown", run.version.clone()),
    ];
    pairs(out, "Facts", rows.iter().map(|(name, value)| (*name, value.as_str())))?;
    pairs(out, "Parameters", record.params.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
    pairs(out, "Targets", record.targets.iter().map(|(k, v)| (k.as_str(), v.as_str())))?;
    out.push_str("</section>\n");
    Ok(())
}
