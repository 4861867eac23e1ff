//! The figures of a run for Prometheus, while it goes on.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use loadgen::{Progress, Quantiles};
use tokio::net::TcpListener;

use super::recorder::Row;

/// The format of the answers.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves the figures.
pub(crate) struct Exporter {
    listener: TcpListener,
    figures: Figures,
}

/// The text that is served.
#[derive(Clone, Default)]
pub(crate) struct Figures(Arc<Mutex<String>>);

impl Exporter {
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot serve Prometheus at {address}; give a free port"))?;
        let figures = Figures::default();
        figures.show(Progress::default(), None);
        Ok(Self { listener, figures })
    }

    /// Where the figures are put.
    pub(crate) fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Serves one scraper after the other, for ever.
    pub(crate) async fn serve(self) {
        while let Ok((stream, _)) = self.listener.accept().await {
            let figures = self.figures.clone();
            let answer = service_fn(move |request| {
                let response = figures.answer(&request);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // A scraper that went away, or says nothing, has no claim.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), connection).await;
        }
    }
}

impl Figures {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, text) = if request.uri().path() == "/metrics" {
            (StatusCode::OK, self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
        } else {
            (StatusCode::NOT_FOUND, "the figures are at /metrics\n".to_owned())
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let format = hyper::header::HeaderValue::from_static(FORMAT);
        response.headers_mut().insert(CONTENT_TYPE, format);
        response
    }

    /// Shows the present figures.
    pub(crate) fn show(&self, progress: Progress, row: Option<&Row>) {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = write(&mut text, progress, row);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}

fn write(out: &mut String, progress: Progress, row: Option<&Row>) -> std::fmt::Result {
    let mut head = |name, kind, help| {
        writeln!(out, "# HELP loadgen_{name} {help}\n# TYPE loadgen_{name} {kind}")
    };
    head("operations_total", "counter", "Operations by what became of them.")?;
    for (outcome, count) in [
        ("acked", progress.acked),
        ("failed", progress.failed),
        ("indeterminate", progress.indeterminate),
        ("dropped", progress.dropped),
    ] {
        writeln!(out, "loadgen_operations_total{{outcome=\"{outcome}\"}} {count}")?;
    }
    for (name, kind, help, value) in [
        ("due_total", "counter", "Operations that came due.", progress.due),
        ("late_total", "counter", "Operations that were begun late.", progress.late),
        ("in_flight", "gauge", "Operations that are under way.", progress.under_way),
        ("waiting", "gauge", "Operations that are due and not begun.", progress.waiting()),
    ] {
        writeln!(
            out,
            "# HELP loadgen_{name} {help}\n# TYPE loadgen_{name} {kind}\nloadgen_{name} {value}"
        )?;
    }
    let Some(row) = row else { return Ok(()) };
    out.push_str(
        "# HELP loadgen_latency_seconds Latencies of the last second that is settled.\n\
         # TYPE loadgen_latency_seconds gauge\n",
    );
    for (kind, q) in [("delay", row.delay), ("service", row.service), ("response", row.response)] {
        let Quantiles { count, p50, p90, p95, p99, p999, max } = q;
        if count == 0 {
            continue;
        }
        for (quantile, time) in
            [("0.5", p50), ("0.9", p90), ("0.95", p95), ("0.99", p99), ("0.999", p999), ("1", max)]
        {
            writeln!(
                out,
                "loadgen_latency_seconds{{kind=\"{kind}\",quantile=\"{quantile}\"}} {}",
                time.as_secs_f64()
            )?;
        }
    }
    Ok(())
}
