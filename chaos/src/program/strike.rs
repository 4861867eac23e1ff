//! The subcommands that break something: prepare, inject, confirm, wait, heal.

use std::sync::Arc;
use std::time::Duration;

use chaos::{Injected, Limits, Order, Prepared, Reach, Scene, UNDO_WITHIN, http_client};
use scenarios::plan::Amount;
use serde_json::json;

use super::arguments::{Choice, Common, FaultCommand};
use super::exit::{Exit, Trouble};
use super::place::{self, Signals};
use super::recovery;
use super::say::Say;
use super::targets::Targets;

/// What is taken back here is seen to be at once; a busy machine may take a
/// while.
const HEAL_WITHIN: Duration = Duration::from_secs(20);

/// Runs one fault from its beginning to its end.
pub(crate) fn run(command: &FaultCommand, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    let asked = command.asked();
    asked.allow.check()?;
    let order = Order {
        name: asked.kind.word().replace('_', "-"),
        seed: asked.choice.seed.unwrap_or_else(place::fresh_seed),
        heal_within: asked.heal_within.map_or(HEAL_WITHIN, |span| span.0),
        kind: asked.kind,
        targets: Default::default(),
    };
    let secrets = order.secrets();
    say.hide(&secrets);
    let limits = Limits::default();
    let limits = limits.undo_within(common.undo_within.map_or(UNDO_WITHIN, |span| span.0));
    let waits = say.clone();
    let limits = limits.telling(move |text| waits.warning(text));
    let scene = Scene {
        world: Arc::new(Targets::find(asked.processes, asked.allow)?),
        journal: Arc::new(place::journal(common)?.hiding(secrets)),
        http: http_client()?,
        limits: Arc::new(limits.within(Vec::new(), asked.allow.words.clone())),
    };
    place::block_on(async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            done = carry_out(&order, &scene, asked.choice, say) => done,
            () = signals.caught() => interrupted(&scene, say).await,
        }
    })
}

/// The whole life of a fault. It may be dropped at any await: the journal knows
/// what to take back.
async fn carry_out(
    order: &Order,
    scene: &Scene,
    choice: &Choice,
    say: &Say,
) -> Result<Exit, Trouble> {
    let prepared = chaos::prepare(order, scene).await?;
    show_victims(order, &prepared, choice, say);
    if let Some(doubt) = chaos::doubt(&order.kind, &order.targets) {
        say.warning(&doubt);
    }
    if choice.dry_run {
        return Ok(Exit::Done);
    }
    let injected = prepared.inject().await?;
    say.step("injected", &json!({"state": "injected"}));
    let confirmed = injected.confirm().await;
    if confirmed.is_ok() {
        say.step("confirmed", &json!({"state": "confirmed"}));
        tokio::time::sleep(order.lasts()).await;
    }
    let healed = heal(injected, say).await;
    // What went wrong first is the cause of the rest.
    match (confirmed, healed) {
        (Err(first), Err(then)) => {
            say.warning(&then.to_string());
            Err(first.into())
        }
        (confirmed, healed) => {
            confirmed?;
            healed.map(|()| Exit::Done)
        }
    }
}

fn show_victims(order: &Order, prepared: &Prepared, choice: &Choice, say: &Say) {
    let would = if choice.dry_run { "would hit" } else { "hits" };
    let victims = prepared.victims();
    // A name alone does not say which of several it is.
    let (among, commands) = prepared.chosen().unwrap_or_default();
    let command = |at: usize| commands.get(at).map_or(String::new(), |line| format!(": {line}"));
    let line = |(at, victim): (usize, &String)| {
        format!("{} {would} {victim}{}\n", order.name, command(at))
    };
    let mut text = victims.iter().enumerate().map(line).collect::<String>();
    if among > victims.len() {
        text += &format!("chosen among {among}; ");
    }
    if choice.pick.amount == Amount::All {
        text.pop();
    } else {
        text += &format!("the same again with --seed {}", order.seed);
    }
    let value = json!({
        "state": "chosen", "fault": order.name, "victims": victims, "commands": commands,
        "among": among, "seed": order.seed, "dry_run": choice.dry_run,
    });
    say.step(&text, &value);
}

/// What was taken back is said, whatever becomes of the system then.
async fn heal(mut injected: Injected, say: &Say) -> Result<(), Trouble> {
    let undone = injected.take_back().await?;
    say.step(&undone, &json!({"state": "undone", "how": undone}));
    if let Some(seen) = injected.whole().await? {
        say.step(&format!("whole again: {seen}"), &json!({"state": "healed", "how": seen}));
    }
    Ok(())
}

async fn interrupted(scene: &Scene, say: &Say) -> Result<Exit, Trouble> {
    say.step("interrupted; taking it back", &json!({"state": "interrupted"}));
    let report = chaos::recover(&scene.journal, Reach::OwnRun).await?;
    recovery::show(&report, say);
    Ok(Exit::Interrupted)
}
