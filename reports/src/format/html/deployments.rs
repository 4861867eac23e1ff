//! What became of each step of the deployments, and what said that one should be rolled
//! back.

use std::fmt::Result;

use pages::table::table;

use crate::format::text;
use crate::record::{DeploymentLook, DeploymentStep, Record};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.deployments.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"deployments\">\n");
    out.push_str("<h2 id=\"deployments\">Deployments</h2>\n");
    let steps = record.deployments.iter().flat_map(|deployment| {
        deployment.steps.iter().map(|step| row(&deployment.name, step)).chain(
            deployment.rolled_back.as_ref().map(|rollback| {
                let (name, text) = (deployment.name.clone(), text::rolled_back(rollback));
                let pods = pods(rollback.at_end.as_ref());
                vec![name, "rollback".to_owned(), text, pods]
            }),
        )
    });
    let steps: Vec<_> = steps.collect();
    let columns = ["Deployment", "Step", "What became of it", "Pods then"];
    table(out, "What became of each step", &columns, &steps)?;
    let advised: Vec<_> = record
        .roll_backs
        .iter()
        .map(|advice| {
            vec![advice.deployment.clone(), advice.check.clone(), text::roll_back(advice)]
        })
        .collect();
    if !advised.is_empty() {
        let columns = ["Deployment", "Check", "Why it should be rolled back"];
        table(out, "What said that it should be rolled back", &columns, &advised)?;
    }
    out.push_str("</section>\n");
    Ok(())
}

fn row(deployment: &str, step: &DeploymentStep) -> Vec<String> {
    let canary = step
        .canary_at_end
        .as_ref()
        .filter(|look| look.counts.is_some_and(|counts| counts.desired > 0));
    let canary = canary.map(|look| format!(", and of the canary {}", pods(Some(look))));
    let pods = format!("{}{}", pods(step.at_end.as_ref()), canary.unwrap_or_default());
    vec![deployment.to_owned(), step.name.clone(), text::deployed(step), pods]
}

/// How many pods were new and available: `6 of 6 new, 6 available, w:2`.
fn pods(look: Option<&DeploymentLook>) -> String {
    let Some((look, counts)) = look.and_then(|look| Some((look, look.counts?))) else {
        return "–".to_owned();
    };
    let image = look.image.as_ref().map(|image| format!(", {image}")).unwrap_or_default();
    let restarts = match counts.restarts {
        0 => String::new(),
        restarts => format!(", {restarts} restarts"),
    };
    format!(
        "{} of {} new, {} available{restarts}{image}",
        counts.updated, counts.desired, counts.available
    )
}
