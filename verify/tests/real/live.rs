//! Traffic of others: two versions of a service get requests that are none of ours,
//! and `verify` judges the new one by what they, or a Prometheus server, say of them.

use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use reports::record::{Finding, Record, Verdict};

use crate::support::LIMIT;

/// A process that ends with the test.
pub(crate) struct Ending(pub(crate) Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn systems() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/systems")
}

/// A port that nobody else is given before its server has it.
pub(crate) fn free_port() -> u16 {
    lab::free_port().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks, up to a deadline")]
fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < LIMIT, "never came: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn wait_for_port(port: u16) {
    wait_for("the port", || TcpStream::connect(("127.0.0.1", port)).is_ok());
}

/// Two versions that get requests.
struct Versions {
    stable: u16,
    canary: u16,
    _process: Ending,
}

impl Versions {
    fn start(variant: &str) -> Self {
        let (stable, canary) = (free_port(), free_port());
        let process = Command::new("python3")
            .arg(systems().join("observed.py"))
            .args(["--stable", &stable.to_string(), "--canary", &canary.to_string()])
            .args(["--variant", variant, "--wanted-by", &std::process::id().to_string()])
            .stdin(Stdio::null())
            .spawn();
        let versions = Self { stable, canary, _process: Ending(process.unwrap()) };
        wait_for_port(stable);
        wait_for_port(canary);
        versions
    }
}

/// A Prometheus server that scrapes both.
struct Prometheus {
    port: u16,
    _folder: tempfile::TempDir,
    _process: Ending,
}

impl Prometheus {
    fn start(versions: &Versions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = |name: &str, port: u16| {
            format!("  - targets: ['127.0.0.1:{port}']\n    labels: {{ version: {name} }}\n")
        };
        let config = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n- job_name: it\n  static_configs:\n{}{}",
            target("stable", versions.stable),
            target("canary", versions.canary)
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let process = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(folder.path())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn();
        let server = Self { port, _folder: folder, _process: Ending(process.unwrap()) };
        wait_for_port(port);
        server
    }
}

/// What `verify` says of a scenario.
fn judged(scenario: &str, targets: &[(&str, String)]) -> (i32, Record, String) {
    let runs = tempfile::tempdir().unwrap();
    let (code, said) = ran(scenario, targets, runs.path(), &[]);
    let folders = std::fs::read_dir(runs.path()).unwrap().flatten().map(|entry| entry.path());
    let mut records = folders.map(|folder| folder.join("verdict.json"));
    let record = records.find(|record| record.is_file()).unwrap_or_else(|| panic!("{said}"));
    let text = std::fs::read_to_string(record).unwrap();
    (code, serde_json::from_str(&text).unwrap(), said)
}

/// How a run ends, and everything that it writes.
fn ran(scenario: &str, targets: &[(&str, String)], runs: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
    command.arg("--scenario").arg(systems().join(scenario)).arg("--out").arg(runs).args(more);
    for (name, url) in targets {
        command.arg("--target").arg(format!("{name}={url}"));
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code().unwrap(), said)
}

fn finding<'a>(record: &'a Record, check: &str) -> &'a Finding {
    record.findings.iter().find(|finding| finding.check == check).unwrap()
}

/// What is said of each variant: exit code, and the check that is violated.
const EXPECTED: [(&str, i32, Option<&str>); 5] = [
    ("correct", 0, None),
    ("restarts", 0, None),
    ("errors", 1, Some("errors")),
    ("slower", 1, Some("response-time")),
    ("idle", 3, None),
];

fn expect(variant: &str, judged: &(i32, Record, String)) {
    let (code, record, said) = judged;
    let (_, expected, broken) = EXPECTED.iter().find(|(name, ..)| *name == variant).unwrap();
    assert_eq!(code, expected, "{variant}: {said}");
    let violated = |finding: &&Finding| finding.verdict == Verdict::Violated;
    let violated: Vec<&str> =
        record.findings.iter().filter(violated).map(|finding| &*finding.check).collect();
    assert_eq!(violated, broken.iter().copied().collect::<Vec<_>>(), "{variant}: {said}");
    assert_eq!(finding(record, "load-was-offered").verdict, Verdict::Held, "{said}");
}

#[test]
fn live_traffic_is_judged_by_the_metrics_of_both_versions() {
    let judge = |variant: &'static str| {
        let versions = Versions::start(variant);
        let url = |port: u16| format!("http://127.0.0.1:{port}/metrics");
        let targets = [("stable", url(versions.stable)), ("canary", url(versions.canary))];
        expect(variant, &judged("endpoints.toml", &targets));
    };
    std::thread::scope(|scope| {
        for variant in ["correct", "errors", "slower", "idle"] {
            scope.spawn(move || judge(variant));
        }
    });
}

#[test]
#[ignore = "needs prometheus; scripts/test-prometheus"]
fn live_traffic_is_judged_by_a_prometheus_server_alone() {
    for (variant, ..) in EXPECTED {
        let versions = Versions::start(variant);
        let prometheus = Prometheus::start(&versions);
        let targets = [("prometheus", format!("http://127.0.0.1:{}", prometheus.port))];
        expect(variant, &judged("observed.toml", &targets));
        if variant != "correct" {
            continue;
        }
        // By now it has scraped both, so that what is wrong is told before a run.
        for (wrong, told) in [
            ("bound=7ms", "no bucket ends at 0.007"),
            (
                "status=code",
                "no series of http_requests_total{version=\"canary\"} has a label code",
            ),
        ] {
            let runs = tempfile::tempdir().unwrap();
            let (code, said) = ran("observed.toml", &targets, runs.path(), &["--set", wrong]);
            assert!(code == 4 || code == 2, "{code}: {said}");
            assert!(said.contains(told), "{said}");
        }
    }
}
