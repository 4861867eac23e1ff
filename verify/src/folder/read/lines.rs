//! Whole lines: a last line without its end was torn when the run was killed,
//! or later, and is no data, whatever it looks like.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Take};
use std::path::Path;

/// How much is looked at, at once, from the end of a file.
const BITE: u64 = 64 << 10;

/// The whole lines of a file as a stream.
pub(super) struct Whole {
    pub(super) lines: BufReader<Take<File>>,
    /// Whether something stands behind them.
    pub(super) is_torn: bool,
}

/// The whole lines of a file; none when there is no such file.
pub(super) fn whole(path: &Path) -> io::Result<Option<Whole>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let mut end = length;
    let mut bite = Vec::new();
    // The end of the last line, searched for from behind.
    let whole = loop {
        let from = end.saturating_sub(BITE);
        bite.clear();
        file.seek(SeekFrom::Start(from))?;
        (&mut file).take(end - from).read_to_end(&mut bite)?;
        match bite.iter().rposition(|&byte| byte == b'\n') {
            Some(place) => break from + place as u64 + 1,
            None if from == 0 => break 0,
            None => end = from,
        }
    };
    file.seek(SeekFrom::Start(0))?;
    Ok(Some(Whole { lines: BufReader::new(file.take(whole)), is_torn: whole < length }))
}

/// The whole lines of a file as text.
pub(super) struct WholeText {
    pub(super) text: String,
    pub(super) is_torn: bool,
}

/// [`whole`], at once.
pub(super) fn whole_lines(path: &Path) -> io::Result<Option<WholeText>> {
    let Some(mut whole) = whole(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    whole.lines.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(WholeText { text, is_torn: whole.is_torn }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is read are the lines that have their end.
        #[test]
        fn only_whole_lines_are_read(text in "[a\n]{0,40}", long in 0_usize..3) {
            let text = format!("{}{text}", "b".repeat(long * 50_000));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("lines");
            std::fs::write(&path, &text).unwrap();
            let read = whole_lines(&path).unwrap().unwrap();
            let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
            prop_assert_eq!(&read.text, whole);
            prop_assert_eq!(read.is_torn, whole.len() < text.len());
        }
    }
}
