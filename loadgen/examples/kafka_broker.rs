//! A private Apache Kafka as a process of its own, for comparisons, and the keeper of
//! the tests' brokers. Prints its address and ends when its input does.
//!
//! `cargo run --release --package loadgen --example kafka_broker [-- --provision]`

use std::error::Error;
use std::ffi::OsString;
use std::io::{Read as _, Write as _, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use lab::server::kafka::KIND;
use lab::{Kafka, KafkaOptions, LabOptions, Patience};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = lab::hidden(&arguments) {
        return Ok(ExitCode::from(code));
    }
    if arguments.iter().any(|argument| argument == "--provision") {
        lab::provision((KIND.needs)(), |line| eprintln!("{line}"))?;
    }
    let lab = LabOptions::traceless().start()?;
    let patience = Patience::new(Duration::from_secs(120));
    let broker = Kafka::start(&lab, &KafkaOptions::default(), patience)?;
    let mut out = stdout();
    writeln!(out, "{}", broker.address)?;
    out.flush()?;
    stdin().read_to_end(&mut Vec::new())?;
    lab.stop()?;
    Ok(ExitCode::SUCCESS)
}
