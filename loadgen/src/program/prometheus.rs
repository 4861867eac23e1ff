//! The figures of a run for Prometheus, while it goes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use exposition::{Page, Server};
use loadgen::{Progress, Quantiles};

use super::recorder::Row;

/// Serves the figures.
pub(crate) struct Exporter {
    server: Server,
    figures: Figures,
}

/// The text that is served.
#[derive(Clone, Default)]
pub(crate) struct Figures(Arc<Mutex<String>>);

impl Exporter {
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let server = Server::bind(address)
            .await
            .with_context(|| format!("cannot serve Prometheus at {address}; give a free port"))?;
        let figures = Figures::default();
        figures.show(Progress::default(), None);
        Ok(Self { server, figures })
    }

    /// Where the figures are put.
    pub(crate) fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Serves one scraper after the other, for ever.
    pub(crate) async fn serve(self) {
        let Self { server, figures } = self;
        server.serve(move || figures.text()).await;
    }
}

impl Figures {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows the present figures.
    pub(crate) fn show(&self, progress: Progress, row: Option<&Row>) {
        let text = page(progress, row).render();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

fn page(progress: Progress, row: Option<&Row>) -> Page {
    let mut page = Page::default();
    let help = "Operations by what became of them.";
    let mut operations = page.counter("loadgen_operations_total", help);
    for (outcome, count) in [
        ("acked", progress.acked),
        ("failed", progress.failed),
        ("indeterminate", progress.indeterminate),
        ("dropped", progress.dropped),
    ] {
        operations.count(&[("outcome", outcome)], count);
    }
    page.counter("loadgen_due_total", "Operations that came due.").count(&[], progress.due);
    let help = "Operations that were begun late.";
    page.counter("loadgen_late_total", help).count(&[], progress.late);
    let help = "Operations that are under way.";
    page.gauge("loadgen_in_flight", help).count(&[], progress.under_way);
    let help = "Operations that are due and not begun.";
    page.gauge("loadgen_waiting", help).count(&[], progress.waiting());
    let Some(row) = row else { return page };
    let help = "Latencies of the last second that is settled.";
    let mut latency = page.gauge("loadgen_latency_seconds", help);
    for (kind, q) in [("delay", row.delay), ("service", row.service), ("response", row.response)] {
        let Quantiles { count, p50, p90, p95, p99, p999, max } = q;
        if count == 0 {
            continue;
        }
        for (quantile, time) in
            [("0.5", p50), ("0.9", p90), ("0.95", p95), ("0.99", p99), ("0.999", p999), ("1", max)]
        {
            latency.sample(&[("kind", kind), ("quantile", quantile)], time.as_secs_f64());
        }
    }
    page
}
