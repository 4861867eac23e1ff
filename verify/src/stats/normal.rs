//! Quantiles of the normal and of Student's distribution.

/// The standard normal quantile of a probability between 0 and 1, to 4.5e-4
/// (Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.2.23).
#[must_use]
pub fn quantile(probability: f64) -> f64 {
    if probability < 0.5 {
        return -quantile(1.0 - probability);
    }
    let tail = (1.0 - probability).max(f64::MIN_POSITIVE);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).max(0.0)
}

/// The quantile of Student's distribution with so many degrees of freedom, by
/// the expansion about the normal one (Abramowitz & Stegun, 26.7.5); good to
/// two digits from 4 degrees of freedom on, to three from 9 on.
#[must_use]
pub fn student(probability: f64, freedom: f64) -> f64 {
    let z = quantile(probability);
    let (z2, z3) = (z * z, z * z * z);
    let first = (z3 + z) / 4.0;
    let second = z * (5.0 * z2 * z2 + 16.0 * z2 + 3.0) / 96.0;
    let third = z * (3.0 * z2 * z2 * z2 + 19.0 * z2 * z2 + 17.0 * z2 - 15.0) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (probability, expected) in [
            (0.5, 0.0),
            (0.9, 1.2816),
            (0.95, 1.6449),
            (0.975, 1.96),
            (0.99, 2.3263),
            (0.01, -2.3263),
        ] {
            assert!((quantile(probability) - expected).abs() < 1e-3, "{probability}");
        }
        for (probability, freedom, expected) in
            [(0.95, 9.0, 1.833), (0.98, 9.0, 2.398), (0.99, 9.0, 2.821), (0.98, 27.0, 2.158)]
        {
            assert!(
                (student(probability, freedom) - expected).abs() < 0.01,
                "{probability} {freedom}"
            );
        }
    }
}
