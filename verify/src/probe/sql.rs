//! A number, or labelled numbers, of a database: the first column of a row is
//! the label where there are two, the last one the number. NULL is unknown. Where
//! a table of the query does not exist yet, the number is 0.

use std::time::Duration;

use services::Trouble;

use super::presence::Presence;
use crate::observe::ProbeObserver;
use crate::postgres::Session;

/// The most rows that one answer may have: each is a label of the series.
const MOST_ROWS: usize = 1_000;

/// What may not exist yet.
const TABLE: &str = "a table of the query";

pub(super) struct Sql {
    url: String,
    query: String,
    timeout: Duration,
    session: Option<Session>,
    presence: Presence,
}

impl Sql {
    pub(super) fn new(url: String, query: &str, timeout: Duration) -> Self {
        Self { url, query: query.to_owned(), timeout, session: None, presence: Presence::default() }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.url, "probe").await.map_err(|error| error.to_string())?,
        };
        let mut values = Vec::new();
        let answer = session.ask(&self.query, self.timeout, |row| {
            if values.len() == MOST_ROWS {
                return Err(format!("the query gives more than {MOST_ROWS} rows"));
            }
            let last = row.len().checked_sub(1).ok_or("the query gives no column")?;
            let label = if last > 0 { row.get(0).unwrap_or_default() } else { "" };
            if let Some(text) = row.get(last) {
                values.push((label.to_owned(), number(text)?));
            }
            Ok(())
        });
        let answer = answer.await;
        let lacks_table = session.lacks_table();
        if answer.as_ref().err().is_none_or(Trouble::is_answer) {
            self.session = Some(session);
        }
        let at = observer.now();
        if let Err(trouble) = answer {
            let why = trouble.to_string();
            if lacks_table && self.presence.is_to_come(observer, "", TABLE) {
                observer.value(at, "value", 0.0);
                return Ok(());
            }
            return Err(why);
        }
        self.presence.found(observer, "");
        for (label, value) in values {
            observer.labelled(at, "value", &label, value);
        }
        Ok(())
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn only_numbers_are_numbers() {
        assert_eq!(number("12.50"), Ok(12.5));
        for bad in ["", "t", "NaN", "Infinity", "1 row"] {
            assert!(number(bad).is_err(), "{bad}");
        }
    }
}
