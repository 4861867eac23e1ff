//! `[params]`: values that the command line may change.

use std::collections::BTreeMap;

use super::Settings;
use crate::field::Raw;
use crate::read::{Param, Table, nearest_help};

/// Reads the parameters with their defaults, overridden by `--set`.
pub(super) fn read(table: &mut Table<'_, '_>, settings: &Settings) {
    let params = table.named("params", "Values that --set changes.", |_, table| {
        let help = table.or::<String>("help", "What the value is for.", String::new());
        let default = table.req_or_blank::<Raw>("default", "The value without --set.");
        (default, help)
    });
    if table.is_described() {
        return;
    }
    let context = table.context;
    let mut values: BTreeMap<String, Param> = params
        .into_iter()
        .map(|(name, at)| {
            let (default, help) = at.value;
            let value = (!default.is_placeholder()).then_some(default.value.0);
            (name, Param { value, set: false, help })
        })
        .collect();
    for (name, value) in &settings.set {
        if let Some(param) = values.get_mut(name) {
            param.value = Some(value.clone());
            param.set = true;
        } else {
            let help = nearest_help(name, values.keys().map(String::as_str), "parameters");
            context.problem(None, format!("--set {name}: there is no such parameter"), help);
        }
    }
    context.set_params(values);
}
