//! The look at somebody's own Redis and PostgreSQL before a run.

use std::collections::BTreeMap;

use lab::{Postgres, PostgresOptions, Redis, RedisOptions};
use verify::preflight::reach;
use verify::targets::TargetError;

use crate::support::{lab, patience};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_from_a_wrong_address() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let options = RedisOptions { password: Some("secret".to_owned()), ..RedisOptions::default() };
    let redis = Redis::start(&lab, &options, patience()).unwrap();
    let postgres = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap();
    let source = scenarios::suite::find("channel-leak").unwrap();
    let plan = scenarios::plan("s", source.source, &scenarios::Settings::default()).unwrap();
    let ask = async |address: &str| {
        reach(&plan, &BTreeMap::from([("it".to_owned(), address.to_owned())])).await
    };
    ask(&redis.url).await.unwrap();
    ask(&postgres.url).await.unwrap();
    for wrong in [
        format!("redis://127.0.0.1:{}", redis.port()),
        format!("redis://:hunter2@127.0.0.1:{}", redis.port()),
    ] {
        let error = ask(&wrong).await.unwrap_err();
        assert!(matches!(error, TargetError::Unauthorized { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    // The lab's server trusts everybody, but not somebody without a name here.
    let nobody = format!("postgres://nobody:hunter2@127.0.0.1:{}/postgres", postgres.port());
    let error = ask(&nobody).await.unwrap_err();
    assert!(matches!(error, TargetError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let nowhere = format!("postgres://postgres@127.0.0.1:{}/nowhere", postgres.port());
    let error = ask(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("\"nowhere\" does not exist"), "{error}");
    for closed in ["redis://:hunter2@127.0.0.1:1", "postgres://a:hunter2@127.0.0.1:1/d"] {
        let error = ask(closed).await.unwrap_err();
        assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    // Not what it should be.
    let error = ask(&format!("redis://127.0.0.1:{}", postgres.port())).await.unwrap_err();
    assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
}
