//! Sessions ended by PostgreSQL itself (`pg_terminate_backend`): what an
//! administrator, a failover or an idle time-out does. A transaction that was
//! open is rolled back; one whose commit was not answered is indeterminate.

use async_trait::async_trait;
use scenarios::plan::fault::EndBackends;

use super::severed::{self, Host, Severed};
use super::{About, Order, Strike};
use crate::FaultError;
use crate::postgres_server::{Backend, Server};

pub(super) const ABOUT: About = About {
    kind: "postgres_end_backends",
    command: "postgres-end-backends",
    does: "has PostgreSQL end sessions",
    confirmed: "the server no longer lists those sessions",
    undone: "nothing to undo; clients connect again",
    contract: "a server may end any session; what was committed stays, what was not is rolled back",
};

pub(super) async fn prepare(
    asked: &EndBackends,
    order: &Order,
) -> Result<Box<dyn Strike>, FaultError> {
    let server = Server::connect(&order.fill(&asked.url)?).await?;
    let database = Database { server, matching: asked.matching.clone() };
    Ok(Box::new(Severed::choose(database, asked.pick, order.seed).await?))
}

/// Whom it would not hit now, and whom there is instead.
pub(super) async fn nobody(asked: &EndBackends, url: &str) -> Result<Option<String>, FaultError> {
    let server = Server::connect(url).await?;
    let database = Database { server, matching: asked.matching.clone() };
    severed::nobody(&database, &asked.matching).await
}

struct Database {
    server: Server,
    matching: String,
}

#[async_trait]
impl Host for Database {
    type Session = Backend;
    const WORD: &'static str = "sessions";

    async fn all(&self) -> Result<Vec<Backend>, FaultError> {
        self.server.backends().await
    }

    fn is_meant(&self, backend: &Backend) -> bool {
        backend.matches(&self.matching)
    }

    fn candidate(&self) -> String {
        format!("PostgreSQL session with {:?}", self.matching)
    }

    fn since(backend: &Backend) -> i128 {
        backend.since.into()
    }

    fn is(a: &Backend, b: &Backend) -> bool {
        a.is(b)
    }

    async fn end(&self, backend: &Backend) -> Result<bool, FaultError> {
        self.server.end(backend).await
    }
}
