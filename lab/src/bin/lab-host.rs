//! The program that the lab's own tests re-execute: the hidden subcommands, and
//! commands that start a lab, say so, and wait to be killed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lab::server::{KINDS, Kind};
use lab::{LabOptions, Patience, ProcessSpec, Restart};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return ExitCode::from(code);
    }
    let command = arguments.first().and_then(|name| name.to_str()).unwrap_or_default();
    let server = KINDS.iter().find(|kind| kind.name == command);
    match (command, server) {
        ("hold", _) => hold(logs(&arguments)),
        (_, Some(kind)) => serve(logs(&arguments), kind),
        _ => {
            eprintln!("lab-host is for the lab's own tests: lab-host hold|SERVER LOGS");
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
