//! Sessions that PostgreSQL ends, felt by their client.

use lab::{Postgres, PostgresOptions};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::ground::patience;
use super::{Case, Ground, SECRET, feel, words};
use crate::program::Desk;

type Session = (Client, JoinHandle<Result<(), tokio_postgres::Error>>);

/// A session that is opened again when it was ended.
struct Ended {
    // It ends before the server.
    session: Option<Session>,
    runtime: Runtime,
    url: String,
    _ground: Ground,
}

impl Ended {
    fn start() -> Self {
        let ground = Ground::new();
        let options = PostgresOptions::default();
        let url = Postgres::start(&ground.lab, &options, patience()).unwrap().url;
        // The server asks for no password, and it must not be written down.
        let url = url.replace("postgres@", &format!("postgres:{SECRET}@"));
        Self { session: None, runtime: Runtime::new().unwrap(), url, _ground: ground }
    }

    fn connect(&mut self) {
        let url = format!("{}?application_name=worker", self.url);
        let connected = self.runtime.block_on(tokio_postgres::connect(&url, NoTls));
        let (client, connection) = connected.unwrap();
        self.session = Some((client, self.runtime.spawn(connection)));
    }
}

impl Case for Ended {
    fn arguments(&self) -> Vec<String> {
        words(&["postgres-end-backends", "--url", &self.url, "--matching", "worker"])
    }

    fn lasts(&self) -> bool {
        false
    }

    /// The server says why: 57P01.
    fn is_felt(&mut self, _: &Desk) -> bool {
        let Some((_, connection)) = self.session.take_if(|session| session.1.is_finished()) else {
            return false;
        };
        let error = self.runtime.block_on(connection).unwrap().unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::ADMIN_SHUTDOWN), "{error}");
        self.connect();
        true
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        if self.session.as_ref().is_none_or(|(client, _)| client.is_closed()) {
            self.connect();
        }
        let client = &self.session.as_ref().unwrap().0;
        self.runtime.block_on(client.simple_query("select 1")).is_ok()
    }
}

#[test]
fn an_ended_session_is_felt() {
    feel(&mut Ended::start());
}

/// Two hosts, or one behind a parameter, would get past the guard.
#[test]
fn an_address_with_further_hosts_is_refused() {
    let desk = Desk::new();
    for more in ["?host=192.0.2.1", "?hostaddr=192.0.2.1"] {
        let url = format!("postgres://joe:{SECRET}@127.0.0.1:1/db{more}");
        let (code, _, err) = desk.run(&["postgres-end-backends", "--url", &url]);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("more than one host") && !err.contains(SECRET), "{err}");
    }
}
