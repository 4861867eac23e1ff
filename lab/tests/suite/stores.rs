//! Private Redis and PostgreSQL servers: they start, keep what was stored when
//! they are killed, stand side by side, and go.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Instant;

use lab::server::{postgres, redis};
use lab::{Lab, LabError, Need, Postgres, PostgresOptions, Redis, RedisOptions, Server};
use rustix::process::Signal;

use crate::support::{Host, is_alive, kill, kill_process, lab, mentioning, patience, until};

const HOSTS: [(&str, &str, &Need); 2] = [
    (redis::SERVER, "redis-server", &redis::NEED),
    (postgres::SERVER, "postgres", &postgres::NEED),
];

/// Sends words to a Redis server and gives all that it answers.
pub(crate) fn ask(redis: &Redis, words: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port())).unwrap();
    stream.write_all(format!("{words}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What `psql` says to a statement.
pub(crate) fn query(postgres: &Postgres, statement: &str) -> String {
    let output = Command::new("psql").args(["-XAtqc", statement, &postgres.url]).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    said.trim().to_owned()
}

fn start_redis(lab: &Lab, options: &RedisOptions) -> Redis {
    Redis::start(lab, options, patience()).unwrap()
}

#[test]
fn a_killed_redis_comes_back_with_what_it_had_answered() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let begun = Instant::now();
    let redis = start_redis(&lab, &RedisOptions::default());
    println!("redis was ready after {:?}", begun.elapsed());
    assert!(redis.version.starts_with(|c: char| c.is_ascii_digit()));
    for round in 1..=3 {
        assert!(ask(&redis, "XADD stream * field value").starts_with('$'));
        kill_process(&lab, redis::SERVER);
        redis.wait_until_ready(&lab, patience()).unwrap();
        assert!(ask(&redis, "XLEN stream").starts_with(&format!(":{round}\r\n")));
    }
}

#[test]
fn redis_forgets_and_asks_for_a_password_if_it_is_told_to() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let password = Some("s3cret".to_owned());
    let options = RedisOptions { append_only: false, password, ..RedisOptions::default() };
    let redis = start_redis(&lab, &options);
    assert_eq!(redis.url, format!("redis://:s3cret@127.0.0.1:{}", redis.port()));
    assert!(ask(&redis, "SET key value").contains("NOAUTH"));
    assert!(ask(&redis, "AUTH s3cret\r\nSET key value").starts_with("+OK\r\n+OK"));
    let pid = lab.process(redis::SERVER).unwrap().pid.unwrap();
    let seen = machine::process::command_line(pid);
    assert!(!seen.is_empty());
    assert!(!format!("{seen:?}").contains("s3cret"), "everybody can read this");
    kill_process(&lab, redis::SERVER);
    redis.wait_until_ready(&lab, patience()).unwrap();
    assert!(ask(&redis, "AUTH s3cret\r\nEXISTS key").contains(":0"));
}

#[test]
fn a_killed_postgresql_comes_back_with_what_was_committed() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let begun = Instant::now();
    let postgres = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap();
    println!("PostgreSQL was ready after {:?}", begun.elapsed());
    assert_eq!(query(&postgres, "show fsync"), "on");
    assert_eq!(query(&postgres, "show synchronous_commit"), "on");
    assert!(postgres.version.starts_with(|c: char| c.is_ascii_digit()));
    query(&postgres, "create table effects (id bigint primary key)");
    for round in 1..=3 {
        query(&postgres, &format!("insert into effects values ({round})"));
        kill_process(&lab, postgres::SERVER);
        postgres.wait_until_ready(&lab, patience()).unwrap();
        assert_eq!(query(&postgres, "select count(*) from effects"), round.to_string());
    }
}

#[test]
fn an_interrupt_ends_postgresql_in_good_order_although_a_client_is_there() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let postgres = Postgres::start(&lab, &PostgresOptions::default(), patience()).unwrap();
    let url = &postgres.url;
    let mut client = Command::new("psql").args(["-Xqc", "select pg_sleep(1000)", url]).spawn();
    let client = client.as_mut().unwrap();
    let asleep = "select count(*) from pg_stat_activity where query = 'select pg_sleep(1000)'";
    until("the client", || (query(&postgres, asleep) == "1").then_some(()));
    kill(lab.process(postgres::SERVER).unwrap().pid.unwrap(), Signal::INT);
    let last = until("the end", || lab.process(postgres::SERVER)?.last_exit);
    assert_eq!(last, "exit code 0");
    assert!(!client.wait().unwrap().success());
    postgres.wait_until_ready(&lab, patience()).unwrap();
}

/// The pieces of System V shared memory that belong to nobody who lives.
fn abandoned() -> usize {
    let segments = machine::shared_memory::segments().unwrap();
    segments.iter().filter(|segment| segment.attached == 0).count()
}

#[test]
fn two_of_each_stand_side_by_side_and_leave_nothing() {
    let before = abandoned();
    let logs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let labs = logs.each_ref().map(|logs| lab(logs.path()));
    let ports = labs.each_ref().map(|lab| {
        let redis = start_redis(lab, &RedisOptions::default());
        let postgres = Postgres::start(lab, &PostgresOptions::default(), patience()).unwrap();
        [redis.port(), postgres.port()]
    });
    for (lab, ports) in labs.iter().zip(ports) {
        let roles: Vec<String> = lab.processes().into_iter().map(|p| p.role).collect();
        assert_eq!(roles, ["postgres", "redis"]);
        let scratch = lab.scratch().to_owned();
        lab.stop().unwrap();
        assert!(!scratch.exists());
        assert_eq!(mentioning(&scratch).len(), 0);
        assert!(ports.iter().all(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()));
    }
    until("no shared memory left", || (abandoned() <= before).then_some(()));
}

#[test]
fn a_killed_program_takes_its_server_along() {
    for (command, _, _) in HOSTS {
        let mut host = Host::start(command, &[]);
        until("ready", || (host.line() == ["ready"]).then_some(()));
        host.child.kill().unwrap();
        host.expect_nothing_left();
    }
}

#[test]
fn a_killed_keeper_takes_its_server_along() {
    for (command, _, _) in HOSTS {
        let mut host = Host::start(command, &[]);
        let keeper: u32 = host.line()[1].parse().unwrap();
        until("ready", || (host.line() == ["ready"]).then_some(()));
        kill(keeper, Signal::KILL);
        let host_pid = host.child.id();
        until("the server's end", || {
            mentioning(host.folder.path()).into_iter().all(|pid| pid == host_pid).then_some(())
        });
        assert!(is_alive(host_pid));
        drop(host.child.stdin.take());
        host.expect_nothing_left();
    }
}

#[test]
fn a_missing_installation_is_answered_with_the_command() {
    let empty = tempfile::tempdir().unwrap();
    let mut host = Host::start("postgres", &[("SHAKEDOWN_POSTGRES_BIN", empty.path())]);
    let errors = host.errors();
    for words in ["postgres is not installed", "--no-install-recommends postgresql", "--provision"]
    {
        assert!(errors.contains(words), "{errors}");
    }
    host.expect_nothing_left();
    for (_, program, need) in HOSTS {
        assert!(need.is_installed() && Need::all().any(|listed| listed.program == program));
        assert_eq!(need.program, program);
    }
}

#[test]
fn a_server_that_dies_at_start_is_quoted() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["initdb", "postgres"] {
        let path = folder.path().join(program);
        fs::write(&path, "#!/bin/sh\necho the disk is made of cheese\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut host = Host::start("postgres", &[("SHAKEDOWN_POSTGRES_BIN", folder.path())]);
    let errors = host.errors();
    for words in ["exit code 1", "the disk is made of cheese", "postgres.log"] {
        assert!(errors.contains(words), "{errors}");
    }
    host.expect_nothing_left();
}

#[test]
fn a_taken_port_is_told() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = Some(taken.local_addr().unwrap().port());
    let redis = Redis::start(&lab, &RedisOptions { port, ..RedisOptions::default() }, patience());
    let postgres = Postgres::start(&lab, &PostgresOptions { port }, patience());
    for error in [redis.unwrap_err(), postgres.unwrap_err()] {
        assert!(matches!(error, LabError::PortInUse { .. }), "{error}");
    }
}
