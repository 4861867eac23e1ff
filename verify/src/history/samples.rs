//! Samples, held small: a soak of hours has millions of them.
//!
//! A series is a list of chunks, in each of which a sample is written as its differences
//! to the one before: of its time in microseconds, and of its value to the last one of
//! its label, both as integers of variable length. What is no whole number of either is
//! written whole, so that what is read is what was given, bit by bit. The idea is that of
//! time-series databases (Pelkonen et al., *Gorilla*, VLDB 2015); whole bytes are enough
//! here. A check reads the series that it needs, one after the other.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Sample;
use super::varint::{folded, put, take, unfolded};

/// Samples of a chunk, about. So many of the newest are not packed, because others may
/// belong between them.
const CHUNK: usize = 512;
/// Times are written with microseconds.
const MICROS: f64 = 1e6;
/// Whole numbers below this are the same as floating-point ones.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The samples of a run by the full name of their series, each in order of time.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    series: BTreeMap<String, Packed>,
}

impl Samples {
    /// Adds a sample at its place in the order of times and labels. False if its label
    /// has one of that time already, which stays.
    pub fn add(&mut self, series: &str, at: f64, label: &str, value: f64) -> bool {
        match self.series.get_mut(series) {
            Some(packed) => packed.add(at, label, value),
            None => self.series.entry(series.to_owned()).or_default().add(at, label, value),
        }
    }

    /// The samples of a series; `None` where there is no such series.
    #[must_use]
    pub fn read(&self, series: &str) -> Option<Vec<Sample>> {
        self.series.get(series).map(Packed::read)
    }

    /// The samples of a series one after the other; none where there is no such series.
    pub fn of<'a>(&'a self, series: &str) -> impl Iterator<Item = Sample> + use<'a> {
        self.series.get(series).into_iter().flat_map(Packed::iter)
    }

    /// The last sample of a series.
    #[must_use]
    pub fn last(&self, series: &str) -> Option<Sample> {
        self.series.get(series)?.last()
    }

    /// Whether there is such a series.
    #[must_use]
    pub fn has(&self, series: &str) -> bool {
        self.series.contains_key(series)
    }

    /// The names of all series.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// Those of the series of which this is true, up to a time and with it.
    #[must_use]
    pub fn up_to(&self, at: f64, is_meant: impl Fn(&str) -> bool) -> Self {
        let meant = self.series.iter().filter(|(name, _)| is_meant(name));
        Self { series: meant.map(|(name, packed)| (name.clone(), packed.up_to(at))).collect() }
    }

    /// Leaves those samples of a series of which this is true.
    pub fn retain(&mut self, series: &str, is_left: impl Fn(&Sample) -> bool) {
        if let Some(packed) = self.series.get_mut(series) {
            *packed = packed.iter().filter(is_left).collect();
        }
    }

    /// Takes all series away.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    /// Packs what came last, too: nothing more is to come.
    pub fn settle(&mut self) {
        self.series.values_mut().for_each(Packed::settle);
    }

    /// How many bytes the packed samples take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let chunks = self.series.values().flat_map(|packed| &packed.chunks);
        chunks.map(|chunk| chunk.bytes.len()).sum()
    }
}

/// Tests make and change histories; a run only adds to them.
#[cfg(test)]
impl Samples {
    pub(crate) fn edit(&mut self, series: &str, edit: impl FnOnce(&mut Vec<Sample>)) {
        let packed = self.series.entry(series.to_owned()).or_default();
        let mut samples = packed.read();
        edit(&mut samples);
        *packed = samples.into_iter().collect();
    }

    pub(crate) fn edit_all(&mut self, mut edit: impl FnMut(&str, &mut Vec<Sample>)) {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        for name in names {
            self.edit(&name, |samples| edit(&name, samples));
        }
    }

    pub(crate) fn remove(&mut self, series: &str) {
        self.series.remove(series);
    }

    pub(crate) fn remove_all(&mut self, is_meant: impl Fn(&str) -> bool) {
        self.series.retain(|name, _| !is_meant(name));
    }
}

impl FromIterator<(String, Vec<Sample>)> for Samples {
    fn from_iter<I: IntoIterator<Item = (String, Vec<Sample>)>>(series: I) -> Self {
        let series = series.into_iter();
        Self { series: series.map(|(name, list)| (name, list.into_iter().collect())).collect() }
    }
}

/// The samples of one series.
#[derive(Debug, Clone, Default)]
struct Packed {
    /// Shared with copies, of which a run that is followed has one at each look.
    labels: Arc<Labels>,
    /// Not changed once they are written, so that a copy is another hold on them.
    chunks: Vec<Arc<Chunk>>,
    /// The newest ones.
    rest: Vec<Sample>,
}

/// The labels of a series by their numbers.
#[derive(Debug, Clone, Default)]
struct Labels {
    list: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, usize>,
}

/// Samples that follow one another.
#[derive(Debug)]
struct Chunk {
    bytes: Box<[u8]>,
    count: usize,
    /// The time of its last sample.
    last: f64,
}

impl Packed {
    fn add(&mut self, at: f64, label: &str, value: f64) -> bool {
        let label = Arc::make_mut(&mut self.labels).shared(label);
        let sample = Sample { at, label, value };
        while self.chunks.last().is_some_and(|chunk| chunk.last >= at) {
            self.unpack_last();
        }
        let place = self.rest.partition_point(|known| order(known, &sample).is_lt());
        if self.rest.get(place).is_some_and(|known| order(known, &sample).is_eq()) {
            return false;
        }
        self.rest.insert(place, sample);
        if self.rest.len() >= 2 * CHUNK {
            self.pack(self.whole_rounds());
        }
        true
    }

    /// How many samples may be packed, about a chunk: all labels of a time at once,
    /// because another one may be on its way; not the newest.
    fn whole_rounds(&self) -> usize {
        let at = self.rest[CHUNK].at;
        let before = self.rest.partition_point(|sample| sample.at < at);
        let behind = self.rest.partition_point(|sample| sample.at <= at);
        match before {
            0 if behind == self.rest.len() => 0,
            0 => behind,
            before => before,
        }
    }

    /// Packs so many of the samples that are not.
    fn pack(&mut self, count: usize) {
        let samples: Vec<Sample> = self.rest.drain(..count).collect();
        let Some(last) = samples.last() else { return };
        let (last, count) = (last.at, samples.len());
        let bytes = write(&samples, Arc::make_mut(&mut self.labels)).into();
        self.chunks.push(Arc::new(Chunk { bytes, count, last }));
    }

    fn settle(&mut self) {
        while !self.rest.is_empty() {
            self.pack(self.rest.len().min(CHUNK));
        }
        self.rest.shrink_to_fit();
    }

    /// Something belongs among the samples of the last chunk.
    fn unpack_last(&mut self) {
        if let Some(chunk) = self.chunks.pop() {
            let samples: Vec<Sample> = chunk.iter(&self.labels.list).collect();
            self.rest.splice(..0, samples);
        }
    }

    fn iter(&self) -> impl Iterator<Item = Sample> {
        let packed = self.chunks.iter().flat_map(|chunk| chunk.iter(&self.labels.list));
        packed.chain(self.rest.iter().cloned())
    }

    fn read(&self) -> Vec<Sample> {
        let packed: usize = self.chunks.iter().map(|chunk| chunk.count).sum();
        let mut samples = Vec::with_capacity(packed + self.rest.len());
        samples.extend(self.iter());
        samples
    }

    fn last(&self) -> Option<Sample> {
        let last = || self.chunks.last()?.iter(&self.labels.list).last();
        self.rest.last().cloned().or_else(last)
    }

    fn up_to(&self, at: f64) -> Self {
        let whole = self.chunks.partition_point(|chunk| chunk.last <= at);
        let (whole, behind) = self.chunks.split_at(whole);
        let behind = behind.iter().flat_map(|chunk| chunk.iter(&self.labels.list));
        let behind = behind.chain(self.rest.iter().cloned());
        let rest = behind.take_while(|sample| sample.at <= at).collect();
        Self { labels: Arc::clone(&self.labels), chunks: whole.to_vec(), rest }
    }
}

impl FromIterator<Sample> for Packed {
    /// In the order in which they come.
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        let mut packed = Self::default();
        for sample in samples {
            packed.rest.push(sample);
            if packed.rest.len() == CHUNK {
                packed.pack(CHUNK);
            }
        }
        packed.settle();
        packed
    }
}

impl Labels {
    fn shared(&mut self, label: &str) -> Arc<str> {
        let number = self.number(label);
        self.list[number].clone()
    }

    fn number(&mut self, label: &str) -> usize {
        if let Some(&number) = self.numbers.get(label) {
            return number;
        }
        let label: Arc<str> = Arc::from(label);
        self.list.push(label.clone());
        self.numbers.insert(label, self.list.len() - 1);
        self.list.len() - 1
    }
}

impl Chunk {
    fn iter<'a>(&'a self, labels: &'a [Arc<str>]) -> Reader<'a> {
        Reader { bytes: &self.bytes, labels, at: 0, known: Vec::new() }
    }
}

/// By time, then by label.
fn order(one: &Sample, other: &Sample) -> Ordering {
    one.at.total_cmp(&other.at).then_with(|| one.label.cmp(&other.label))
}

/// The bit of a sample's first number that says that its value follows whole.
const WHOLE_VALUE: u64 = 1;
/// The bit that says that its time does.
const WHOLE_TIME: u64 = 2;

/// Each sample is: the difference of times above the two bits; the place of its label
/// among those of the chunk, and, of a new one, its number in the series; the value.
fn write(samples: &[Sample], labels: &mut Labels) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * samples.len());
    let mut before = 0;
    // By the numbers of labels: their places in the chunk, and their last values.
    let mut known: HashMap<usize, (usize, i64)> = HashMap::new();
    for sample in samples {
        let (micros, value) = (micros(sample.at), whole(sample.value));
        let difference = micros.map_or(0, |micros| folded(micros - before));
        let time_bit = if micros.is_none() { WHOLE_TIME } else { 0 };
        let value_bit = if value.is_none() { WHOLE_VALUE } else { 0 };
        put(&mut bytes, difference << 2 | time_bit | value_bit);
        match micros {
            Some(micros) => before = micros,
            None => bytes.extend(sample.at.to_bits().to_le_bytes()),
        }
        let (number, new) = (labels.number(&sample.label), known.len());
        let (place, last) = known.entry(number).or_insert((new, 0));
        put(&mut bytes, *place as u64);
        if *place == new {
            put(&mut bytes, number as u64);
        }
        match value {
            Some(value) => {
                put(&mut bytes, folded(value - *last));
                *last = value;
            }
            None => bytes.extend(sample.value.to_bits().to_le_bytes()),
        }
    }
    bytes
}

/// Reads what [`write()`] has written.
struct Reader<'a> {
    bytes: &'a [u8],
    labels: &'a [Arc<str>],
    /// The last time, in microseconds.
    at: i64,
    /// The labels of the chunk by their places, each with its last value.
    known: Vec<(&'a Arc<str>, i64)>,
}

impl Iterator for Reader<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let first = take(&mut self.bytes)?;
        let at = if first & WHOLE_TIME == 0 {
            self.at = self.at.wrapping_add(unfolded(first >> 2));
            self.at as f64 / MICROS
        } else {
            take_whole(&mut self.bytes)?
        };
        let place = take(&mut self.bytes)? as usize;
        if place == self.known.len() {
            let number = take(&mut self.bytes)? as usize;
            self.known.push((self.labels.get(number)?, 0));
        }
        let (label, last) = self.known.get_mut(place)?;
        let value = if first & WHOLE_VALUE == 0 {
            *last = last.wrapping_add(unfolded(take(&mut self.bytes)?));
            *last as f64
        } else {
            take_whole(&mut self.bytes)?
        };
        Some(Sample { at, label: Arc::clone(label), value })
    }
}

/// A time in microseconds, if it is a whole number of them.
fn micros(at: f64) -> Option<i64> {
    let micros = whole((at * MICROS).round())?;
    (micros as f64 / MICROS).to_bits().eq(&at.to_bits()).then_some(micros)
}

/// The same number as an integer.
fn whole(value: f64) -> Option<i64> {
    let whole = value as i64;
    let is_same = value.abs() < EXACT && (whole as f64).to_bits() == value.to_bits();
    is_same.then_some(whole)
}

fn take_whole(bytes: &mut &[u8]) -> Option<f64> {
    let (whole, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f64::from_bits(u64::from_le_bytes(*whole)))
}

#[cfg(test)]
mod tests;
