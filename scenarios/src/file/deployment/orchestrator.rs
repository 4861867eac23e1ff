//! `at`: who orchestrates a deployment. A file may write down several, of which the run's
//! addresses and parameters give one.

use std::ops::Range;

use crate::field::Field;
use crate::plan::{Namespace, Orchestrator};
use crate::program::Program;
use crate::read::Table;
use crate::template::Template;

/// The keys, in the order in which they are named.
const KEYS: [&str; 3] = ["control", "kubernetes", "commands"];

/// One of them that this run gives, and what to leave out for another one.
struct Given {
    orchestrator: Orchestrator,
    place: Range<usize>,
    by: String,
}

/// What is wrong with it was reported.
struct Mistaken;

/// The one that this run gives: one that names a target without an address, or a program
/// that a parameter leaves empty, is none.
pub(super) fn read(table: &mut Table<'_, '_>) -> Orchestrator {
    let control = table.opt_at::<Template>(
        "control",
        "The API of a controller such as the lab's: \"${target.deployments}\".",
    );
    let kubernetes = table.opt_at::<Template>(
        "kubernetes",
        "A namespace of a cluster, as CONTEXT/NAMESPACE, or NAMESPACE for the kubeconfig's current context or the cluster around: \"${target.kubernetes}\".",
    );
    if let Some(place) = &kubernetes
        && place.value.targets().is_empty()
        && let Err(why) = place.value.as_str().parse::<Namespace>()
    {
        table.context.problem(Some(place.span.clone()), why, None);
    }
    let own = "Programs of your own, which set images and nothing else.";
    let other = match (&control, &kubernetes) {
        (Some(_), _) => Some("a controller"),
        (None, Some(_)) => Some("kubernetes"),
        (None, None) => None,
    };
    let commands = table.opt_table("commands", own, |table| commands(table, other));
    let commands = commands.unwrap_or(Ok(None));
    let of_target = |key: &str, at: &Template| match &at.targets()[..] {
        [] => key.to_owned(),
        [target, ..] => format!("--target {target}"),
    };
    let control = control.map(|at| Given {
        by: of_target("control", &at.value),
        orchestrator: Orchestrator::Control(at.value),
        place: at.span,
    });
    let kubernetes = kubernetes.map(|at| Given {
        by: of_target("kubernetes", &at.value),
        orchestrator: Orchestrator::Kubernetes(at.value),
        place: at.span,
    });
    let (is_mistaken, commands) = (commands.is_err(), commands.unwrap_or(None));
    let mut given = [("control", control), ("kubernetes", kubernetes), ("commands", commands)]
        .into_iter()
        .filter_map(|(key, given)| Some((key, given?)));
    let first = given.next();
    if let (Some((one, _)), Some((two, other))) = (&first, given.next()) {
        let message = format!("a deployment has one orchestrator, and this at has {one} and {two}");
        let help = format!("leave out {}", other.by);
        table.context.problem(Some(other.place), message, Some(help));
    }
    table.any_of(&KEYS, "a deployment has one orchestrator, and this at has none");
    if first.is_none() && !is_mistaken && KEYS.iter().any(|key| table.has(key)) {
        table.nothing_of(&KEYS, "nothing that orchestrates it is given");
    }
    first
        .map_or_else(|| Orchestrator::Control(Template::default()), |(_, given)| given.orchestrator)
}

/// Programs of the user's own; none where the parameter that names the first one is empty.
/// `other` is who orchestrates it in their place, if this run gives one.
fn commands(table: &mut Table<'_, '_>, other: Option<&str>) -> Result<Option<Given>, Mistaken> {
    let set_image = table.req_or_blank::<Program>(
        "set_image",
        "Sets the image that the environment gives in IMAGE, for the deployment in DEPLOYMENT.",
    );
    let roll_back = table.opt_at::<Program>(
        "roll_back",
        "Goes back to the image from before, for the deployment in DEPLOYMENT; without it set_image sets the stable one.",
    );
    let status = table.opt_at::<Program>(
        "status",
        "Ends with 0 as soon as the rollout is done, and with anything else until then; without it, it is done when set_image has ended.",
    );
    if set_image.is_placeholder() {
        return Err(Mistaken);
    }
    let param = table.context.param_of(&set_image.span);
    if set_image.value.is_blank() {
        let more = [("roll_back", roll_back), ("status", status)];
        let more = more.into_iter().find_map(|(key, at)| Some((key, at?.span)));
        return match (param, more) {
            (None, _) => {
                let help = Some("give the program that sets the image in IMAGE".to_owned());
                table.context.problem(Some(set_image.span), "\"set_image\" is empty", help);
                Err(Mistaken)
            }
            (Some(param), Some((key, place))) => {
                let (message, help) = match other {
                    Some(other) => {
                        let own = table.context.param_of(&place);
                        let own = own.map_or_else(|| key.to_owned(), |own| format!("--set {own}"));
                        let does =
                            format!("there is a program to {key}, and {other} does that here");
                        (does, format!("leave out {own}"))
                    }
                    None => (
                        format!("there is a program to {key}, and none to set_image"),
                        format!("give --set {param}=…, the program that sets an image"),
                    ),
                };
                table.context.problem(Some(place), message, Some(help));
                Err(Mistaken)
            }
            (Some(_), None) => {
                table.context.unset(&set_image.span);
                Ok(None)
            }
        };
    }
    Ok(Some(Given {
        by: param.map_or_else(|| "commands".to_owned(), |param| format!("--set {param}")),
        place: set_image.span,
        orchestrator: Orchestrator::Commands {
            set_image: set_image.value,
            roll_back: roll_back.map(|at| at.value),
            status: status.map(|at| at.value),
        },
    }))
}
