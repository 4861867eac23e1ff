//! Counters of a Prometheus server as they were scraped, of a server that is made of
//! answers.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use scenarios::plan::ProbeKind;
use scenarios::plan::probe::Scraped;
use scenarios::template::Template;
use scenarios::units::{Span, Unit};

use crate::support::{LIMIT, Watch};

/// What a server has of one series: labels as JSON, and values by how many seconds ago
/// each was scraped.
type Series = (&'static str, Vec<(f64, f64)>);

/// A server that answers with the series that it holds.
#[derive(Clone)]
struct Server {
    url: String,
    series: Arc<Mutex<Vec<Series>>>,
    /// How often it was asked for series.
    looks: Arc<AtomicUsize>,
    /// When it began, by its clock, which is an hour slow.
    began: f64,
}

fn clock() -> f64 {
    verify::clock::wall().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() - 3_600.0
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, series: Arc::default(), looks: Arc::default(), began: clock() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut text = String::new();
                while reader.read_line(&mut text).is_ok_and(|read| read > 0)
                    && !text.ends_with("\r\n\r\n")
                {}
                let body = serving.answer(&text);
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length:";
                let _ = write!(stream, "{head} {}\r\n\r\n{body}", body.len());
            }
        });
        server
    }

    fn answer(&self, request: &str) -> String {
        let series = self.series.lock().unwrap();
        let (kind, result) = if request.contains("time%28%29") {
            ("scalar", format!("[{0},\"{0}\"]", clock()))
        } else if request.contains("count+by") {
            let le = |(labels, _): &Series| {
                let labels: serde_json::Value = serde_json::from_str(labels).unwrap();
                format!("{{\"metric\":{{\"le\":{}}},\"value\":[1,\"1\"]}}", labels["le"])
            };
            ("vector", format!("[{}]", series.iter().map(le).collect::<Vec<_>>().join(",")))
        } else {
            self.looks.fetch_add(1, Ordering::SeqCst);
            let one = |(labels, values): &Series| {
                let value =
                    |(at, value): &(f64, f64)| format!("[{:.3},\"{value}\"]", self.began + at);
                let values: Vec<String> = values.iter().map(value).collect();
                format!("{{\"metric\":{labels},\"values\":[{}]}}", values.join(","))
            };
            ("matrix", format!("[{}]", series.iter().map(one).collect::<Vec<_>>().join(",")))
        };
        format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"{kind}\",\"result\":{result}}}}}"
        )
    }

    fn has(&self, series: &[(&'static str, &[(f64, f64)])]) {
        let owned = series.iter().map(|&(labels, values)| (labels, values.to_vec()));
        *self.series.lock().unwrap() = owned.collect();
    }

    fn watch(&self, query: &str, above: Option<f64>, absent_is_zero: bool) -> Watch {
        Watch::start(ProbeKind::Promql {
            url: Template::new(&*self.url),
            query: query.to_owned(),
            counter: true,
            unit: Unit::Count,
            waits: false,
            scraped: Some(Scraped {
                by: None,
                above,
                lookback: Span::seconds(120),
                absent_is_zero,
            }),
        })
    }
}

async fn value(watch: &mut Watch, value: f64) {
    let what = format!("value {value}");
    watch.until(&what, |w| w.last("value", "").filter(|&known| known == value)).await;
}

const A: &str = r#"{"job":"j","instance":"a"}"#;
const B: &str = r#"{"job":"j","instance":"a","code":"500"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_scrape_is_read_once_at_its_own_time() {
    let server = Server::start();
    server.has(&[(A, &[(-30.0, 100.0), (-15.0, 110.0)])]);
    let mut watch = server.watch("sent_total", None, false);
    value(&mut watch, 10.0).await;
    // Two scrapes are seen at once; between them its process began again.
    let scrapes = [(-30.0, 100.0), (-15.0, 110.0), (-5.0, 4.0), (-1.0, 5.0)];
    server.has(&[(A, &scrapes)]);
    value(&mut watch, 15.0).await;
    let told: Vec<f64> = watch.samples["it.value"].iter().map(|sample| sample.value).collect();
    assert_eq!(told, [0.0, 10.0, 14.0, 15.0]);
    let times: Vec<f64> = watch.samples["it.value"].iter().map(|sample| sample.at).collect();
    for (at, scraped) in times.iter().zip([-30.0, -15.0, -5.0, -1.0]) {
        // The server's clock is an hour behind, which nobody sees.
        assert!((at - scraped).abs() < 5.0, "{at} instead of {scraped}");
    }
    // Another series of a target that is known began at 0.
    server.has(&[(A, &[(-1.0, 5.0), (0.5, 6.0)]), (B, &[(0.5, 3.0)])]);
    value(&mut watch, 19.0).await;
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_never_were_are_none_where_the_scenario_says_so() {
    let server = Server::start();
    let mut unknown = server.watch("errors_total", None, false);
    let told = unknown.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("no series errors_total"), "{told}");
    assert_eq!(unknown.last("value", ""), None);
    unknown.end().await;
    let mut zero = server.watch("errors_total", None, true);
    // A first look with nothing must have been before the series is there.
    let before = server.looks.load(Ordering::SeqCst);
    let begun = Instant::now();
    while server.looks.load(Ordering::SeqCst) < before + 2 {
        assert!(begun.elapsed() < LIMIT, "nobody looks");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let now = clock() - server.began;
    server.has(&[(B, &[(now, 4.0)])]);
    value(&mut zero, 4.0).await;
    let told = &zero.samples["it.value"];
    assert!(told.len() > 1 && told[0].value == 0.0, "{told:?}");
    zero.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_above_a_bound_is_counted_and_no_other_bound_is_guessed() {
    let server = Server::start();
    let buckets = |fast: f64, all: f64| {
        server.has(&[
            (r#"{"job":"j","instance":"a","le":"0.005"}"#, &[(-1.0, 90.0), (0.0, fast)]),
            (r#"{"job":"j","instance":"a","le":"+Inf"}"#, &[(-1.0, 100.0), (0.0, all)]),
        ]);
    };
    buckets(180.0, 200.0);
    let mut slow = server.watch("took_seconds", Some(0.005), false);
    value(&mut slow, 10.0).await;
    slow.end().await;
    let mut other = server.watch("took_seconds", Some(0.007), false);
    let told = other.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("no bucket ends at 0.007") && told.contains("0.005"), "{told}");
    assert_eq!(other.last("value", ""), None);
    other.end().await;
}
