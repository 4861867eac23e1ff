//! Figures and lists as people read them.

use scenarios::units::Unit;

/// A whole number with thousands set apart: `12,400`.
pub(super) fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// A value in its unit with thousands set apart: `2,047`, `12.5ms`.
pub(super) fn show(unit: Unit, value: f64) -> String {
    grouped(&unit.show(value))
}

/// A number without a unit: `3.33`, `2,047`.
pub(crate) fn number(value: f64) -> String {
    show(Unit::Count, value)
}

/// A rise or a fall, with its sign: `+23`.
pub(super) fn signed(unit: Unit, value: f64) -> String {
    if value > 0.0 { format!("+{}", show(unit, value)) } else { show(unit, value) }
}

/// Seconds for people: `12.5 s`.
pub(super) fn seconds(value: f64) -> String {
    format!("{} s", number(value))
}

/// A share with four significant digits at most, so that 3/n does not round to
/// nothing: `0.043%`.
pub(crate) fn share(value: f64) -> String {
    let percent = value * 100.0;
    if percent == 0.0 || percent.abs() >= 1.0 {
        return show(Unit::Share, value);
    }
    let places = (1.0 - percent.abs().log10().floor()).clamp(2.0, 9.0) as usize;
    format!("{}%", format!("{percent:.places$}").trim_end_matches('0').trim_end_matches('.'))
}

/// A difference of shares: `1 point`, `0.5 points`.
pub(crate) fn points(value: f64) -> String {
    let points = number(value * 100.0);
    format!("{points} point{}", if points == "1" { "" } else { "s" })
}

/// At most so many characters of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// `1 sample`, `2 samples`.
pub(super) fn plural(number: u64, word: &str) -> String {
    format!("{} {word}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Words with commas, the last after "and": `a, b and c`.
pub(super) fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

fn grouped(text: &str) -> String {
    let start = usize::from(text.starts_with('-'));
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let mut out = text[..start].to_owned();
    for (index, digit) in text[start..start + digits].chars().enumerate() {
        if index > 0 && (digits - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(&text[start + digits..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(999), "999");
        assert_eq!(number(-2_047.0), "-2,047");
        assert_eq!(show(Unit::Seconds, 0.0125), "12.5ms");
        assert_eq!(signed(Unit::Count, 23.0), "+23");
        assert_eq!(signed(Unit::Count, -23.0), "-23");
        assert_eq!(share(0.000_428), "0.043%");
        assert_eq!(share(0.05), "5%");
        assert_eq!(share(0.0), "0%");
        assert_eq!(plural(1, "sample"), "1 sample");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
