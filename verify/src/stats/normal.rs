//! Quantiles of the normal and of Student's distribution, to full double
//! precision: verdicts hang on them.

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

/// From so many degrees of freedom on, Student's quantile is taken from its
/// expansion, whose error is below 1e-12 there.
const MANY: f64 = 1_000.0;

/// The standard normal quantile of a probability; infinite at 0 and 1.
#[must_use]
pub fn quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The quantile of Student's distribution with so many degrees of freedom,
/// which may be any number above 0.
#[must_use]
pub fn student(probability: f64, freedom: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(student) if freedom < MANY => exact(&student, probability),
        _ => expansion(probability, freedom),
    }
}

/// The inverse of the distribution. That of `statrs` 0.19 is off by up to 4e-9
/// with many degrees of freedom, while its distribution is not: Newton's steps
/// take the error out.
fn exact(student: &StudentsT, probability: f64) -> f64 {
    let step = |x: f64, _| x - (student.cdf(x) - probability) / student.pdf(x);
    (0..2).fold(student.inverse_cdf(probability), step)
}

/// The expansion of Student's quantile about the normal one (Abramowitz &
/// Stegun, *Handbook of Mathematical Functions*, 26.7.5).
fn expansion(probability: f64, freedom: f64) -> f64 {
    let z = quantile(probability);
    let z2 = z * z;
    let terms = [
        (z2 + 1.0) / 4.0,
        ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0,
        (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0,
        ((((79.0 * z2 + 776.0) * z2 + 1_482.0) * z2 - 1_920.0) * z2 - 945.0) / 92_160.0,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) / freedom);
    z + z * sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Within so much of the reference, relative to it.
    fn near(found: f64, reference: f64, within: f64) -> bool {
        (found - reference).abs() <= within * reference.abs()
    }

    #[test]
    fn normal_quantiles_are_those_of_an_independent_source() {
        // scipy.special.ndtri
        for (probability, reference) in [
            (1e-300, -37.0470962993612),
            (1e-12, -7.034483825301131),
            (1e-06, -4.753424308822899),
            (0.001, -3.090232306167813),
            (0.01, -2.3263478740408408),
            (0.025, -1.9599639845400545),
            (0.2, -0.8416212335729142),
            (0.75, 0.6744897501960817),
            (0.9, 1.2815515655446004),
            (0.95, 1.6448536269514722),
            (0.975, 1.959963984540054),
            (0.99, 2.3263478740408408),
            (0.995, 2.5758293035489004),
            (0.999, 3.090232306167813),
            (0.999999, 4.753424308817087),
        ] {
            let found = quantile(probability);
            assert!(near(found, reference, 1e-14), "{probability}: {found} for {reference}");
        }
        assert_eq!(quantile(0.5), 0.0);
    }

    #[test]
    fn student_quantiles_are_those_of_an_independent_source() {
        // scipy.stats.t.ppf
        for (probability, freedom, reference) in [
            (0.001, 1.0, -318.30883898555044),
            (0.75, 1.0, 1.0000000000000002),
            (0.98, 1.0, 15.89454484386529),
            (0.999999, 1.0, 318309.88617359026),
            (0.001, 2.0, -22.327124770119873),
            (0.75, 2.0, 0.8164965809277261),
            (0.98, 2.0, 4.848732213850609),
            (0.999999, 2.0, 707.1057205157672),
            (0.001, 2.5, -13.822193110865964),
            (0.75, 2.5, 0.7850136829922992),
            (0.98, 2.5, 3.9554736831900184),
            (0.999999, 2.5, 220.17342917570426),
            (0.001, 4.0, -7.1731822197823085),
            (0.75, 4.0, 0.7406970841126829),
            (0.98, 4.0, 2.9985278732065854),
            (0.999999, 4.0, 41.5778541501515),
            (0.001, 9.0, -4.296805662729919),
            (0.75, 9.0, 0.7027221467513264),
            (0.98, 9.0, 2.3984409848565056),
            (0.999999, 9.0, 10.720160409872824),
            (0.001, 27.0, -3.4210336212293058),
            (0.75, 27.0, 0.6836849791310311),
            (0.98, 27.0, 2.1578248239169953),
            (0.999999, 27.0, 6.021340255549116),
            (0.001, 100.0, -3.173739493738783),
            (0.75, 100.0, 0.6769510430114717),
            (0.98, 100.0, 2.080883901337072),
            (0.999999, 100.0, 5.048830877221446),
            (0.001, 1999.0, -3.094314341814241),
            (0.75, 1999.0, 0.6746124989153225),
            (0.98, 1999.0, 2.055089962825777),
            (0.999999, 1999.0, 4.767487194964782),
            (0.001, 2000.0, -3.0943122983290934),
            (0.75, 2000.0, 0.6746124375310217),
            (0.98, 2000.0, 2.0550892918726884),
            (0.999999, 2000.0, 4.76748014538776),
            (0.001, 1000000.0, -3.09024045631652),
            (0.75, 1000000.0, 0.6744899955310875),
            (0.98, 1000000.0, 2.0537515896914313),
            (0.999999, 1000000.0, 4.7534523482738695),
        ] {
            let found = student(probability, freedom);
            let what = format!("{probability} {freedom}: {found} for {reference}");
            assert!(near(found, reference, 1e-10), "{what}");
        }
    }

    proptest! {
        /// The two ways to Student's quantile meet where one takes over.
        #[test]
        fn both_ways_agree(probability in 0.501_f64..0.999_99) {
            let student = StudentsT::new(0.0, 1.0, MANY).unwrap();
            prop_assert!((exact(&student, probability) - expansion(probability, MANY)).abs() < 1e-10);
        }

        /// A quantile rises with the probability, is odd about one half, and
        /// Student's lies further out than the normal one.
        #[test]
        fn quantiles_are_in_order(
            probability in 0.51_f64..0.999_9,
            step in 1e-6_f64..1e-5,
            freedom in 1_u32..5_000,
        ) {
            let freedom = f64::from(freedom);
            prop_assert!(quantile(probability + step) > quantile(probability));
            prop_assert!((quantile(probability) + quantile(1.0 - probability)).abs() < 1e-9);
            let far = student(probability, freedom);
            prop_assert!(far > quantile(probability));
            prop_assert!((far + student(1.0 - probability, freedom)).abs() < 1e-6 * far.abs().max(1.0));
        }
    }
}
