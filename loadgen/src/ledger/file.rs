//! The ledger as a file: a magic number, a version, the names, the count of
//! operations that came due, a bitmap for each fate, and a checksum of it all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;
use scenarios::seed::fnv1a;

use super::Ledger;

const MAGIC: &[u8; 8] = b"SHKLEDGR";
const VERSION: u16 = 1;

/// Why a ledger cannot be kept, read or merged.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file system refused.
    #[error("cannot {doing} the ledger {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a ledger; give a file that loadgen --ledger wrote", path = path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later program.
    #[error(
        "the ledger {path} has version {found}, this program reads version {VERSION}; \
         use the program that wrote it, or a later one", path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// The file is cut short or altered.
    #[error("the ledger {path} is damaged ({what}); it cannot be trusted, run the load again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The ledgers are of different workloads.
    #[error("a ledger of {theirs} cannot be merged into one of {ours}")]
    Stranger {
        /// The run and workload of the ledger that is merged into.
        ours: String,
        /// The run and workload of the other one.
        theirs: String,
    },
    /// Both ledgers hold the same operation.
    #[error("both ledgers hold operation {sequence}; merge each part of a run once")]
    Twice {
        /// The first such operation.
        sequence: u64,
    },
}

pub(super) fn save(ledger: &Ledger, path: &Path) -> Result<(), LedgerError> {
    let io = |source| LedgerError::Io { doing: "write", path: path.to_owned(), source };
    let bytes = encode(ledger).map_err(io)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // What is left of the attempt is of no use; the error matters more.
        let _ = fs::remove_file(&beside);
        io(source)
    })
}

pub(super) fn load(path: &Path) -> Result<Ledger, LedgerError> {
    let bytes = fs::read(path).map_err(|source| LedgerError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    let damaged = |what| LedgerError::Damaged { path: path.to_owned(), what };
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| LedgerError::NotALedger { path: path.to_owned() })?;
    let (version, _) = rest.split_first_chunk().ok_or_else(|| damaged("it is cut short"))?;
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(LedgerError::Version { path: path.to_owned(), found });
    }
    let (body, sum) = bytes.split_last_chunk().ok_or_else(|| damaged("it is cut short"))?;
    if checksum(body) != u64::from_le_bytes(*sum) {
        return Err(damaged("its checksum does not match"));
    }
    let mut reader = Reader(&body[MAGIC.len() + size_of::<u16>()..]);
    let ledger = reader.ledger().ok_or_else(|| damaged("its parts do not fit together"))?;
    if !reader.0.is_empty() {
        return Err(damaged("something follows its end"));
    }
    Ok(ledger)
}

pub(super) fn encode(ledger: &Ledger) -> io::Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    for name in [&ledger.run, &ledger.workload] {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    bytes.extend(ledger.due.to_le_bytes());
    for set in &ledger.sets {
        let mut set = set.clone();
        set.optimize();
        bytes.extend((set.serialized_size() as u64).to_le_bytes());
        set.serialize_into(&mut bytes)?;
    }
    let sum = checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    Ok(bytes)
}

/// FNV-1a in 64 bits: finds damage by accident, which is all it is for.
fn checksum(bytes: &[u8]) -> u64 {
    fnv1a(bytes.iter().copied())
}

/// Reads the parts of a ledger off the front; `None` where they do not fit.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn ledger(&mut self) -> Option<Ledger> {
        let mut ledger = Ledger::new(self.text()?, self.text()?);
        ledger.due = self.number()?;
        for set in &mut ledger.sets {
            *set = RoaringTreemap::deserialize_from(self.piece()?).ok()?;
        }
        Some(ledger)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn piece(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (piece, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(piece)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.piece()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fate;
    use super::*;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new("run", "publish");
        ledger.add_due(100_000);
        for seq in 0..100_000 {
            let fate = if seq % 1_000 == 0 { Fate::Indeterminate } else { Fate::Acked };
            ledger.record(seq, fate);
        }
        ledger
    }

    #[test]
    fn a_ledger_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("publish.ledger");
        ledger().save(&path).unwrap();
        let read = Ledger::load(&path).unwrap();
        assert_eq!(read, ledger());
        assert!(read.is_complete());
        assert!(fs::metadata(&path).unwrap().len() < 4_000);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let good = encode(&ledger()).unwrap();
        for cut in [0, 4, 8, 9, 10, 20, good.len() / 2, good.len() - 1] {
            fs::write(&path, &good[..cut]).unwrap();
            assert!(Ledger::load(&path).is_err(), "cut at {cut}");
        }
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            assert!(Ledger::load(&path).is_err(), "garbled at {at}");
        }
        fs::write(&path, "hello").unwrap();
        let error = Ledger::load(&path).unwrap_err().to_string();
        assert!(error.contains("is not a ledger"), "{error}");
    }
}
