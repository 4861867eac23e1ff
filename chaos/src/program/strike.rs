//! The subcommands that break something: prepare, inject, confirm, wait, heal.

use std::sync::Arc;
use std::time::Duration;

use chaos::{Injected, Limits, Order, Reach, Scene, http_client};
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
    let scene = Scene {
        world: Arc::new(Targets::find(asked.processes, asked.allow)?),
        journal: Arc::new(place::journal(common)?.hiding(secrets)),
        http: http_client()?,
        limits: Arc::new(Limits::default().within(Vec::new(), asked.allow.words.clone())),
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
    show_victims(order, &prepared.victims(), choice, say);
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
    heal(injected, say).await?;
    confirmed?;
    Ok(Exit::Done)
}

fn show_victims(order: &Order, victims: &[String], choice: &Choice, say: &Say) {
    let would = if choice.dry_run { "would hit" } else { "hits" };
    let mut text =
        victims.iter().map(|v| format!("{} {would} {v}\n", order.name)).collect::<String>();
    if choice.pick.amount == Amount::All {
        text.pop();
    } else {
        text += &format!("the same again with --seed {}", order.seed);
    }
    let value = json!({
        "state": "chosen", "fault": order.name, "victims": victims, "seed": order.seed,
        "dry_run": choice.dry_run,
    });
    say.step(&text, &value);
}

async fn heal(injected: Injected, say: &Say) -> Result<(), Trouble> {
    let healed = injected.heal().await?;
    say.step(&healed.undone, &json!({"state": "undone", "how": healed.undone}));
    if let Some(seen) = healed.seen {
        say.step(&format!("whole again: {seen}"), &json!({"state": "healed", "how": seen}));
    }
    Ok(())
}

async fn interrupted(scene: &Scene, say: &Say) -> Result<Exit, Trouble> {
    let report = chaos::recover(&scene.journal, Reach::OwnRun).await?;
    recovery::show(&report, say);
    Ok(Exit::Interrupted)
}
