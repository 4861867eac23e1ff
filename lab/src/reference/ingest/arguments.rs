//! The command line between the lab and a process of the ingest.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::Variant;

/// What one process is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Of the process, its connections and its log.
    pub(crate) name: String,
    /// The address of this process alone.
    pub(crate) private: String,
    pub(crate) redis: String,
    pub(crate) variant: Variant,
    pub(crate) part: Part,
}

/// What the process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Ingress {
        /// The address of the service.
        listen: String,
        /// Name and private address of each worker.
        workers: Vec<(String, String)>,
    },
    Worker {
        database: String,
        /// The `number`th of `of` workers, from 0.
        number: u16,
        of: u16,
    },
}

impl Arguments {
    /// `--name worker-1 --private …`.
    pub(crate) fn to_words(&self) -> Vec<String> {
        let mut pairs = vec![
            ("--name", self.name.clone()),
            ("--private", self.private.clone()),
            ("--redis", self.redis.clone()),
            ("--variant", self.variant.to_string()),
        ];
        match &self.part {
            Part::Ingress { listen, workers } => {
                let workers = workers.iter().map(|(name, address)| format!("{name}={address}"));
                pairs.push(("--listen", listen.clone()));
                pairs.push(("--workers", workers.collect::<Vec<_>>().join(",")));
            }
            Part::Worker { database, number, of } => {
                pairs.push(("--database", database.clone()));
                pairs.push(("--number", number.to_string()));
                pairs.push(("--of", of.to_string()));
            }
        }
        pairs.into_iter().flat_map(|(key, value)| [key.to_owned(), value]).collect()
    }

    /// The reverse; the error is in words.
    pub(crate) fn parse(words: &[OsString]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        let values: BTreeMap<&str, &str> =
            words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let take = |key: &str| {
            let value = values.get(key).map(|&value| value.to_owned());
            value.ok_or_else(|| format!("{key} VALUE is missing"))
        };
        let number = |key: &str| take(key)?.parse().map_err(|error| format!("{key}: {error}"));
        let part = if values.contains_key("--listen") {
            let workers = take("--workers")?;
            let pairs = workers.split(',').filter_map(|worker| worker.split_once('='));
            let workers = pairs.map(|(name, at)| (name.to_owned(), at.to_owned())).collect();
            Part::Ingress { listen: take("--listen")?, workers }
        } else {
            let (number, of) = (number("--number")?, number("--of")?);
            Part::Worker { database: take("--database")?, number, of }
        };
        Ok(Self {
            name: take("--name")?,
            private: take("--private")?,
            redis: take("--redis")?,
            variant: take("--variant")?.parse().map_err(|e: crate::LabError| e.to_string())?,
            part,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_says_is_what_the_process_reads() {
        let workers = vec![("worker-1".into(), "127.0.0.1:4".into())];
        let database = "postgres://postgres@127.0.0.1:5/postgres".into();
        for part in [
            Part::Ingress { listen: "127.0.0.1:1".into(), workers },
            Part::Worker { database, number: 2, of: 4 },
        ] {
            let arguments = Arguments {
                name: "worker-3".into(),
                private: "127.0.0.1:2".into(),
                redis: "redis://127.0.0.1:3".into(),
                variant: Variant::SlowTail,
                part,
            };
            let words: Vec<OsString> = arguments.to_words().into_iter().map(Into::into).collect();
            assert_eq!(Arguments::parse(&words).unwrap(), arguments);
            assert!(Arguments::parse(&words[2..]).unwrap_err().contains("--name"));
        }
    }
}
