//! The subcommands that break something: prepare, inject, confirm, wait, heal.

use std::sync::Arc;
use std::time::Duration;

use chaos::{Action, Injected, Order, Reach, Scene, World, guard, http_client};
use scenarios::plan::Pick;
use serde_json::json;

use super::arguments::{Choice, CloseConnections, Common, KillProcess, PauseProcess};
use super::exit::{Exit, Trouble};
use super::place::{self, Signals};
use super::recovery;
use super::say::Say;
use super::targets::{Targets, description};

/// A continued process is seen to run at once.
const RESUME_WITHIN: Duration = Duration::from_secs(20);

/// `chaos kill-process`.
pub(crate) fn kill(asked: &KillProcess, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    let targets = Targets::find(&asked.processes)?;
    let (role, pick) = (description(&asked.processes), asked.choice.pick);
    let action = Action::KillProcess(chaos::KillProcess { role, pick });
    Strike { action, heal_within: RESUME_WITHIN, choice: &asked.choice }.run(targets, common, say)
}

/// `chaos pause-process`.
pub(crate) fn pause(asked: &PauseProcess, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    let targets = Targets::find(&asked.processes)?;
    let (role, pick) = (description(&asked.processes), asked.choice.pick);
    let action = Action::PauseProcess(chaos::PauseProcess { role, pick, lasts: asked.lasts.0 });
    Strike { action, heal_within: RESUME_WITHIN, choice: &asked.choice }.run(targets, common, say)
}

/// `chaos close-connections`.
pub(crate) fn close(asked: &CloseConnections, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    guard::host(&asked.management, &asked.allow)?;
    let action = Action::CloseConnections(chaos::CloseConnections {
        management: asked.management.clone(),
        matching: asked.matching.clone(),
        pick: asked.choice.pick,
    });
    let heal_within = asked.heal_within.0;
    Strike { action, heal_within, choice: &asked.choice }.run(Targets::none(), common, say)
}

/// What is to be done, from whichever subcommand.
struct Strike<'a> {
    action: Action,
    heal_within: Duration,
    choice: &'a Choice,
}

impl Strike<'_> {
    fn run(self, world: impl World + 'static, common: &Common, say: &Say) -> Result<Exit, Trouble> {
        let Self { action, heal_within, choice } = self;
        let journal = Arc::new(place::journal(common)?);
        let scene = Scene { world: Arc::new(world), journal, http: http_client()? };
        let seed = choice.seed.unwrap_or_else(place::fresh_seed);
        let order = Order { name: action.kind().replace('_', "-"), seed, heal_within, action };
        place::block_on(async {
            let mut signals = Signals::listen()?;
            tokio::select! {
                done = carry_out(&order, &scene, choice, say) => done,
                () = signals.caught() => interrupted(&scene, say).await,
            }
        })
    }
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
        tokio::time::sleep(order.action.lasts()).await;
    }
    heal(injected, say).await?;
    confirmed?;
    Ok(Exit::Done)
}

fn show_victims(order: &Order, victims: &[String], choice: &Choice, say: &Say) {
    let would = if choice.dry_run { "would hit" } else { "hits" };
    let mut text =
        victims.iter().map(|v| format!("{} {would} {v}\n", order.name)).collect::<String>();
    if choice.pick == Pick::All {
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
