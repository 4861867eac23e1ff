//! `[[fault]]`: something that is broken on purpose.

mod host;
mod kubernetes;
mod messages;
mod network;
mod postgres;
mod process;
mod rabbitmq;
mod redis;

use super::links::{Kind, Links, Wait};
use crate::plan::fault::Victims;
use crate::plan::{After, AfterLoad, AfterStep, Again, Fault, FaultKind, Pick};
use crate::read::{At, Table};
use crate::units::Span;

const PICK: &str =
    "\"one\", \"all\", a number or a share, with \"oldest\" in front if that matters.";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Fault {
    let phase_at = table.req_at("phase", "The phase in which it is injected.");
    let phase = links.refer(Kind::Phase, phase_at.clone());
    let at = table.or_at("at", "When, counted from the start of the phase.", Span::default());
    links.within(&phase, at.clone());
    let about = "What the load must have done before, too, or a step of a deployment.";
    let after = table.opt_table("after", about, |table| after(table, links, &phase));
    let heal_within = table.or(
        "heal_within",
        "How long the system may take to be whole again.",
        Span::seconds(30),
    );
    let every = table.opt_at::<Span>(
        "every",
        "About how often it comes again, for the soak: the seed draws its turns, NAME-1 and so on, from half of this to one and a half times as much apart. A turn waits until whatever was broken before it is over and had its time to heal, and each is whole again before the phase ends.",
    );
    if let Some(every) = &every {
        let wrong = if after.is_some() {
            Some("a fault that comes again and again waits for nothing; leave out after, or every")
        } else if every.value.0.is_zero() && !every.is_placeholder() {
            Some("a fault needs some time to come again; write for example every = \"10m\"")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            table.context.problem(Some(every.span.clone()), wrong, None);
        }
    }
    let again = every.map(|every| Again::Every(every.value));
    let nothing = Victims { role: String::new(), pick: Pick::ALL };
    let kind = read_kind(table, links, &phase_at).unwrap_or(FaultKind::KillProcess(nothing));
    Fault { name: name.to_owned(), phase, at: at.value, after, heal_within, again, kind }
}

/// So many operations, or a step of a deployment: never both.
fn after(table: &mut Table<'_, '_>, links: &Links, phase: &str) -> After {
    let of_step = ["deployment", "step", "updated"].iter().any(|key| table.has(key));
    let of_load = ["workload", "acked"].iter().any(|key| table.has(key));
    if of_step && of_load {
        let message = "a fault waits for operations or for a step, and this one for both";
        let help = "give workload and acked, or deployment and step";
        table.context.problem(Some(table.head()), message, Some(help.to_owned()));
    }
    let load = of_load || !(of_step || table.is_described());
    // Each key is asked for in any case, so that all of them are known.
    let text = |table: &mut Table<'_, '_>, key, help, needed: bool| match needed {
        true => table.req_at::<String>(key, help),
        false => {
            let none = At { value: String::new(), span: 0..0 };
            table.opt_at::<String>(key, help).unwrap_or(none)
        }
    };
    let workload = text(table, "workload", "The workload whose operations count.", load);
    let how_many = "How many of them must have been acknowledged.";
    let acked = match load {
        true => table.req("acked", how_many),
        false => table.opt("acked", how_many).unwrap_or_default(),
    };
    let deployment = text(table, "deployment", "The deployment of which a step counts.", of_step);
    let step = text(
        table,
        "step",
        "The step that must be done before; with updated, be under way.",
        of_step,
    );
    let updated = table.opt_at::<u32>(
        "updated",
        "How many pods must be new while the step is under way; 0 is as soon as the orchestrator has seen it.",
    );
    if !of_step {
        let workload = links.refer(Kind::Workload, workload);
        return After::Load(AfterLoad { workload, acked });
    }
    let deployment = links.refer(Kind::Deployment, deployment);
    let (name, pods) = (step.value.clone(), updated.as_ref().map(|at| at.value));
    links.wait(Wait { phase: phase.to_owned(), deployment: deployment.clone(), step, updated });
    After::Step(AfterStep { deployment, step: name, updated: pods })
}

fn read_kind(table: &mut Table<'_, '_>, links: &Links, phase: &At<String>) -> Option<FaultKind> {
    let [kill, terminate, pause, stop] = process::read(table);
    let [close, alarm, purge] = rabbitmq::read(table);
    let [kill_clients, pause_redis] = redis::read(table);
    let end_backends = postgres::read(table);
    let [toxic, shift] = network::read(table, links, phase);
    let duplicate = messages::read(table);
    let [burn, memory, disk, clock, command] = host::read(table);
    let [kill_pods, terminate_pods, evict_pods] = kubernetes::read_pods(table);
    let [restart, image, back, scale] = kubernetes::read_rollouts(table);
    table.one_of(
        "fault",
        [
            ("kill_process", kill),
            ("terminate_process", terminate),
            ("pause_process", pause),
            ("stop_process", stop),
            ("close_connections", close),
            ("rabbitmq_alarm", alarm),
            ("purge_queue", purge),
            ("redis_kill_clients", kill_clients),
            ("redis_pause", pause_redis),
            ("postgres_end_backends", end_backends),
            ("toxic", toxic),
            ("shift_traffic", shift),
            ("duplicate", duplicate),
            ("burn_cpu", burn),
            ("fill_memory", memory),
            ("fill_disk", disk),
            ("clock_offset", clock),
            ("run_command", command),
            ("kill_pods", kill_pods),
            ("terminate_pods", terminate_pods),
            ("evict_pods", evict_pods),
            ("restart_rollout", restart),
            ("set_image", image),
            ("roll_back", back),
            ("scale", scale),
        ],
    )
}

/// Which of the candidates are hit.
fn pick(table: &mut Table<'_, '_>) -> Pick {
    table.or("pick", PICK, Pick::count(1))
}

/// How long a fault lasts.
fn lasts(table: &mut Table<'_, '_>) -> Span {
    let lasts: At<Span> = table.req_at("for", "How long it lasts.");
    if lasts.value.0.is_zero() && !lasts.is_placeholder() {
        let help = Some("give a time such as \"10s\"".to_owned());
        table.context.problem(Some(lasts.span), "a fault that lasts no time is none", help);
    }
    lasts.value
}
