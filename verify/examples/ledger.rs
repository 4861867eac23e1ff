//! Measures the ledger of 10⁸ operations: memory, its growth, and the time of
//! the join with the effects.
//!
//!     cargo run --release -p verify --example ledger [OPERATIONS]
//!
//! Answers come out of order within some thousands, as from a real target; one
//! operation in 1,000 fails, one in 5,000 is indeterminate. The effects lack
//! some operations and have some twice.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use loadgen::ledger::Writer;
use loadgen::{Fate, Stride};
use verify::history::SeenWorkload;
use verify::judge::join;

/// Answers overtake each other by at most this many operations.
const WINDOW: u64 = 8_192;

fn main() -> anyhow::Result<()> {
    let operations: u64 = match std::env::args().nth(1) {
        Some(text) => text.parse().context("write a number of operations")?,
        None => 100_000_000,
    };
    let empty = resident()?;
    let mut writer = Writer::new("run", "load", Stride::WHOLE);
    let start = Instant::now();
    for block in 0..operations.div_ceil(WINDOW) {
        let size = WINDOW.min(operations - block * WINDOW);
        // An odd stride visits every operation of a block once.
        for at in 0..WINDOW {
            let at = (at * 4_097) % WINDOW;
            if at < size {
                let seq = block * WINDOW + at;
                writer.record(seq, fate(seq));
            }
        }
        let step = (operations / 10 / WINDOW).max(1);
        if (block + 1) % step == 0 {
            let done = (block + 1) * WINDOW;
            println!("{done:>11} operations: {:.2} MiB", mib(resident()? - empty));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("written at {:.1} ns an operation", seconds * 1e9 / operations as f64);
    let ledger = writer.finish(operations);
    println!("finished: {:.2} MiB more than an empty program", mib(resident()? - empty));
    ensure!(ledger.is_complete(), "an operation has no fate or two");

    let mut seen = SeenWorkload::default();
    for seq in 0..operations {
        let kept = ledger.fate(seq) == Some(Fate::Acked) && seq % 1_000_003 != 7;
        if kept {
            seen.add(seq);
            if seq % 500_009 == 11 {
                seen.add(seq);
            }
        }
    }
    seen.once.optimize();
    let start = Instant::now();
    let join = join(&ledger, &seen);
    println!(
        "joined with the effects in {:.3} s: {:?}",
        start.elapsed().as_secs_f64(),
        join.joined
    );
    Ok(())
}

fn fate(seq: u64) -> Fate {
    match seq % 5_000 {
        17 | 1_017 | 2_017 | 3_017 | 4_017 => Fate::Failed,
        18 => Fate::Indeterminate,
        _ => Fate::Acked,
    }
}

/// The memory of this program, in bytes.
fn resident() -> anyhow::Result<u64> {
    machine::process::resident(std::process::id()).context("no resident memory")
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
