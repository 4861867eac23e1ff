//! `[effects.aggregate]`: records that many operations came to together.

use super::Records;
use crate::locator::Locator;
use crate::plan::effects::aggregate::{Aggregate, Embedding, Function, Value};
use crate::pointer::Pointer;
use crate::read::Table;
use crate::units::{Share, Span};

/// `records` says what the source's records have, as far as that is known.
pub(super) fn read(table: &mut Table<'_, '_>, records: Option<&Records>) -> Aggregate {
    let place = |table: &Table<'_, '_>, at| match records {
        Some(records) => records.check(table, at),
        None => Some(at.value),
    };
    let at = table.req_at::<Locator>("key", "Where the key stands in a record.");
    let key = place(table, at).unwrap_or_default();
    let default = "@{key}".to_owned();
    let help = "What a key is called there: \"user-@{key}\"; with @{run} the records of other runs are told apart.";
    let keys = table.or_at("keys", help, default);
    if keys.value.matches("@{key}").count() != 1 {
        let message = format!("{:?} does not say where the number of the key stands", keys.value);
        let help = Some("write @{key} once, such as \"user-@{key}\"".to_owned());
        table.context.problem(Some(keys.span.clone()), message, help);
    }
    let at =
        table.opt_at::<Locator>("count", "Where it stands how many operations are in the record.");
    let count = at.and_then(|at| place(table, at));
    let value = table.opt_table("value", "What the operations come to together.", value).flatten();
    if !table.is_described() && !table.has("count") && !table.has("value") {
        let help = Some("give count, value or both".to_owned());
        let message = "nothing of these records can be compared with the operations";
        table.context.problem(Some(table.head()), message, help);
    }
    Aggregate { key, keys: keys.value, count, value }
}

fn value(table: &mut Table<'_, '_>) -> Option<Value> {
    let enabled = table.or("enabled", "\"off\" leaves it out.", true);
    let at = table.req("at", "Where the value stands in a record: a JSON pointer.");
    let help = "By what share of the greatest number of the right value it may be off.";
    let tolerance = table.or("tolerance", help, Share(1e-6));
    let sum = table.opt::<Pointer>("sum", "The sum of this number of each body …");
    let min = table.opt::<Pointer>("min", "… or the least …");
    let max = table.opt::<Pointer>("max", "… or the greatest …");
    let about = "… or a sum of vectors that fade with their age: Σ weight · e(text) · exp(−decay · (T − time)), with T the latest time; number j of e(text), from 0, is 2u − 1 with u the upper 53 bits, as a fraction, of SplitMix64's finalizer of FNV-1a-64(text) + (j + 1) · 0x9E3779B97F4A7C15.";
    let embedding = table.opt_table("embedding", about, |table| Embedding {
        length: table.req("length", "How many numbers a vector has."),
        of: table.req("of", "Where the text stands in a body."),
        weight: table.req("weight", "Where the weight stands."),
        time: table.req("time", "Where the time stands, a Unix time in milliseconds."),
        decay: table.req("decay", "How much the logarithm of a vector falls …"),
        per: table.or("per", "… in each such time.", Span::seconds(86_400)),
    });
    let kinds = [
        ("sum", sum.map(Function::Sum)),
        ("min", min.map(Function::Min)),
        ("max", max.map(Function::Max)),
        ("embedding", embedding.map(Function::Embedding)),
    ];
    let is = table.one_of("value", kinds)?;
    enabled.then_some(Value { at, tolerance, is })
}
