//! What is asked of a MongoDB collection, by a source of effects or a probe.

use crate::documents::{Document, Pipeline};
use crate::plan::Ask;
use crate::read::{At, Table};
use crate::template::Template;

/// Whom it is asked of.
pub(super) struct Place {
    pub(super) url: Template,
    pub(super) database: Option<String>,
    pub(super) collection: String,
}

pub(super) fn place(table: &mut Table<'_, '_>) -> Place {
    Place {
        url: table.req("url", "The database: mongodb://user:password@host:27017/database."),
        database: table.opt("database", "The database, where \"url\" names none or another."),
        collection: table.req("collection", "The collection. One that does not exist is empty."),
    }
}

/// Documents: those that a filter lets through, or the results of a pipeline.
pub(super) fn documents(table: &mut Table<'_, '_>) -> Ask {
    let find = table.opt_at::<Document>(
        "find",
        "The filter in extended JSON; without one and without \"aggregate\", every document is read.",
    );
    let projection = table.opt_at::<Document>("projection", "What of each document is wanted.");
    let sort = table.opt_at::<Document>("sort", "By what they are sorted.");
    let pipeline = aggregate(table, find.as_ref(), "find");
    let Some(pipeline) = pipeline else {
        return Ask::Find {
            filter: find.map(|at| at.value).unwrap_or_default(),
            projection: projection.map(|at| at.value),
            sort: sort.map(|at| at.value),
        };
    };
    for (key, at) in [("projection", projection), ("sort", sort)] {
        if let Some(at) = at {
            let message = format!("{key:?} belongs to \"find\"");
            let stage = if key == "sort" { "$sort" } else { "$project" };
            let help = Some(format!("write the stage {{\"{stage}\": …}} into the pipeline"));
            table.context.problem(Some(at.span), message, help);
        }
    }
    Ask::Aggregate { pipeline }
}

/// A number, or rows of a label and a number.
pub(super) fn number(table: &mut Table<'_, '_>) -> Ask {
    let count = table.opt_at::<Document>(
        "count",
        "The filter in extended JSON; the number is how many documents it lets through, \"{}\" all of them.",
    );
    let pipeline = aggregate(table, count.as_ref(), "count");
    if count.is_none() && pipeline.is_none() {
        table.nothing_of(&["count", "aggregate"], "nothing says what is counted");
    }
    match pipeline {
        Some(pipeline) => Ask::Aggregate { pipeline },
        None => Ask::Count { filter: count.map(|at| at.value).unwrap_or_default() },
    }
}

fn aggregate(
    table: &mut Table<'_, '_>,
    other: Option<&At<Document>>,
    key: &str,
) -> Option<Pipeline> {
    let help = match key {
        "count" => {
            "The stages in extended JSON; each result has a number \"value\", and where there are several a \"label\" (or \"_id\")."
        }
        _ => "The stages in extended JSON; each result is read like a document.",
    };
    let at = table.opt_at::<Pipeline>("aggregate", help)?;
    if other.is_some() {
        let message = format!("{key:?} and \"aggregate\" exclude each other");
        let help = Some("write the filter as the first stage: {\"$match\": …}".to_owned());
        table.context.problem(Some(at.span), message, help);
    }
    Some(at.value)
}
