//! The latencies of a run as an HDR V2 interval log, which the standard tools
//! (HistogramLogProcessor, the HdrHistogram plotter) read.
//!
//! Each second of a workload gives three lines, tagged `workload.delay`,
//! `workload.service` and `workload.response`, in microseconds. Their times
//! count from the log's base time, the start of the run.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry,
    LogIteratorError, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::latency::Histogram;
use crate::tally::Second;

/// What stands before the identity of the run in a comment of the log.
const RUN: &str = "Run: ";

/// The length of every interval.
const SECOND: Duration = Duration::from_secs(1);

/// Writes an interval log, a second at a time.
pub struct Writer<W> {
    out: W,
    serializer: V2DeflateSerializer,
    lines: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a log of a run that started at `unix_t0`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, unix_t0: SystemTime) -> io::Result<Self> {
        Self::begin(out, unix_t0, &[])
    }

    /// [`Writer::new`] of a log that says of which run it is; see [`runs`].
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn for_run(out: W, unix_t0: SystemTime, run: &str) -> io::Result<Self> {
        Self::begin(out, unix_t0, &[&format!("{RUN}{run}")])
    }

    fn begin(mut out: W, unix_t0: SystemTime, comments: &[&str]) -> io::Result<Self> {
        let mut serializer = V2DeflateSerializer::new();
        let mut lines = Vec::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("Latencies in microseconds, recorded by Shakedown.");
        for comment in comments {
            builder.add_comment(comment);
        }
        builder
            .with_start_time(unix_t0)
            .with_base_time(unix_t0)
            .begin_log_with(&mut lines, &mut serializer)?;
        lines.extend_from_slice(
            b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
              \"Interval_Compressed_Histogram\"\n",
        );
        out.write_all(&lines)?;
        Ok(Self { out, serializer, lines })
    }

    /// Adds one second of a workload. Whole lines are given to `out` at once,
    /// so a run that is killed leaves a log that can be read.
    ///
    /// # Errors
    /// When the workload's name cannot stand in a log (it has a comma or a
    /// space), or `out` cannot be written.
    pub fn write(&mut self, workload: &str, second: &Second) -> io::Result<()> {
        self.lines.clear();
        let builder = IntervalLogWriterBuilder::new();
        let mut log = builder.begin_log_with(&mut self.lines, &mut self.serializer)?;
        for (name, histogram) in second.latency.named() {
            let name = format!("{workload}.{name}");
            let tag = tag(&name)?;
            log.write_histogram(histogram, Duration::from_secs(second.second), SECOND, Some(tag))
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        self.out.write_all(&self.lines)
    }

    /// Adds one line as it is.
    ///
    /// # Errors
    /// When its tag cannot stand in a log, or `out` cannot be written.
    pub fn write_interval(&mut self, interval: &Interval) -> io::Result<()> {
        self.lines.clear();
        let builder = IntervalLogWriterBuilder::new();
        let mut log = builder.begin_log_with(&mut self.lines, &mut self.serializer)?;
        let Interval { tag, start, length, histogram } = interval;
        let tag = (!tag.is_empty()).then(|| self::tag(tag)).transpose()?;
        log.write_histogram(histogram, *start, *length, tag)
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.out.write_all(&self.lines)
    }

    /// Hands on everything that `out` holds back.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn tag(name: &str) -> io::Result<Tag<'_>> {
    Tag::new(name).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} cannot stand in a latency log; use no commas or spaces"),
        )
    })
}

/// When a log's times count from; `None` if it does not say.
#[must_use]
pub fn base_time(log: &[u8]) -> Option<SystemTime> {
    IntervalLogIterator::new(log).find_map(|entry| match entry {
        Ok(LogEntry::BaseTime(since)) => Some(SystemTime::UNIX_EPOCH + since),
        _ => None,
    })
}

/// The runs that a log says it is of: one, unless logs were put together.
pub fn runs(log: &[u8]) -> impl Iterator<Item = &str> {
    let lines = log.split(|&byte| byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
    lines.filter_map(|line| line.strip_prefix('#')?.trim_start().strip_prefix(RUN).map(str::trim))
}

/// One line of an interval log.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// `workload.delay`, `workload.service` or `workload.response` in our own
    /// logs; empty for a line without a tag.
    pub tag: String,
    /// When the interval began, after the log's base time.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// The times, in microseconds in our own logs.
    pub histogram: Histogram,
}

/// Why a text is not an interval log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HlogError {
    /// A line is not one of an interval log.
    #[error("byte {offset} of the log does not begin a line of an HDR interval log")]
    Line {
        /// Where the line begins.
        offset: usize,
    },
    /// A line's histogram cannot be decoded.
    #[error("the histogram tagged {tag:?} at {start:?} cannot be decoded: {problem}")]
    Histogram {
        /// The line's tag.
        tag: String,
        /// The line's time.
        start: Duration,
        /// What is wrong.
        problem: String,
    },
}

/// Reads an interval log at once. A last line that was cut short, by a run that
/// was killed, is left out.
///
/// # Errors
/// When a whole line is not one of an interval log.
pub fn read(log: &[u8]) -> Result<Vec<Interval>, HlogError> {
    intervals(log).collect()
}

/// [`read`], one line after the other: each histogram takes 180 KiB, and a soak
/// has many.
pub fn intervals(log: &[u8]) -> impl Iterator<Item = Result<Interval, HlogError>> {
    let whole = log.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let mut deserializer = Deserializer::new();
    IntervalLogIterator::new(&log[..whole]).filter_map(move |entry| match entry {
        Ok(LogEntry::Interval(line)) => Some(interval(&line, &mut deserializer)),
        Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => None,
        Err(LogIteratorError::ParseError { offset }) => Some(Err(HlogError::Line { offset })),
    })
}

fn interval(
    line: &IntervalLogHistogram<'_>,
    deserializer: &mut Deserializer,
) -> Result<Interval, HlogError> {
    let tag = line.tag().map_or_else(String::new, |tag| tag.as_str().to_owned());
    let start = line.start_timestamp();
    let bad = |problem| HlogError::Histogram { tag: tag.clone(), start, problem };
    let bytes = STANDARD.decode(line.encoded_histogram()).map_err(|e| bad(e.to_string()))?;
    let histogram =
        deserializer.deserialize(&mut bytes.as_slice()).map_err(|e| bad(e.to_string()))?;
    Ok(Interval { tag, start, length: line.duration(), histogram })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{self, Latency};

    fn second(number: u64) -> Second {
        let mut latency = Latency::default();
        for millis in 1..100 {
            latency::record(&mut latency.response, Duration::from_millis(millis * (number + 1)));
            latency::record(&mut latency.service, Duration::from_millis(millis));
        }
        Second { latency, ..Second::empty(number) }
    }

    #[test]
    fn a_log_reads_as_it_was_written() {
        let mut log = Vec::new();
        let t0 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut writer = Writer::new(&mut log, t0).unwrap();
        writer.write("publish", &second(0)).unwrap();
        writer.write("publish", &second(1)).unwrap();
        writer.flush().unwrap();
        let intervals = read(&log).unwrap();
        let tags: Vec<_> = intervals.iter().map(|line| line.tag.as_str()).collect();
        let three = ["publish.delay", "publish.service", "publish.response"];
        assert_eq!(tags, [three, three].concat());
        assert_eq!(intervals[5].start, Duration::from_secs(1));
        assert_eq!(intervals[5].histogram, second(1).latency.response);
        // HISTF is how the standard tools know a compressed V2 histogram.
        assert!(String::from_utf8(log.clone()).unwrap().contains(",HISTF"));
        log.truncate(log.len() - 10);
        assert_eq!(read(&log).unwrap().len(), 5);
    }

    #[test]
    fn what_is_not_a_log_is_refused() {
        assert!(matches!(read(b"hello, world\n"), Err(HlogError::Line { offset: 0 })));
        let broken = read(b"Tag=w.response,1.000,1.000,5.000,AAAA\n");
        assert!(matches!(broken, Err(HlogError::Histogram { .. })));
        let mut writer = Writer::new(Vec::new(), SystemTime::UNIX_EPOCH).unwrap();
        assert!(writer.write("a b", &second(0)).is_err());
    }
}
