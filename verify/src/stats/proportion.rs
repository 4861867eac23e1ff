//! What a number of tries can prove.

/// The greatest share of failures that `tries` tries without one leave
/// possible, with 95 % confidence: the "rule of three", 3/n (Hanley &
/// Lippman-Hand, *If nothing goes wrong, is everything all right?*, 1983).
#[must_use]
pub fn rule_of_three(tries: f64) -> f64 {
    if tries > 0.0 { (3.0 / tries).min(1.0) } else { 1.0 }
}

/// The fewest values of which the greatest exceeds the quantile with 95 %
/// confidence, whatever their distribution: the least n with qⁿ ≤ 5 %
/// (Wilks 1941). 59 for 95 %, 299 for 99 %, 2,995 for 99.9 %.
#[must_use]
pub fn fewest_for_quantile(quantile: f64) -> u64 {
    if quantile <= 0.0 {
        return 1;
    }
    if quantile >= 1.0 {
        return u64::MAX;
    }
    // A quantile below one half needs its smallest values just as much.
    let extreme = quantile.max(1.0 - quantile);
    (0.05_f64.ln() / extreme.ln()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_figures() {
        assert_eq!(fewest_for_quantile(0.95), 59);
        assert_eq!(fewest_for_quantile(0.99), 299);
        assert_eq!(fewest_for_quantile(0.999), 2_995);
        assert_eq!(fewest_for_quantile(0.5), 5);
        assert!((rule_of_three(300.0) - 0.01).abs() < 1e-12);
        assert!((rule_of_three(0.0) - 1.0).abs() < 1e-12);
    }
}
