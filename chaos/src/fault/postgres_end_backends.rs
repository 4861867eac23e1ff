//! Sessions ended by PostgreSQL itself (`pg_terminate_backend`): what an
//! administrator, a failover or an idle time-out does. A transaction that was
//! open is rolled back; one whose commit was not answered is indeterminate.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::EndBackends;

use super::severed::{Sessions, Severed};
use super::{About, Order, Strike};
use crate::postgres_server::{Backend, Server};
use crate::timetable::choose;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "postgres_end_backends",
    command: "postgres-end-backends",
    does: "has PostgreSQL end sessions",
    confirmed: "the server no longer lists those sessions",
    undone: "nothing to undo; clients connect again",
    contract: "a server may end any session; what was committed stays, what was not is rolled back",
};

const SEE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn prepare(
    asked: &EndBackends,
    order: &Order,
) -> Result<Box<dyn Strike>, FaultError> {
    let server = Server::connect(&order.fill(&asked.url)?).await?;
    let candidates = candidates(&server, &asked.matching).await?;
    let victims = choose(&candidates, asked.pick, order.seed, |backend| backend.since);
    let victims = victims.map_err(|source| FaultError::Choice {
        what: format!("PostgreSQL session with {:?}", asked.matching),
        source,
    })?;
    let (matching, before) = (asked.matching.clone(), candidates.len());
    Ok(Box::new(End { server, matching, before, victims }))
}

async fn candidates(server: &Server, matching: &str) -> Result<Vec<Backend>, FaultError> {
    let mut backends = server.backends().await?;
    backends.retain(|backend| backend.matches(matching));
    Ok(backends)
}

struct End {
    server: Server,
    matching: String,
    before: usize,
    victims: Vec<Backend>,
}

#[async_trait]
impl Severed for End {
    const WORD: &'static str = "sessions";
    const SEE_WITHIN: Duration = SEE_WITHIN;
    const LOOK_EVERY: Duration = LOOK_EVERY;

    fn before(&self) -> usize {
        self.before
    }

    async fn count(&self) -> Result<Sessions, FaultError> {
        let open = candidates(&self.server, &self.matching).await?;
        let is_hit = |open: &&Backend| self.victims.iter().any(|victim| victim.is(open));
        let hit = open.iter().filter(is_hit).count();
        Ok(Sessions { hit, others: open.len() - hit })
    }
}

#[async_trait]
impl Strike for End {
    fn victims(&self) -> Vec<String> {
        self.victims.iter().map(Backend::to_string).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "clients connect again".to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let mut ended = 0;
        for victim in &self.victims {
            ended += usize::from(self.server.end(victim).await?);
        }
        if ended == 0 {
            let why = "every chosen session had ended before".to_owned();
            return Err(FaultError::NotLanded { why });
        }
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.all_gone().await
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        self.as_many_again(within).await
    }
}
