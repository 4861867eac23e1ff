//! Sessions that PostgreSQL ends, felt by their client.

use lab::{Postgres, PostgresOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::ground::patience;
use super::{Case, Ground, SECRET, feel, words};
use crate::program::Desk;
use crate::sleeper::wait_for;

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
        assert!(err.contains("must not stand behind the ?") && !err.contains(SECRET), "{err}");
    }
}

/// Has the server, which trusts everybody, show a certificate for `localhost`;
/// gives the authority that signed it, as PEM.
fn encrypt(session: &Runtime, url: &str) -> String {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = names.signed_by(&key, &issuer).unwrap().pem();
    let put = |text: &str, file: &str| {
        format!(
            "copy (select regexp_split_to_table('{text}', '\\n')) \
             to program 'umask 077; cat > {file}';"
        )
    };
    session.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let files = [put(&certificate, "server.crt"), put(&key.serialize_pem(), "server.key")];
        for statement in files
            .iter()
            .map(String::as_str)
            .chain(["alter system set ssl = on", "select pg_reload_conf()"])
        {
            client.batch_execute(statement).await.unwrap();
        }
        while client.query_one("show ssl", &[]).await.unwrap().get::<_, String>(0) != "on" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    pem
}

#[test]
fn a_server_that_wants_tls_gets_it_and_must_be_trusted() {
    let mut ended = Ended::start();
    let authority = encrypt(&ended.runtime, &ended.url);
    let desk = Desk::new();
    let file = desk.0.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    let url = format!("{}?sslmode=require", ended.url.replace("127.0.0.1", "localhost"));
    let line = ["postgres-end-backends", "--url", &url, "--matching", "worker"];

    ended.connect();
    let stranger = desk.command(&line).env("SSL_CERT_FILE", "/dev/null").output().unwrap();
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert!(!stranger.status.success() && said.contains("SSL_CERT_FILE"), "{said}");
    assert!(!ended.is_felt(&desk));

    // The client comes back, and only then is the fault over.
    let mut trusted = desk.command(&line).env("SSL_CERT_FILE", &file).spawn().unwrap();
    wait_for("the session to be ended", || ended.is_felt(&desk));
    assert!(trusted.wait().unwrap().success());
}
