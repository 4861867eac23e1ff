//! The proxy, driven by clients that others wrote for Toxiproxy.

use std::path::PathBuf;
use std::process::Command;

use crate::proxy_api::Program;

/// The folder of the clients; without the variable, the script that puts them
/// there is asked.
fn clients() -> PathBuf {
    let folder = std::env::var_os("SHAKEDOWN_TOXIPROXY_CLIENTS").unwrap_or_else(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/toxiproxy-clients");
        let output = Command::new(script).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/toxiproxy-clients failed: {why}");
        String::from_utf8(output.stdout).unwrap().trim().into()
    });
    let folder = PathBuf::from(folder);
    assert!(
        folder.join("complete").is_file(),
        "SHAKEDOWN_TOXIPROXY_CLIENTS is {}, where scripts/toxiproxy-clients has put nothing",
        folder.display()
    );
    folder
}

fn drive(interpreter: &str, script: &str, variable: &str, path: &str) {
    let program = Program::start(&[]);
    let output = Command::new(interpreter)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/").to_owned() + script)
        .arg(program.address())
        .env(variable, clients().join(path))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{interpreter} cannot be started: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_npm_client_works_unchanged() {
    drive("node", "proxy_client.js", "NODE_PATH", "node/node_modules");
}

#[test]
fn the_python_client_works_unchanged() {
    drive("python3", "proxy_client.py", "PYTHONPATH", "python");
}
