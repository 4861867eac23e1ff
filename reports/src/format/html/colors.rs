//! One colour for one process, partition or connection on the whole page.

use std::collections::BTreeMap;

use crate::record::Record;

/// So many colours there are; after them they come again, dashed.
const COLORS: usize = 10;

/// The colours of the labels of a record's series.
#[derive(Debug, Default)]
pub(super) struct Colors {
    known: BTreeMap<String, usize>,
}

impl Colors {
    /// Those of a record, in the order in which its series come.
    pub(super) fn of(record: &Record) -> Self {
        let mut colors = Self::default();
        for series in record.series.iter().filter(|series| !series.label.is_empty()) {
            let next = colors.known.len();
            colors.known.entry(identity(&series.label).to_owned()).or_insert(next);
        }
        colors
    }

    /// The class of a label's line; a series without labels has the first colour.
    pub(super) fn class(&self, label: &str) -> String {
        let number = self.known.get(identity(label)).copied().unwrap_or(0);
        let dashed = if number / COLORS % 2 == 1 { " dashed" } else { "" };
        format!("c{}{dashed}", number % COLORS)
    }
}

/// What a label is of: the member in `group member`, the partition in `group topic-3`.
fn identity(label: &str) -> &str {
    label.rsplit(' ').next().unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::identity;

    #[test]
    fn a_partition_is_the_same_whoever_reads_it() {
        assert_eq!(identity("workers events-7"), identity("events-7"));
        assert_eq!(identity(""), "");
    }
}
