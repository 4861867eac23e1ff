//! The command line between the lab and a replica.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::Variant;

/// What one replica is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Of the process, its connection and its log.
    pub(crate) name: String,
    /// The shared address.
    pub(crate) listen: String,
    /// The address of this replica alone.
    pub(crate) private: String,
    pub(crate) amqp: String,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) variant: Variant,
}

impl Arguments {
    /// `--name service-1 --listen …`.
    pub(crate) fn to_words(&self) -> Vec<String> {
        let pairs = [
            ("--name", &self.name),
            ("--listen", &self.listen),
            ("--private", &self.private),
            ("--amqp", &self.amqp),
            ("--exchange", &self.exchange),
            ("--routing-key", &self.routing_key),
            ("--variant", &self.variant.to_string()),
        ];
        pairs.into_iter().flat_map(|(key, value)| [key.to_owned(), value.clone()]).collect()
    }

    /// The reverse; the error is in words.
    pub(crate) fn parse(words: &[OsString]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        let mut values: BTreeMap<&str, &str> =
            words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let mut take = |key: &str| {
            values.remove(key).map(str::to_owned).ok_or_else(|| format!("{key} VALUE is missing"))
        };
        Ok(Self {
            name: take("--name")?,
            listen: take("--listen")?,
            private: take("--private")?,
            amqp: take("--amqp")?,
            exchange: take("--exchange")?,
            routing_key: take("--routing-key")?,
            variant: take("--variant")?.parse().map_err(|e: crate::LabError| e.to_string())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_says_is_what_the_replica_reads() {
        let arguments = Arguments {
            name: "service-1".into(),
            listen: "127.0.0.1:1".into(),
            private: "127.0.0.1:2".into(),
            amqp: "amqp://guest:guest@127.0.0.1:3/%2f".into(),
            exchange: "events".into(),
            routing_key: "event.created".into(),
            variant: Variant::SlowLeak,
        };
        let words: Vec<OsString> = arguments.to_words().into_iter().map(Into::into).collect();
        assert_eq!(Arguments::parse(&words).unwrap(), arguments);
        assert!(Arguments::parse(&words[2..]).unwrap_err().contains("--name"));
    }
}
