//! A health endpoint: whether it answers 200, and how fast.

use std::time::Instant;

use crate::observe::ProbeObserver;

/// Asks a health endpoint, each time on a new connection, so that every copy of
/// a service behind one address is asked in turn.
pub(super) struct Health {
    url: String,
    http: reqwest::Client,
    failures: u64,
}

impl Health {
    pub(super) fn new(url: String) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(super::PATIENCE)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { url, http, failures: 0 })
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let start = Instant::now();
        let answer = self.http.get(&self.url).send().await;
        let at = observer.now();
        let up = matches!(&answer, Ok(answer) if answer.status() == 200);
        if up {
            observer.value(at, "response", start.elapsed().as_secs_f64());
        } else {
            self.failures += 1;
        }
        observer.value(at, "up", f64::from(u8::from(up)));
        observer.value(at, "failures", self.failures as f64);
        match answer {
            Ok(_) => Ok(()),
            Err(error) => Err(super::whole(&error.without_url())),
        }
    }
}
