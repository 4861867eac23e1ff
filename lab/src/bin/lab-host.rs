//! The program that the lab's own tests re-execute: the hidden subcommands, and
//! commands that start a lab, say so, and wait to be killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::deployment::{Deployments, Image, Readiness, Spec, Workload};
use lab::server::{KINDS, Kind};
use lab::{LabOptions, Patience, ProcessSpec, Restart};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return ExitCode::from(code);
    }
    let command = arguments.first().and_then(|name| name.to_str()).unwrap_or_default();
    let server = KINDS.iter().find(|kind| kind.name == command);
    match (command, server) {
        ("hold", _) => hold(logs(&arguments)),
        ("pod", _) => pod(),
        ("roll", _) => roll(logs(&arguments)),
        (_, Some(kind)) => serve(logs(&arguments), kind),
        _ => {
            eprintln!("lab-host is for the lab's own tests: lab-host hold|roll|pod|SERVER LOGS");
            ExitCode::from(2)
        }
    }
}

fn logs(arguments: &[OsString]) -> PathBuf {
    arguments.get(1).map(PathBuf::from).unwrap_or_default()
}

/// Starts a lab with a server, and blocks; or prints why it could not.
fn serve(logs: PathBuf, kind: &Kind) -> ExitCode {
    let started = LabOptions::new(logs).start().and_then(|lab| {
        let server = kind.start(&lab, Patience::new(Duration::from_secs(120)))?;
        Ok((lab, server))
    });
    match started {
        Ok((lab, server)) => {
            println!("lab {} {}", lab.keeper().pid, lab.scratch().display());
            println!("server {}", server.version());
            println!("ready");
            let _ = std::io::stdin().read_line(&mut String::new());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a lab with three kinds of children, says where it is, and blocks.
fn hold(logs: PathBuf) -> ExitCode {
    let started = LabOptions::new(logs).start().and_then(|lab| {
        println!("lab {} {}", lab.keeper().pid, lab.scratch().display());
        for (name, script) in [
            ("plain", "exec sleep 1000"),
            ("tree", "sleep 1000 & sleep 1000 & wait"),
            ("daemon", "setsid sh -c 'sleep 1000 & exec sleep 1000' & exec sleep 1000"),
        ] {
            let spec = ProcessSpec::new(name, "test", ["/bin/sh", "-c", script])
                .restart(Restart::Always)
                .cwd(lab.scratch());
            let pid = lab.run(spec, Patience::new(Duration::from_secs(20)))?;
            println!("child {name} {pid}");
        }
        Ok(lab)
    });
    match started {
        Ok(_lab) => {
            println!("ready");
            // Holds the lab until somebody kills this process or closes its input.
            let _ = std::io::stdin().read_line(&mut String::new());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a lab with a deployment, says where its control API is, and blocks.
fn roll(logs: PathBuf) -> ExitCode {
    let patience = Patience::new(Duration::from_secs(60));
    let started = LabOptions::new(logs).start().and_then(|lab| {
        println!("lab {} {}", lab.keeper().pid, lab.scratch().display());
        let argv = vec![std::env::current_exe().unwrap_or_default(), "pod".into()];
        let argv = argv.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let images = BTreeMap::from([("v1".to_owned(), Image { argv, ..Image::default() })]);
        let spec = Spec::new("worker", "v1").replicas(2);
        let workload = Workload { spec, images, readiness: Readiness::default() };
        let deployments = Deployments::start(&lab, &[workload], patience)?;
        Ok((lab, deployments))
    });
    match started {
        Ok((_lab, deployments)) => {
            println!("control {}", deployments.url());
            println!("ready");
            let _ = std::io::stdin().read_line(&mut String::new());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A pod that answers every request with 200 as soon as it is ready. Its environment says
/// after how many milliseconds it is (`READY_AFTER`; `never`) and crashes (`CRASH_AFTER`),
/// and whether it ignores SIGTERM (`DEAF`).
fn pod() -> ExitCode {
    let millis = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse().map_or(Duration::MAX, Duration::from_millis))
    };
    let ready_after = millis("READY_AFTER").unwrap_or_default();
    let crash_after = millis("CRASH_AFTER").unwrap_or(Duration::MAX);
    let begun = Instant::now();
    if std::env::var_os("DEAF").is_some() {
        let _ = signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::default());
    }
    let served = listen().and_then(|listener| {
        listener.set_nonblocking(true)?;
        while begun.elapsed() < crash_after {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::park_timeout(Duration::from_millis(5));
                continue;
            };
            stream.set_nonblocking(false)?;
            let _ = stream.read(&mut [0; 1024]);
            let is_ready = begun.elapsed() >= ready_after;
            let status = if is_ready { "200 OK" } else { "503 Service Unavailable" };
            let _ = write!(stream, "HTTP/1.0 {status}\r\n\r\n");
        }
        Ok(())
    });
    eprintln!("{served:?}");
    ExitCode::from(7)
}

/// At the port that is held for this pod.
fn listen() -> std::io::Result<TcpListener> {
    let port = std::env::var("POD_PORT").ok().and_then(|port| port.parse().ok());
    let port = port.ok_or(std::io::ErrorKind::InvalidInput)?;
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    rustix::net::listen(&socket, 16)?;
    Ok(TcpListener::from(socket))
}
