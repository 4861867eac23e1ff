//! How the clock of a store compares with that of this machine, where a store can
//! be asked for the time.
//!
//! The answer tells a time between the question and itself, so the middle of the two
//! is off by at most half of what lies between them (Cristian, 1989). Of several
//! answers the quickest counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scenarios::plan::Listing;

use crate::clock;
use crate::history::ClockOffset;
use crate::postgres::Session;
use crate::redis_server::{self, Server};

const ASKED: usize = 5;
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the clock of the store that holds a list; `None` where it cannot
/// be asked, or does not answer.
pub(super) async fn offset(kind: &Listing, address: &str) -> Option<ClockOffset> {
    match kind {
        Listing::Sql { .. } => of_postgres(address).await,
        Listing::RedisStream { .. } | Listing::RedisKey { .. } => of_redis(address).await,
        Listing::Mongodb { .. } => {
            let told = crate::mongodb::clock_of(address).await.ok()?;
            Some(ClockOffset { offset_ms: told.ms, error_ms: told.error_ms })
        }
        Listing::AmqpQueue { .. }
        | Listing::KafkaTopic(_)
        | Listing::Ndjson { .. }
        | Listing::Http { .. }
        | Listing::Command { .. } => None,
    }
}

async fn of_postgres(address: &str) -> Option<ClockOffset> {
    let session = Session::open(address, "clock").await.ok()?;
    let query = "select extract(epoch from clock_timestamp()) * 1000";
    let mut best = None;
    for _ in 0..ASKED {
        let before = clock::wall();
        let mut told = None;
        let read = session.ask(query, PATIENCE, |row| {
            told = row.get(0).and_then(|text| text.parse::<f64>().ok());
            Ok(())
        });
        read.await.ok()?;
        better(&mut best, before, told?, clock::wall());
    }
    best
}

async fn of_redis(address: &str) -> Option<ClockOffset> {
    let mut server = Server::connect(address, "clock").await.ok()?;
    let mut best = None;
    for _ in 0..ASKED {
        let before = clock::wall();
        let told: Result<Vec<redis::Value>, _> =
            redis::cmd("TIME").query_async(&mut server.connection).await;
        let after = clock::wall();
        let told = told.ok()?;
        let part = |place: usize| redis_server::text(told.get(place)?)?.parse::<f64>().ok();
        better(&mut best, before, part(0)? * 1e3 + part(1)? / 1e3, after);
    }
    best
}

/// Takes what was told between two moments, in milliseconds, if it is known better.
fn better(best: &mut Option<ClockOffset>, before: SystemTime, told: f64, after: SystemTime) {
    let ms =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3;
    let (before, after) = (ms(before), ms(after));
    let error_ms = (after - before).abs() / 2.0;
    if best.is_none_or(|best| error_ms < best.error_ms) {
        *best = Some(ClockOffset { offset_ms: told - f64::midpoint(before, after), error_ms });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_answer_counts_and_the_middle_is_off_by_half_at_most() {
        let at = |ms: u64| UNIX_EPOCH + Duration::from_millis(ms);
        let mut best = None;
        better(&mut best, at(1_000), 1_500.0, at(1_100));
        better(&mut best, at(2_000), 2_460.0, at(2_010));
        better(&mut best, at(3_000), 3_500.0, at(3_050));
        let best = best.unwrap();
        assert!((best.offset_ms - 455.0).abs() < 1e-6, "{best:?}");
        assert!((best.error_ms - 5.0).abs() < 1e-6, "{best:?}");
    }
}
