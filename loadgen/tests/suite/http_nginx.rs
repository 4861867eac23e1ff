//! HTTP/1.1 and HTTP/2 against nginx, a private child of each test: in the
//! clear, through TLS, and with certificates of both sides.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loadgen::{Http, HttpVersion, Job, LoadError, Report, Schedule, Tls, Transport};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use scenarios::units::Rate;
use tempfile::TempDir;

use crate::support::{PATIENCE, SECOND, complete, start, until_acked};

pub(crate) const HTTP2: HttpVersion = HttpVersion::Http2 { streams: 32 };

/// A private server; gone when it is dropped.
pub(crate) struct Nginx {
    pub(crate) port: u16,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// Starts with these words behind the port that it listens on, and these
    /// lines in its server.
    pub(crate) fn start(listen: &str, lines: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        std::fs::write(folder.path().join("large"), vec![b'x'; 3_000_000]).unwrap();
        // Somebody else may take the port in between: then try another.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            std::fs::write(
                folder.path().join("nginx.conf"),
                configuration(folder.path(), port, listen, lines),
            )
            .unwrap();
            let mut child = spawn(folder.path());
            if comes_up(&mut child, port, &folder.path().join("pid")) {
                return Self { port, folder, child };
            }
        }
        let log = std::fs::read_to_string(folder.path().join("error.log"));
        panic!("nginx does not start; install it with scripts/test: {log:?}");
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Trusts the server's authority, as the client of that name if any.
    pub(crate) fn tls(&self, client: Option<&str>) -> Tls {
        Tls {
            ca: Some(self.file("ca.pem")),
            cert: client.map(|name| self.file(&format!("{name}.pem"))),
            key: client.map(|name| self.file(&format!("{name}.key"))),
            insecure: false,
        }
    }

    /// What it has answered with 204, and by which protocol.
    fn seen(&self) -> Vec<(String, String)> {
        let log = std::fs::read_to_string(self.file("access.log")).unwrap();
        let lines = log.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        lines
            .filter(|words| words[0] == "204")
            .map(|words| (words[1].to_owned(), words[2].to_owned()))
            .collect()
    }

    /// Ends as by a crash, and starts again on the same port.
    fn crash_and_return(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (end, pid) = (Instant::now() + PATIENCE, self.file("pid"));
        std::fs::remove_file(&pid).unwrap();
        loop {
            self.child = spawn(self.folder.path());
            if comes_up(&mut self.child, self.port, &pid) {
                return;
            }
            assert!(Instant::now() < end, "nginx does not come back");
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, port: u16, listen: &str, lines: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};\n", folder.display()))
        .collect();
    format!(
        "daemon off; master_process off; pid {folder}/pid;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n{temporary}\
         log_format seen '$status $server_protocol $http_x_id';\n\
         access_log {folder}/access.log seen;\n\
         server {{\n\
         listen 127.0.0.1:{port} {listen};\n\
         root {folder};\n\
         {lines}\n\
         location /large {{ }}\n\
         location / {{\n\
         if ($host != 127.0.0.1) {{ return 421; }}\n\
         return 204;\n\
         }}\n\
         location /named {{\n\
         if ($http_x_id != $arg_id) {{ return 400; }}\n\
         if ($host != shop.test) {{ return 421; }}\n\
         return 204;\n\
         }}\n}}\n}}\n",
        folder = folder.display(),
    )
}

fn spawn(folder: &Path) -> Child {
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(folder)
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        // Where its sockets are.
        .current_dir(folder)
        // Not everybody has it in the path.
        .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command.spawn().expect("nginx is installed by scripts/test")
}

/// It writes down its id when it listens everywhere.
fn comes_up(child: &mut Child, port: u16, pid: &Path) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if pid.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::yield_now();
    }
    panic!("nginx does not listen");
}

/// Makes an authority, certificates of a server and a client that it signed,
/// and those of an authority that nobody trusts and its client.
fn certify(folder: &Path) {
    for (authority, names) in [("ca", &["server", "client"][..]), ("other", &["stranger"])] {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, authority);
        let key = KeyPair::generate().unwrap();
        write(folder, &format!("{authority}.pem"), &params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        for name in names {
            let key = KeyPair::generate().unwrap();
            let params =
                CertificateParams::new(vec!["127.0.0.1".to_owned(), "shop.test".to_owned()]);
            let mut params = params.unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, *name);
            let certificate = params.signed_by(&key, &issuer).unwrap();
            write(folder, &format!("{name}.pem"), &certificate.pem());
            write(folder, &format!("{name}.key"), &key.serialize_pem());
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// The lines of a server that shows its certificate.
pub(crate) const SHOWS: &str = "ssl_certificate server.pem; ssl_certificate_key server.key; ";

/// The lines of one that asks for the client's, too.
const ASKS: &str = "ssl_certificate server.pem; ssl_certificate_key server.key; \
                    ssl_client_certificate ca.pem; ssl_verify_client on;";

fn http(url: &str, version: HttpVersion, tls: Tls) -> Http {
    Http {
        method: "POST".to_owned(),
        headers: vec![("X-Id".to_owned(), "@{id}".to_owned())],
        body: "@{id}".into(),
        tls,
        version,
        ..Http::new(url)
    }
}

fn job(http: Http, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http))
    }
}

fn run(job: Job) -> Report {
    complete(start(job).wait().unwrap())
}

/// Every operation was acked, and the server has answered each by `protocol`.
fn all_acked(report: &Report, nginx: &Nginx, protocol: &str) {
    assert_eq!(report.totals.acked, report.totals.due, "{:?} {:?}", report.totals, report.errors);
    let seen = nginx.seen();
    assert!(seen.iter().all(|(by, _)| by == protocol), "{seen:?}");
    let identities: BTreeSet<_> = seen.iter().map(|(_, identity)| identity).collect();
    assert_eq!(identities.len() as u64, report.totals.due);
    assert_eq!(seen.len(), identities.len());
}

#[test]
fn every_operation_is_acked_in_the_clear() {
    // A GOAWAY after every hundredth request.
    let nginx = Nginx::start("http2", "keepalive_requests 100; http2_max_concurrent_streams 8;");
    let report = run(job(http(&nginx.url("http"), HTTP2, Tls::default()), 1_000.0, 2 * SECOND));
    all_acked(&report, &nginx, "HTTP/2.0");
    assert_eq!(report.outages, []);
}

#[test]
fn templates_fill_header_path_and_authority() {
    for (listen, version) in [("", HttpVersion::Http1), ("http2", HTTP2)] {
        let nginx = Nginx::start(listen, "");
        let url = format!("{}named?id=@{{id}}", nginx.url("http"));
        let mut http = http(&url, version, Tls::default());
        http.headers.push(("Host".to_owned(), "shop.test".to_owned()));
        let report = run(job(http, 100.0, SECOND));
        assert_eq!(report.totals.acked, 100, "{version:?} {:?}", report.errors);
    }
}

#[test]
fn large_bodies_are_read_and_thrown_away() {
    let nginx = Nginx::start("http2", "");
    let mut http = http(&format!("{}large", nginx.url("http")), HTTP2, Tls::default());
    (http.method, http.body) = ("GET".to_owned(), "".into());
    let report = run(job(http, 50.0, SECOND));
    assert_eq!(report.totals.acked, 50, "{:?}", report.errors);
}

#[test]
fn large_requests_are_sent_as_the_server_takes_them() {
    let nginx = Nginx::start("http2", "");
    let mut http = http(&nginx.url("http"), HTTP2, Tls::default());
    http.body = "x".repeat(300_000).into();
    let report = run(job(http, 50.0, SECOND));
    all_acked(&report, &nginx, "HTTP/2.0");
}

#[test]
fn a_server_is_trusted_by_its_authority_alone() {
    for (version, protocol) in [(HttpVersion::Http1, "HTTP/1.1"), (HTTP2, "HTTP/2.0")] {
        let nginx = Nginx::start("ssl http2", SHOWS);
        let url = nginx.url("https");
        let report = run(job(http(&url, version, nginx.tls(None)), 300.0, SECOND));
        all_acked(&report, &nginx, protocol);
        let other = Tls { ca: Some(nginx.file("other.pem")), ..Tls::default() };
        for tls in [Tls::default(), other] {
            // No waiting makes it trusted: there is no load at all.
            let error = job(http(&url, version, tls), 20.0, SECOND).ready().unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, LoadError::Denied(_)), "{said}");
            assert!(said.contains("certificate that is not trusted"), "{said}");
        }
        let anybody = Tls { insecure: true, ..Tls::default() };
        let report = run(job(http(&url, version, anybody), 20.0, SECOND));
        assert_eq!(report.totals.acked, 20, "{:?}", report.errors);
    }
}

#[test]
fn a_client_is_let_in_by_its_certificate_alone() {
    for (version, protocol) in [(HttpVersion::Http1, "HTTP/1.1"), (HTTP2, "HTTP/2.0")] {
        let nginx = Nginx::start("ssl http2", ASKS);
        let url = nginx.url("https");
        let report = run(job(http(&url, version, nginx.tls(Some("client"))), 300.0, SECOND));
        all_acked(&report, &nginx, protocol);
        for nobody in [None, Some("stranger")] {
            let tls = nginx.tls(nobody);
            let report = run(Job { grace: SECOND, ..job(http(&url, version, tls), 20.0, SECOND) });
            let totals = report.totals;
            assert_eq!(totals.acked + totals.indeterminate, 0, "{totals:?} {:?}", report.errors);
        }
    }
}

#[test]
fn a_server_that_does_not_agree_on_http2_is_unreachable() {
    let nginx = Nginx::start("ssl", SHOWS);
    let http = http(&nginx.url("https"), HTTP2, nginx.tls(None));
    let report = run(Job { grace: SECOND, ..job(http, 20.0, SECOND) });
    assert!(report.never_reached(), "{:?}", report.totals);
    let reasons = format!("{:?}", report.errors);
    assert!(reasons.contains("does not speak HTTP/2"), "{reasons}");
}

#[test]
fn a_crash_leaves_every_operation_with_one_fate() {
    let mut nginx = Nginx::start("ssl http2", SHOWS);
    let http = http(&nginx.url("https"), HTTP2, nginx.tls(None));
    let running = start(job(http, 500.0, 3 * SECOND));
    until_acked(&running, 300);
    nginx.crash_and_return();
    let before = running.progress().acked;
    let report = complete(running.wait().unwrap());
    assert!(report.totals.acked > before, "{:?}", report.totals);
    let seen: BTreeSet<_> = nginx.seen().into_iter().map(|(_, identity)| identity).collect();
    assert!(seen.len() as u64 >= report.totals.acked, "{} {:?}", seen.len(), report.totals);
}

#[test]
fn redirects_are_followed_by_either_version() {
    for (listen, version) in [("", HttpVersion::Http1), ("http2", HTTP2)] {
        let nginx = Nginx::start(
            listen,
            "absolute_redirect off; location /go { return 307 /named?$args; }",
        );
        let url = format!("{}go?id=@{{id}}", nginx.url("http"));
        let mut http = Http { follow: 1, ..http(&url, version, Tls::default()) };
        http.headers.push(("Host".to_owned(), "shop.test".to_owned()));
        let report = run(job(http.clone(), 100.0, SECOND));
        assert_eq!(report.totals.acked, 100, "{version:?} {:?}", report.errors);
        let report = run(job(Http { follow: 0, ..http }, 100.0, SECOND));
        assert_eq!(report.errors, [("status 307".to_owned(), 100)]);
    }
}
