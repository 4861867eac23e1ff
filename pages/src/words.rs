//! Figures in words, as every rendering writes them.

use scenarios::units::Unit;

/// A count with its thousands apart: `12,400`.
#[must_use]
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A value of a series for people, thousands apart: `17,840`, `12.5ms`.
#[must_use]
pub fn figure(unit: Unit, value: f64) -> String {
    group(&unit.show(value))
}

/// Sets the thousands apart of the whole number that a text begins with.
fn group(text: &str) -> String {
    let start = usize::from(text.starts_with('-'));
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(start + digits);
    let mut out = String::with_capacity(text.len() + digits / 3);
    for (index, c) in whole.char_indices() {
        if index > start && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + rest
}

/// A latency in seconds: `1.2ms`.
#[must_use]
pub fn latency(seconds: f64) -> String {
    figure(Unit::Seconds, seconds)
}

/// A rate: `499.8/s`. One place behind the point shows a rate that was almost
/// reached for what it is.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || !(1.0..1e4).contains(&per_second) {
        return figure(Unit::PerSecond, per_second);
    }
    let text = format!("{per_second:.1}");
    format!("{}/s", group(text.trim_end_matches(".0")))
}

/// A moment of the run or a length of it, in seconds: `4.2s`, `1m24s`, `2h05m`.
#[must_use]
pub fn moment(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let tenths = (seconds.abs() * 10.0).round();
    if tenths == 0.0 {
        return "0s".to_owned();
    }
    if tenths < 600.0 {
        let text = format!("{:.1}", tenths / 10.0);
        return format!("{sign}{}s", text.trim_end_matches(".0"));
    }
    let whole = seconds.abs().round();
    let (hours, minutes, rest) =
        ((whole / 3600.0).floor(), (whole % 3600.0 / 60.0).floor(), whole % 60.0);
    match (hours > 0.0, rest > 0.0) {
        (true, _) => format!("{sign}{hours}h{minutes:02}m"),
        (false, true) => format!("{sign}{minutes}m{rest:02}s"),
        (false, false) => format!("{sign}{minutes}m"),
    }
}

/// A small share (of 1) with two digits that count: `0.024 %`.
#[must_use]
pub fn share(share: f64) -> String {
    format!("{} %", crate::time::rounded(share * 100.0, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(value), text);
        }
        assert_eq!(figure(Unit::Count, -17_840.0), "-17,840");
        assert_eq!(figure(Unit::PerSecond, 5_000.0), "5,000/s");
        assert_eq!(figure(Unit::Count, 1.25), "1.25");
        assert_eq!(figure(Unit::Count, f64::NAN), "unknown");
        assert_eq!(rate(1_999.94), "1,999.9/s");
        assert_eq!(rate(200.0), "200/s");
        assert_eq!(rate(0.25), "0.25/s");
    }

    #[test]
    fn moments_are_short() {
        for (seconds, text) in [
            (0.0, "0s"),
            (4.25, "4.3s"),
            (12.0, "12s"),
            (59.97, "1m"),
            (84.2, "1m24s"),
            (120.0, "2m"),
            (7_500.0, "2h05m"),
            (-3.0, "-3s"),
            (f64::INFINITY, "unknown"),
        ] {
            assert_eq!(moment(seconds), text);
        }
    }
}
