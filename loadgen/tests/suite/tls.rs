//! Certificates as people make them with `openssl`, against its own server.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn openssl(folder: &Path, args: &str) {
    let output = Command::new("openssl")
        .args(args.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed by scripts/test");
    assert!(output.status.success(), "openssl {args}: {output:?}");
}

/// `openssl s_server`, gone when it is dropped.
struct Server {
    child: Child,
    port: u16,
    // Its pipe must be open for as long as it writes.
    _out: std::thread::JoinHandle<()>,
}

impl Server {
    fn start(folder: &Path, certificate: &str, version: &str) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-naccept", "1000", version])
            .args(["-cert", &format!("{certificate}.pem"), "-key", &format!("{certificate}.key")])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("ACCEPT"));
        let port = ready.as_deref().and_then(|line| line.rsplit_once(':')).unwrap().1;
        let port = port.trim().parse().unwrap();
        let out = std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, port, _out: out }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn loadgen(folder: &Path, port: u16, trust: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["http", &format!("https://127.0.0.1:{port}/"), "-n", "3", "-c", "1", "--json"])
        .args(trust.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn acked(output: &Output) -> u64 {
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    result["operations"]["acked"].as_u64().unwrap()
}

#[test]
fn a_certificate_that_is_given_is_trusted_as_openssl_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost";
    // An authority by its extensions, and one of another key.
    openssl(folder, &format!("req -x509 {key} -keyout own.key -out own.pem"));
    openssl(folder, &format!("req -x509 {key} -keyout other.key -out other.pem"));
    // Version 1.
    openssl(folder, &format!("req -new {key} -keyout old.key -out old.csr"));
    openssl(folder, "x509 -req -in old.csr -signkey old.key -out old.pem");
    for (certificate, version) in [("own", "-tls1_3"), ("old", "-tls1_3"), ("old", "-tls1_2")] {
        let server = Server::start(folder, certificate, version);
        let trusted = loadgen(folder, server.port, &format!("--cacert {certificate}.pem"));
        assert_eq!(acked(&trusted), 3, "{certificate} {version}: {trusted:?}");
        let insecure = loadgen(folder, server.port, "--insecure");
        assert_eq!(acked(&insecure), 3, "{certificate} {version}: {insecure:?}");
        let stranger = loadgen(folder, server.port, "--cacert other.pem");
        assert_eq!(stranger.status.code(), Some(4), "{certificate} {version}: {stranger:?}");
    }
}
