//! Connections closed through the management API, with its delays and its
//! refusals.

use std::sync::Arc;
use std::time::Duration;

use chaos::{
    ChoiceError, FaultError, Healed, Injected, Journal, Limits, Order, Scene, http_client, inject,
};
use scenarios::plan::fault::CloseConnections;
use scenarios::plan::{FaultKind, Pick};
use scenarios::template::Template;

use crate::management::{Api, Manner};
use crate::sleeper::{PATIENCE, Replicas};

const NAMES: [&str; 4] = ["worker-1", "worker-2", "service", "shakedown:worker-probe"];

fn order(management: String, matching: &str, pick: Pick) -> Order {
    let (management, matching) = (Template::new(management), matching.to_owned());
    let kind = FaultKind::CloseConnections(CloseConnections { management, matching, pick });
    let name = "cut the wörkers".to_owned();
    Order { name, seed: 1, heal_within: PATIENCE, kind, targets: Default::default() }
}

async fn begin(order: &Order) -> Result<Injected, FaultError> {
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(folder.path().join("journal"), "run").unwrap());
    let scene = Scene {
        world: Replicas::start(false),
        journal,
        http: http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    };
    inject(order, &scene).await
}

async fn live(order: &Order) -> Result<Healed, FaultError> {
    let injected = begin(order).await?;
    injected.confirm().await?;
    injected.heal().await
}

async fn refusal(manner: Manner, matching: &str, pick: Pick) -> FaultError {
    let api = Api::start(manner, &NAMES).await;
    let error = live(&order(api.url(), matching, pick)).await.unwrap_err();
    assert!(!error.to_string().contains("cret"), "{error}");
    error
}

#[tokio::test]
async fn matching_connections_are_closed_and_counted() {
    let manner = Manner { stale_lists: 2, reconnects: true, ..Manner::default() };
    let api = Api::start(manner, &NAMES).await;
    let healed = live(&order(api.url(), "worker", Pick::ALL)).await.unwrap();
    let seen = "2 of 2 connections are open; clients open more as needed";
    assert_eq!(healed.seen.as_deref(), Some(seen));
    assert_eq!(api.reasons(), ["shakedown fault cut the w?rkers"; 2]);
    // The tool's own connection was there before and is first among the kept.
    assert_eq!(api.open(), ["service", "shakedown:worker-probe", "worker-1", "worker-2"]);
}

#[tokio::test]
async fn an_empty_text_means_all_but_the_tools_own() {
    let api = Api::start(Manner { reconnects: true, ..Manner::default() }, &NAMES).await;
    let injected = begin(&order(api.url(), "", Pick::ALL)).await.unwrap();
    assert_eq!(injected.victims().len(), 3);
    injected.heal().await.unwrap();
    assert_eq!(api.open()[0], "shakedown:worker-probe");
}

#[tokio::test]
async fn connections_that_were_closed_before_a_refusal_are_the_victims() {
    let api = Api::start(Manner { allowed: Some(1), ..Manner::default() }, &NAMES).await;
    let injected = begin(&order(api.url(), "", Pick::ALL)).await.unwrap();
    assert_eq!(injected.victims().len(), 1);
    let error = injected.confirm().await.unwrap_err();
    assert!(error.is_refusal(), "{error}");
    assert!(error.to_string().starts_with("1 of 3 were hit and the others not"), "{error}");
    injected.heal().await.unwrap();
    assert_eq!(api.open().len(), 3);
}

#[tokio::test]
async fn a_connection_that_appears_late_is_waited_for() {
    let manner = Manner { blind_lists: 3, reconnects: true, ..Manner::default() };
    let api = Api::start(manner, &NAMES).await;
    live(&order(api.url(), "service", Pick::count(1))).await.unwrap();
    assert_eq!(api.reasons().len(), 1);
}

#[tokio::test]
async fn a_pool_that_does_not_refill_is_healed_all_the_same_and_at_once() {
    let api = Api::start(Manner::default(), &NAMES).await;
    let mut order = order(api.url(), "worker", Pick::count(1));
    order.heal_within = Duration::ZERO;
    let healed = live(&order).await.unwrap();
    let seen = "1 of 2 connections are open; clients open more as needed";
    assert_eq!(healed.seen.as_deref(), Some(seen));
}

#[tokio::test]
async fn a_text_that_matches_nothing_and_too_few_are_errors() {
    let (nothing, few) = tokio::join!(
        refusal(Manner::default(), "wroker", Pick::ALL),
        refusal(Manner::default(), "worker", Pick::count(3)),
    );
    let expected = ChoiceError::TooFew { asked: 3, found: 2 };
    assert!(matches!(few, FaultError::Choice { source, .. } if source == expected), "{few}");
    assert!(nothing.to_string().contains("\"wroker\" matches nothing"), "{nothing}");
}

#[tokio::test]
async fn a_stale_list_that_hits_nobody_is_an_error() {
    let error = refusal(Manner { all_gone: true, ..Manner::default() }, "", Pick::ALL).await;
    assert!(matches!(error, FaultError::NotLanded { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_password_says_how_to_give_the_right_one() {
    let api = Api::start(Manner::default(), &NAMES).await;
    let error = live(&order(api.url_with("joe:blackbird"), "", Pick::ALL)).await.unwrap_err();
    let text = error.to_string();
    assert!(error.is_refusal() && error.is_environment(), "{text}");
    assert!(text.contains("http://joe:***@127.0.0.1:") && text.contains("401"), "{text}");
    assert!(text.contains("http://USER:PASSWORD@HOST:PORT"), "{text}");
    assert!(!text.contains("blackbird"), "{text}");
}

#[tokio::test]
async fn a_user_who_may_not_a_broken_api_and_none_at_all_are_told_apart() {
    let status = |status| Manner { status: Some(status), ..Manner::default() };
    let forbidden = refusal(status(403), "", Pick::ALL).await;
    assert!(matches!(forbidden, FaultError::Credentials { .. }), "{forbidden}");
    assert!(forbidden.to_string().contains(" 403 "), "{forbidden}");
    let broken = refusal(status(500), "", Pick::ALL).await;
    assert!(matches!(broken, FaultError::Answer { .. }), "{broken}");
    assert!(broken.to_string().contains(" 500: "), "{broken}");
    let garbage = refusal(status(200), "", Pick::ALL).await;
    assert!(garbage.to_string().contains("not a list of connections"), "{garbage}");
    // A port that was just free: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = live(&order(format!("http://{free}"), "", Pick::ALL)).await.unwrap_err();
    assert!(matches!(error, FaultError::Unreachable { .. }), "{error}");
    assert!(error.is_environment());
}
