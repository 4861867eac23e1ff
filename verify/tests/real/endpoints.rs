//! Probes of Prometheus: endpoints that die and come back, and a server.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use scenarios::plan::ProbeKind;
use scenarios::plan::probe::matchers::Matchers;
use scenarios::plan::probe::{Metric, MetricRead};
use scenarios::template::Template;
use scenarios::units::{Share, Span, Unit};

use crate::support::Watch;

/// An endpoint that answers with whatever text it holds; `None` is an error.
#[derive(Clone)]
struct Endpoint {
    url: String,
    text: Arc<Mutex<Option<String>>>,
}

impl Endpoint {
    fn start(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://user:secret@{}/metrics", listener.local_addr().unwrap());
        let endpoint = Self { url, text: Arc::new(Mutex::new(Some(text.to_owned()))) };
        let text = endpoint.text.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 0)
                    && !line.ends_with("\r\n\r\n")
                {}
                let (status, body) = match &*text.lock().unwrap() {
                    Some(text) => ("200 OK", text.clone()),
                    None => ("503 Unavailable", String::new()),
                };
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        endpoint
    }

    fn say(&self, text: &str) {
        *self.text.lock().unwrap() = Some(text.to_owned());
    }

    fn fail(&self) {
        *self.text.lock().unwrap() = None;
    }
}

fn metric(name: &str, read: MetricRead) -> Metric {
    Metric {
        metric: name.to_owned(),
        labels: BTreeMap::new(),
        matchers: Matchers::default(),
        by: None,
        read,
        unit: Unit::Count,
        absent_is_zero: false,
        waits: false,
    }
}

fn probe(endpoints: &[&Endpoint], metrics: Vec<(&str, Metric)>) -> Watch {
    Watch::start(ProbeKind::Prometheus {
        urls: endpoints.iter().map(|endpoint| Template::new(&*endpoint.url)).collect(),
        metrics: metrics.into_iter().map(|(name, metric)| (name.to_owned(), metric)).collect(),
    })
}

async fn value(watch: &mut Watch, series: &str, label: &str, value: f64) {
    let what = format!("{series} {label} {value}");
    watch.until(&what, |w| w.last(series, label).filter(|&n| n == value)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_two_processes_survive_a_restart() {
    let (one, two) = (Endpoint::start("sent_total{to=\"a\"} 100\n"), Endpoint::start("up 1\n"));
    let by = Metric { by: Some("to".to_owned()), ..metric("sent_total", MetricRead::Counter) };
    let only = Metric {
        labels: [("to".to_owned(), "b".to_owned())].into(),
        ..metric("sent_total", MetricRead::Counter)
    };
    let zero = Metric { absent_is_zero: true, ..metric("dead_total", MetricRead::Counter) };
    let metrics = vec![
        ("sent", metric("sent_total", MetricRead::Counter)),
        ("by", by),
        ("only", only),
        ("dead", zero),
        ("absent", metric("dead_total", MetricRead::Counter)),
        ("up", metric("up", MetricRead::Gauge)),
    ];
    let mut watch = probe(&[&one, &two], metrics);
    value(&mut watch, "sent", "", 0.0).await;
    value(&mut watch, "dead", "", 0.0).await;
    assert_eq!(watch.last("absent", ""), None, "absent is unknown");
    assert_eq!(watch.last("only", ""), None);
    value(&mut watch, "up", "", 1.0).await;
    one.say("sent_total{to=\"a\"} 110\nsent_total{to=\"b\"} 5\n");
    value(&mut watch, "sent", "", 15.0).await;
    value(&mut watch, "by", "a", 10.0).await;
    value(&mut watch, "by", "b", 5.0).await;
    value(&mut watch, "only", "", 5.0).await;
    let first = &watch.samples["it.only"][0];
    assert_eq!(first.value, 0.0, "what appears began at 0");
    value(&mut watch, "resets", "", 0.0).await;
    // It dies: part of a sum is not the sum.
    one.fail();
    watch
        .until("the trouble", |w| w.troubles.iter().any(|t| t.contains("503")).then_some(()))
        .await;
    assert!(
        watch.troubles.iter().all(|trouble| !trouble.contains("secret")),
        "{:?}",
        watch.troubles
    );
    watch.forget();
    two.say("up 1\nsent_total{to=\"a\"} 3\n");
    one.say("sent_total{to=\"a\"} 4\n");
    value(&mut watch, "sent", "", 22.0).await;
    value(&mut watch, "resets", "", 1.0).await;
    assert!(watch.samples["it.sent"].iter().all(|sample| sample.value == 22.0));
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quantile_is_that_of_the_last_so_long() {
    let buckets = |fast: u32, slow: u32| {
        format!(
            "took_bucket{{le=\"0.1\"}} {fast}\ntook_bucket{{le=\"1\"}} {all}\ntook_bucket{{le=\"+Inf\"}} {all}\n",
            all = fast + slow
        )
    };
    let endpoint = Endpoint::start(&buckets(1_000, 0));
    let read = MetricRead::Quantile { quantile: Share(0.95), over: Span::seconds(1) };
    let mut watch = probe(&[&endpoint], vec![("p95", metric("took", read))]);
    watch.until("a second", |w| (w.samples.get("it.resets")?.len() > 12).then_some(())).await;
    assert_eq!(watch.last("p95", ""), None, "nothing was recorded, so there is no quantile");
    endpoint.say(&buckets(1_100, 0));
    let fast = watch.until("a quantile", |w| w.last("p95", "")).await;
    assert!(fast <= 0.1, "{fast}");
    // A tail that a quantile over the whole run would hide.
    endpoint.say(&buckets(1_100, 50));
    watch.until("the tail", |w| w.last("p95", "").filter(|&p95| p95 > 0.1)).await;
    watch.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_server_is_asked() {
    let answer = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1,"7"]},{"metric":{"job":"b"},"value":[1,"NaN"]}]}}"#;
    let endpoint = Endpoint::start(answer);
    let url = endpoint.url.trim_end_matches("/metrics").to_owned();
    let mut watch = Watch::start(ProbeKind::Promql {
        url: Template::new(url),
        query: "sum by (job) (up)".to_owned(),
        counter: false,
        unit: Unit::Count,
        waits: false,
        scraped: None,
    });
    value(&mut watch, "value", "a", 7.0).await;
    assert_eq!(watch.last("value", "b"), None, "NaN is unknown");
    endpoint.say("<html>");
    let told = watch.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("no answer of Prometheus") && !told.contains("secret"), "{told}");
    watch.end().await;
}

/// A server that ends with the test.
struct Prometheus(std::process::Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs prometheus; scripts/test-prometheus"]
async fn a_real_server_comes_to_the_same_figures() {
    let endpoint = Endpoint::start("");
    let folder = tempfile::tempdir().unwrap();
    let target = endpoint.url.trim_start_matches("http://user:secret@");
    let target = target.trim_end_matches("/metrics");
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: it\n  static_configs:\n  - targets: ['{target}']\n"
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let port = lab::free_port().unwrap();
    let server = std::process::Command::new("prometheus")
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(folder.path())
        .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
        .spawn();
    let _server = Prometheus(server.unwrap());
    // The same mixture all the time, whose quantile lies within a bucket.
    let mut counts = (0, 0);
    let shown = endpoint.clone();
    let mut go_on = move || {
        counts = (counts.0 + 90, counts.1 + 10);
        shown.say(&format!(
            "# TYPE took histogram\ntook_bucket{{le=\"0.1\"}} {0}\ntook_bucket{{le=\"0.5\"}} {1}\ntook_bucket{{le=\"+Inf\"}} {1}\ntook_count {1}\ntook_sum 1\n",
            counts.0,
            counts.0 + counts.1
        ));
    };
    go_on();
    let read = MetricRead::Quantile { quantile: Share(0.95), over: Span::seconds(3) };
    let mut ours = probe(&[&endpoint], vec![("p95", metric("took", read))]);
    let theirs = |query: &str| {
        Watch::start(ProbeKind::Promql {
            url: Template::new(format!("http://127.0.0.1:{port}")),
            query: query.to_owned(),
            counter: false,
            unit: Unit::Seconds,
            waits: false,
            scraped: None,
        })
    };
    let mut quantile = theirs("histogram_quantile(0.95, sum by (le) (rate(took_bucket[5s])))");
    let ticking = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            go_on();
        }
    };
    let comparing = async {
        let ours = ours.until("our quantile", |w| w.last("p95", "")).await;
        let theirs = quantile.until("their quantile", |w| w.last("value", "")).await;
        assert!((ours - 0.3).abs() < 1e-6, "{ours}");
        assert!((theirs - ours).abs() < 1e-6, "{theirs} and {ours}");
    };
    tokio::select! {
        () = ticking => {}
        () = comparing => {}
    }
    let mut wrong = theirs("rate(took_bucket[5s]");
    let told = wrong.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("parse error"), "{told}");
    let mut nothing = theirs("nowhere");
    let told = nothing.until("the trouble", |w| w.troubles.first().cloned()).await;
    assert!(told.contains("no value"), "{told}");
}
