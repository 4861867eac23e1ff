//! The program that the lab's own tests re-execute: the hidden subcommands, and
//! commands that start a lab, say so, and wait to be killed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use lab::{
    Lab, LabError, LabOptions, Patience, Postgres, PostgresOptions, ProcessSpec, RabbitMq,
    RabbitMqOptions, Redis, RedisOptions, Restart,
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return ExitCode::from(code);
    }
    match arguments.first().and_then(|name| name.to_str()) {
        Some("hold") => hold(logs(&arguments)),
        Some("rabbitmq") => serve(logs(&arguments), rabbitmq),
        Some("redis") => serve(logs(&arguments), redis),
        Some("postgres") => serve(logs(&arguments), postgres),
        _ => {
            eprintln!(
                "lab-host is for the lab's own tests: lab-host hold|rabbitmq|redis|postgres LOGS"
            );
            ExitCode::from(2)
        }
    }
}

fn logs(arguments: &[OsString]) -> PathBuf {
    arguments.get(1).map(PathBuf::from).unwrap_or_default()
}

/// Starts a lab with a server, and blocks; or prints why it could not.
fn serve(logs: PathBuf, start: impl FnOnce(&Lab) -> Result<String, LabError>) -> ExitCode {
    let started = LabOptions::new(logs).start().and_then(|lab| {
        let version = start(&lab)?;
        Ok((lab, version))
    });
    match started {
        Ok((lab, version)) => {
            println!("lab {} {}", lab.keeper().pid, lab.scratch().display());
            println!("server {version}");
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

fn patience() -> Patience<'static> {
    Patience::new(Duration::from_secs(120))
}

fn rabbitmq(lab: &Lab) -> Result<String, LabError> {
    Ok(RabbitMq::start(lab, &RabbitMqOptions::default(), patience())?.version)
}

fn redis(lab: &Lab) -> Result<String, LabError> {
    Ok(Redis::start(lab, &RedisOptions::default(), patience())?.version)
}

fn postgres(lab: &Lab) -> Result<String, LabError> {
    Ok(Postgres::start(lab, &PostgresOptions::default(), patience())?.version)
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
