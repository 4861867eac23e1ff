//! Renders the page of a run's record: `cargo run -p reports --example page -- RUN OUT.html`,
//! where `RUN` is a run's folder or its `verdict.json`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use reports::{Format, Options, Record, render};

fn main() -> Result<(), Box<dyn Error>> {
    let [run, out] = env::args_os()
        .skip(1)
        .map(PathBuf::from)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "give a run's folder and the file to write")?;
    let file = if run.is_dir() { run.join(Format::Json.file_name()) } else { run };
    let record = Record::from_json(&fs::read(file)?)?;
    fs::write(out, render(&record, Format::Html, Options::default()))?;
    Ok(())
}
