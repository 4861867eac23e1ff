//! The pause of a Redis server, which nobody can make shorter.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chaos::World;
use lab::{Redis, RedisOptions};
use scenarios::plan::FaultKind;
use scenarios::plan::fault::PauseRedis;
use scenarios::template::Template;
use scenarios::units::Span;

use super::play::{Nobody, Thing, cases, prove};
use crate::felt::{Ground, patience};
use crate::sleeper::wait_for;

const LASTS: Duration = Duration::from_secs(3);
/// Too long for an answer of a server that is not paused, and much shorter than a
/// pause.
const SILENCE: Duration = Duration::from_millis(400);
/// So many that two faults of one case hardly ever have the same.
const SETTINGS: usize = 10_000;

/// A server, and when the fault of each setting was asked for last.
struct Paused {
    _ground: Ground,
    redis: Redis,
    begun: Mutex<BTreeMap<usize, Instant>>,
}

impl Paused {
    /// Whether a write is answered in time.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.redis.port())) else {
            return false;
        };
        stream.set_read_timeout(Some(SILENCE)).unwrap();
        stream.write_all(b"SET key value\r\n").unwrap();
        stream.read_exact(&mut [0; 5]).is_ok()
    }
}

#[async_trait]
impl Thing for Paused {
    fn fault(&self, setting: usize) -> FaultKind {
        self.begun.lock().unwrap().insert(setting, Instant::now());
        FaultKind::RedisPause(PauseRedis {
            url: Template::new(&self.redis.url),
            lasts: Span(LASTS),
            writes_only: setting.is_multiple_of(2),
        })
    }

    fn is_whole(&self, _: usize) -> bool {
        false
    }

    /// As long as one of them has time left, nobody is answered.
    async fn check(&self, open: &[usize]) {
        if open.is_empty() {
            return wait_for("an answer", || self.answers());
        }
        let answers = self.answers();
        let begun = self.begun.lock().unwrap();
        let has_time = open.iter().any(|setting| begun[setting].elapsed() < LASTS);
        assert!(!(answers && has_time), "{open:?}");
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

#[test]
fn a_pause_of_redis_lasts_as_long_as_the_last_fault_has_time() {
    let ground = Ground::new();
    let redis = Redis::start(&ground.lab, &RedisOptions::default(), patience()).unwrap();
    let paused = Paused { _ground: ground, redis, begun: Mutex::default() };
    prove("redis pause", cases(2), SETTINGS, &paused);
}
