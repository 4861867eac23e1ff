//! Writing a run down while it happens. Every line is handed to the system at
//! once or within a second, so that a killed run leaves a readable folder.
//!
//! No secret that the run knows gets into the folder, whoever says it: what is
//! written here is masked here. Verdict, evidence and reports are made from what
//! the folder says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use loadgen::Ledger;
use loadgen::answers::Guilty;
use roaring::RoaringTreemap;
use scenarios::Plan;
use scenarios::redact::Secrets;
use sha2::{Digest as _, Sha256};

use super::{Folder, FolderError, RUN_ROW};
use crate::clock::{self, Clock};
use crate::event::{Event, RECORD, Stamped, Written};
use crate::history::{Aggregated, Conformity, Sample, Seen, SeenWorkload, ValueFinding};

/// The open files of a run that is going on.
pub struct Writer {
    folder: Folder,
    secrets: Secrets,
    clock: Option<Clock>,
    run: String,
    plan: String,
    events: File,
    samples: Hashed<BufWriter<File>>,
    written: Written,
    hlog: Option<loadgen::hlog::Writer<BufWriter<File>>>,
}

fn failed(path: PathBuf) -> impl FnOnce(std::io::Error) -> FolderError {
    move |why| FolderError::Write { path, why }
}

impl Writer {
    /// Opens the files of a run and writes the plan, without the secrets.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn open(
        folder: Folder,
        run: &str,
        plan: &Plan,
        secrets: Secrets,
    ) -> Result<Self, FolderError> {
        let garbled = |why: String| FolderError::Garbled { path: folder.plan(), why };
        let shown = plan.without(&secrets).ok_or_else(|| {
            garbled("it is no plan any more without its secrets; give them by --target".to_owned())
        })?;
        let text = toml::to_string(&shown).map_err(|error| garbled(error.to_string()))?;
        folder.put(&folder.plan(), text.as_bytes())?;
        let open = |path: PathBuf| File::create(&path).map_err(failed(path));
        let events = open(folder.events())?;
        let out = BufWriter::new(open(folder.samples())?);
        let mut samples = Hashed { out, hash: Sha256::new() };
        samples.write_all(b"at,series,label,value\n").map_err(failed(folder.samples()))?;
        let (run, plan) = (run.to_owned(), String::new());
        let written = Written::default();
        let mut writer =
            Self { folder, secrets, clock: None, run, plan, events, samples, written, hlog: None };
        // So that samples of another run are never taken for this one's.
        let of = Sample { at: 0.0, label: writer.run.as_str().into(), value: 1.0 };
        writer.sample(RUN_ROW, &of)?;
        writer.plan = text;
        Ok(writer)
    }

    /// Writes which run this is and which plan it follows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn start(&mut self, version: &str, again: &str) -> Result<(), FolderError> {
        self.event(Event::RunStarted {
            run: self.run.clone(),
            version: version.to_owned(),
            again: again.to_owned(),
            record: RECORD,
        })?;
        let text = std::mem::take(&mut self.plan);
        let digest = super::digest(&text);
        self.event(Event::PlanWritten { text, digest })
    }

    /// Masks these from now on as well.
    pub fn hide(&mut self, secrets: &Secrets) {
        self.secrets = std::mem::take(&mut self.secrets).and(secrets);
    }

    /// What is masked.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// How much was written so far.
    #[must_use]
    pub const fn written(&self) -> Written {
        self.written
    }

    /// The digest of the samples that were written so far.
    #[must_use]
    pub fn samples_digest(&self) -> String {
        self.samples.digest()
    }

    /// Sets the clock, once it is known when the first phase begins, and opens
    /// the log of latencies, whose first line is that time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn begin(&mut self, clock: Clock) -> Result<(), FolderError> {
        let path = self.folder.latency();
        let file = File::create(&path).map_err(failed(path.clone()))?;
        let out = BufWriter::new(file);
        let hlog = loadgen::hlog::Writer::for_run(out, clock.zero_wall(), &self.run);
        self.hlog = Some(hlog.map_err(failed(path))?);
        self.clock = Some(clock);
        Ok(())
    }

    /// Writes an event, stamped with the time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn event(&mut self, event: Event) -> Result<(), FolderError> {
        // Microseconds are enough, and keep the lines short.
        let at = self.clock.map(|clock| (clock.now() * 1e6).round() / 1e6);
        let event = event.without(&self.secrets);
        let stamped = Stamped { at, time: clock::stamp(clock::wall()), event };
        let mut line = serde_json::to_string(&stamped).map_err(|error| FolderError::Garbled {
            path: self.folder.events(),
            why: error.to_string(),
        })?;
        line.push('\n');
        self.written.events += 1;
        self.events.write_all(line.as_bytes()).map_err(failed(self.folder.events()))
    }

    /// Writes a sample.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sample(&mut self, series: &str, sample: &Sample) -> Result<(), FolderError> {
        let label = self.secrets.hide(&sample.label);
        let label = quoted(&label);
        self.written.samples += 1;
        writeln!(self.samples, "{:.6},{series},{label},{}", sample.at, sample.value)
            .map_err(failed(self.folder.samples()))
    }

    /// Writes the latencies of the operations that were due in one second.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn latency(&mut self, workload: &str, second: &loadgen::Second) -> Result<(), FolderError> {
        match &mut self.hlog {
            Some(hlog) => {
                self.written.latencies += second.latency.named().len() as u64;
                hlog.write(workload, second).map_err(failed(self.folder.latency()))
            }
            None => Ok(()),
        }
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        self.samples.flush().map_err(failed(self.folder.samples()))?;
        match &mut self.hlog {
            Some(hlog) => hlog.flush().map_err(failed(self.folder.latency())),
            None => Ok(()),
        }
    }

    /// Writes a workload's ledger.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn ledger(&mut self, workload: &str, ledger: &Ledger) -> Result<(), FolderError> {
        let path = self.folder.outcomes_of(workload);
        let bytes = ledger
            .to_bytes()
            .map_err(|why| FolderError::Garbled { path: path.clone(), why: why.to_string() })?;
        self.files([(path, bytes)])
    }

    /// Writes the answers that something is wrong with, one a line, as they
    /// are made: there may be a million. What they said is masked.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn answers(
        &mut self,
        workload: &str,
        guilty: impl Iterator<Item = Guilty>,
    ) -> Result<(), FolderError> {
        let path = self.folder.answers_of(workload);
        let file = File::create(&path).map_err(failed(path.clone()))?;
        let mut out = Hashed { out: BufWriter::new(file), hash: Sha256::new() };
        let masked = |said: Option<String>| said.map(|said| self.secrets.hide(&said));
        for row in guilty {
            let row = Guilty { first: masked(row.first), second: masked(row.second), ..row };
            serde_json::to_writer(&mut out, &row)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(failed(path.clone()))?;
        }
        out.flush().map_err(failed(path.clone()))?;
        let files = [(self.folder.name_of(&path), out.digest())].into();
        self.event(Event::FilesWritten { files })
    }

    /// Writes the effects that a source saw: a file for each workload, whether
    /// it saw some of it or not, so that one that is missing later is missed.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn effects(
        &mut self,
        source: &str,
        workloads: &[String],
        seen: &Seen,
    ) -> Result<(), FolderError> {
        let (nothing, none) = (SeenWorkload::default(), RoaringTreemap::new());
        let mut files = Vec::new();
        for workload in workloads {
            let effects = seen.workloads.get(workload).unwrap_or(&nothing);
            let (once, more) = self.folder.effects_of(source, workload);
            files.push((once, bitmap(&effects.once)));
            let mut lines = String::new();
            for (sequence, times) in &effects.more {
                lines.push_str(&format!("{{\"sequence\":{sequence},\"effects\":{times}}}\n"));
            }
            files.push((more, lines.into_bytes()));
        }
        for (workload, dead) in workloads.iter().zip(seen.dead.iter().cycle()) {
            let found = dead.workloads.get(workload).unwrap_or(&none);
            files.push((self.folder.dead_of(source, workload), bitmap(found)));
        }
        let tries = seen.dead.as_ref().and_then(|dead| dead.tries.as_ref());
        for (workload, tries) in workloads.iter().zip(tries.into_iter().cycle()) {
            let path = self.folder.tries_of(source, workload);
            files.push(json(path, tries.workloads.get(workload))?);
        }
        for (workload, order) in workloads.iter().zip(seen.order.iter().cycle()) {
            let path = self.folder.order_of(source, workload);
            files.push(json(path, order.workloads.get(workload))?);
        }
        for (timing, are_dead) in [(&seen.times, false), (&seen.dead_times, true)] {
            for (workload, timing) in workloads.iter().zip(timing.iter().cycle()) {
                let path = self.folder.times_of(source, workload, are_dead);
                files.push(json(path, timing.workloads.get(workload))?);
            }
        }
        if let Some(aggregates) = &seen.aggregates {
            let path = self.folder.aggregates_of(source);
            let mut lines = Vec::new();
            for told in aggregates.keys.values() {
                lines.extend(json(path.clone(), Some(&self.masked(told)))?.1);
                lines.push(b'\n');
            }
            files.push((path, lines));
        }
        if let Some(schema) = &seen.schema {
            files.push(self.schema(source, schema)?);
        }
        self.files(files)
    }

    /// What a system says of a key, without what must not be written down.
    fn masked(&self, told: &Aggregated) -> Aggregated {
        let hide = |text: &str| self.secrets.hide(text);
        let value = told.value.as_ref().map(|value| match value {
            ValueFinding::Wrong(why) => ValueFinding::Wrong(hide(why)),
            other => other.clone(),
        });
        Aggregated { name: hide(&told.name), value, ..told.clone() }
    }

    /// How the records of a source follow its schema, as it is written. What records say is
    /// masked.
    fn schema(&self, source: &str, schema: &Conformity) -> Result<(PathBuf, Vec<u8>), FolderError> {
        let path = self.folder.schema_of(source);
        let garbled = |error: serde_json::Error| FolderError::Garbled {
            path: path.clone(),
            why: error.to_string(),
        };
        let mut value = serde_json::to_value(schema).map_err(garbled)?;
        self.secrets.hide_in(&mut value);
        json(path, Some(&value))
    }

    /// Writes whole files, and their digests into the events: they say nothing
    /// of their run themselves.
    fn files(
        &mut self,
        files: impl IntoIterator<Item = (PathBuf, Vec<u8>)>,
    ) -> Result<(), FolderError> {
        let mut digests = BTreeMap::new();
        for (path, bytes) in files {
            self.folder.put(&path, &bytes)?;
            digests.insert(self.folder.name_of(&path), super::digest(&bytes));
        }
        self.event(Event::FilesWritten { files: digests })
    }
}

/// A file and the hash of what was written to it.
struct Hashed<W> {
    out: W,
    hash: Sha256,
}

impl<W> Hashed<W> {
    /// In hexadecimal digits.
    fn digest(&self) -> String {
        self.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A file of JSON; of what is not there, as it is when it is empty.
fn json<T: Default + serde::Serialize>(
    path: PathBuf,
    value: Option<&T>,
) -> Result<(PathBuf, Vec<u8>), FolderError> {
    let text = match value {
        Some(value) => serde_json::to_vec(value),
        None => serde_json::to_vec(&T::default()),
    };
    match text {
        Ok(text) => Ok((path, text)),
        Err(error) => Err(FolderError::Garbled { path, why: error.to_string() }),
    }
}

fn bitmap(map: &RoaringTreemap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(map.serialized_size());
    map.serialize_into(&mut bytes).expect("writing to memory does not fail");
    bytes
}

/// A CSV field, in quotation marks where it needs them (RFC 4180).
fn quoted(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
