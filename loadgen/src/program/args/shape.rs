//! What the operations look like: sizes, keys, duplicates, poison.

use std::sync::Arc;

use anyhow::Context as _;
use loadgen::Data;
use loadgen::shape::{Again, Duplicates, Keys, Shape, Sizes};
use scenarios::units::{Share, Span};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shape")]
pub(super) struct ShapeArgs {
    /// Size of the body in bytes: 100, 100-4k, or by weight 100:9,4k:1
    #[arg(long, short = 's')]
    size: Option<Sizes>,
    /// How keys (@{key}) are drawn: uniform, zipf:1.1 or roundrobin
    #[arg(long, default_value = "roundrobin", value_name = "DIST")]
    key_dist: Keys,
    /// How many keys there are
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// The share of operations that are sent twice with the same identity: 3%
    #[arg(long, default_value = "0%", value_name = "SHARE")]
    duplicates: Share,
    /// When they are sent again: at-once, concurrently, or after a time such as 5s
    #[arg(long, default_value = "at-once", value_name = "WHEN", value_parser = again)]
    duplicates_when: Again,
    /// The share of operations whose body no consumer can read: 0.1%
    #[arg(long, default_value = "0%", value_name = "SHARE")]
    poison: Share,
    /// The body of those [default: bytes that no reader of text understands]
    #[arg(long, value_name = "TEXT", requires = "poison")]
    poison_body: Option<String>,
    /// Equal seeds give equal arrivals, keys, sizes, duplicates and fields
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
}

impl ShapeArgs {
    /// Whether bodies have a size of their own.
    pub(super) fn is_sized(&self) -> bool {
        self.size.is_some()
    }

    /// Whether some operations are sent twice.
    pub(super) fn has_twins(&self) -> bool {
        self.duplicates.0 > 0.0
    }

    pub(super) fn read(self, data: Option<Arc<Data>>) -> anyhow::Result<Shape> {
        for (flag, share) in [("--duplicates", self.duplicates), ("--poison", self.poison)] {
            if !(0.0..=1.0).contains(&share.0) {
                anyhow::bail!("{flag} {share} is no share; write 0% to 100%");
            }
        }
        let shape = Shape {
            seed: self.seed,
            size: self.size,
            keys: self.key_dist.over(self.keys),
            duplicates: Duplicates { share: self.duplicates.0, when: self.duplicates_when },
            poison: self.poison.0,
            poison_body: None,
            data,
        };
        Ok(match self.poison_body {
            Some(text) => shape.with_poison_body(&text).context("--poison-body")?,
            None => shape,
        })
    }
}

fn again(text: &str) -> Result<Again, String> {
    match text {
        "at-once" => Ok(Again::AtOnce),
        "concurrently" => Ok(Again::Concurrently),
        _ => text.parse::<Span>().map(|span| Again::Later(span.0)).map_err(|_| {
            format!("{text:?} is none of at-once, concurrently and a time such as 5s")
        }),
    }
}
