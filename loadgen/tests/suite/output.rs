//! Where results go: through what is no regular file, to standard output, and
//! nowhere at all if a path cannot be written.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::server::Server;

fn loadgen(server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["http", &server.url(), "-r", "100", "-n", "5", "--quiet"]).stdin(Stdio::null());
    command
}

fn offering() -> Server {
    Server::start(|talk| talk.answer_all(200))
}

/// Each way to ask for a result, at a path.
fn asking(path: &Path) -> [Vec<String>; 5] {
    let path = path.display();
    let out = |kind: &str| vec!["--out".to_owned(), format!("{kind}={path}")];
    [out("json"), out("csv"), out("html"), out("hlog"), vec!["--ledger".into(), path.to_string()]]
}

fn makes_node(path: &Path, minor: u32) -> bool {
    let mode = Mode::from_raw_mode(0o600);
    let made = mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(1, minor));
    if made.is_err() {
        eprintln!("skipped: only root makes a device");
    }
    made.is_ok()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_pipe_is_written_and_stays() {
    let (server, folder) = (offering(), tempfile::tempdir().unwrap());
    for (at, arguments) in asking(&folder.path().join("pipe")).into_iter().enumerate() {
        let path = folder.path().join("pipe");
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let reading = {
            let path = path.clone();
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            })
        };
        let output = loadgen(&server).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo(), "{arguments:?}");
        assert!(!reading.join().unwrap().is_empty(), "{at}: {arguments:?}");
    }
}

#[test]
fn a_link_is_written_through_and_stays() {
    let (server, folder) = (offering(), tempfile::tempdir().unwrap());
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    for arguments in asking(&link) {
        fs::write(&file, "old").unwrap();
        let _ = fs::remove_file(&link);
        symlink(&file, &link).unwrap();
        let output = loadgen(&server).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "{arguments:?}");
        assert_ne!(fs::read(&file).unwrap(), b"old", "{arguments:?}");
    }
}

#[test]
fn a_device_stays_a_device() {
    let (server, folder) = (offering(), tempfile::tempdir().unwrap());
    // Those of /dev/null and /dev/full.
    for (minor, code) in [(3, 0), (7, 4)] {
        let path = folder.path().join(format!("device-{minor}"));
        if !makes_node(&path, minor) {
            return;
        }
        for arguments in asking(&path) {
            let output = loadgen(&server).args(&arguments).output().unwrap();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            assert!(kind.is_char_device(), "{arguments:?}");
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
            let result = String::from_utf8_lossy(&output.stdout);
            assert!(result.contains("acked"), "the result is shown all the same: {output:?}");
        }
    }
}

#[test]
fn a_result_can_go_to_standard_output() {
    let server = offering();
    let output = loadgen(&server).args(["--out", "json=-"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["operations"]["due"], 5);
    assert!(said(&output).contains("acked"), "people read on standard error then");
    let output = loadgen(&server).args(["--out", "csv=-", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said(&output).contains("only one"), "{output:?}");
}

#[test]
fn a_path_that_cannot_be_written_is_refused_before_anything_is_sent() {
    let (server, folder) = (offering(), tempfile::tempdir().unwrap());
    let kept = folder.path().join("kept");
    fs::write(&kept, "old").unwrap();
    for bad in [folder.path().join("nowhere/r"), folder.path().to_owned()] {
        for arguments in asking(&bad) {
            let keep = format!("hlog={}", kept.display());
            let output = loadgen(&server).args(["--out", &keep]).args(&arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{arguments:?}: {output:?}");
            assert!(said(&output).contains("cannot be written"), "{output:?}");
        }
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(fs::read(&kept).unwrap(), b"old", "what could be written is not begun");
}

#[test]
fn the_umask_says_who_may_read() {
    let (server, folder) = (offering(), tempfile::tempdir().unwrap());
    for (at, arguments) in asking(&folder.path().join("r")).into_iter().enumerate() {
        let path = folder.path().join("r");
        let _ = fs::remove_file(&path);
        let program = env!("CARGO_BIN_EXE_loadgen");
        let url = server.url();
        let script = format!("umask 027; exec {program} http {url} -r 100 -n 5 --quiet \"$@\"");
        let status = Command::new("sh")
            .args(["-c", &script, "sh"])
            .args(&arguments)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{at}: {arguments:?}");
    }
}
