//! How long a caller is ready to wait, and what may cut the wait short.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::LabError;

/// A deadline, and optionally a flag that another thread raises to cancel.
///
/// Every waiting call of the lab takes one, looks at it many times a second
/// (except while a local server takes up to a second to answer), and answers
/// [`LabError::TimedOut`] or [`LabError::Cancelled`].
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    since: Instant,
    limit: Duration,
    cancel: Option<&'a AtomicBool>,
}

impl<'a> Patience<'a> {
    /// Waits for at most `limit` from now.
    pub fn new(limit: Duration) -> Self {
        Self { since: Instant::now(), limit, cancel: None }
    }

    /// Also gives up, promptly, once `flag` is true.
    #[must_use]
    pub fn cancelled_by(self, flag: &'a AtomicBool) -> Self {
        Self { cancel: Some(flag), ..self }
    }

    /// Ok while there is time left; otherwise the error that says that `what`
    /// never came.
    pub(crate) fn check(&self, what: &str) -> Result<(), LabError> {
        if self.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(LabError::Cancelled { what: what.to_owned() });
        }
        if self.since.elapsed() >= self.limit {
            return Err(LabError::TimedOut { what: what.to_owned(), after: self.limit });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exhausted_wait_and_a_cancelled_one_differ() {
        let flag = AtomicBool::new(false);
        let patient = Patience::new(Duration::from_secs(3600)).cancelled_by(&flag);
        assert!(patient.check("dawn").is_ok());
        flag.store(true, Ordering::Relaxed);
        assert!(matches!(patient.check("dawn"), Err(LabError::Cancelled { .. })));
        let spent = Patience::new(Duration::ZERO);
        assert!(matches!(spent.check("dawn"), Err(LabError::TimedOut { .. })));
    }
}
