//! A row for each second.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::recorder::Row;

/// The rows, with a line of names in front. Times are in milliseconds; empty
/// where nothing was timed.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut out = String::from(
        "second,due,acked,failed,indeterminate,dropped,late,response_p50_ms,response_p99_ms,\
         response_max_ms,service_p50_ms,service_p99_ms,delay_p50_ms,delay_p99_ms\n",
    );
    for row in rows {
        let tally = row.tally;
        let ms = |time: Duration, count| match count {
            0 => String::new(),
            _ => format!("{}", time.as_micros() as f64 / 1e3),
        };
        let (response, service, delay) = (row.response, row.service, row.delay);
        // Writing into a string cannot fail.
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            row.second,
            tally.due,
            tally.acked,
            tally.failed,
            tally.indeterminate,
            tally.dropped,
            tally.late,
            ms(response.p50, response.count),
            ms(response.p99, response.count),
            ms(response.max, response.count),
            ms(service.p50, service.count),
            ms(service.p99, service.count),
            ms(delay.p50, delay.count),
            ms(delay.p99, delay.count),
        );
    }
    out
}
