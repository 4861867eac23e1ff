//! Batches: samples that follow each other closely resemble each other, so n of
//! them prove less than n independent ones would. The medians of stretches that
//! are long against that resemblance are nearly independent.
//!
//! The number of batches grows with the root of the number of samples, so that
//! a longer series gets both more and longer batches (Schmeiser, *Batch size
//! effects in the analysis of simulation output*, 1982; Flegal & Jones 2010).

use super::median::quantile;

/// The fewest and the most batches.
const FEWEST: usize = 8;
const MOST: usize = 40;

/// How many batches a series of so many samples is cut into.
#[must_use]
pub fn number_for(samples: usize) -> usize {
    let root = (samples as f64).sqrt() * 1.4;
    (root.round() as usize).clamp(FEWEST, MOST)
}

/// The stretch `[from, to)` cut into `number` spans of equal length: the mean
/// time and the median of the values of each, which is always one of them (the
/// lower of two in the middle), so that a step lies between two spans and not
/// half in each. Spans without a sample
/// give nothing; samples outside of the stretch do not count.
#[must_use]
pub fn lower_medians(points: &[(f64, f64)], from: f64, to: f64, number: usize) -> Vec<(f64, f64)> {
    let mut spans: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); number];
    for &(time, value) in points {
        if (from..to).contains(&time) {
            let index = ((time - from) / (to - from) * number as f64) as usize;
            let (times, values) = &mut spans[index.min(number - 1)];
            times.push(time);
            values.push(value);
        }
    }
    let middle = |(times, values): (Vec<f64>, Vec<f64>)| {
        let time = times.iter().sum::<f64>() / times.len() as f64;
        quantile(&values, 0.5).map(|value| (time, value))
    };
    spans.into_iter().filter_map(middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_equal_spans_of_time() {
        let points: Vec<_> = (0..8).map(|i| (f64::from(i), f64::from(i * i))).collect();
        assert_eq!(lower_medians(&points, 0.0, 8.0, 2), [(1.5, 1.0), (5.5, 25.0)]);
        assert_eq!(lower_medians(&points, 0.0, 16.0, 2), [(3.5, 9.0)]);
        assert_eq!((number_for(20), number_for(56), number_for(100_000)), (8, 10, 40));
    }
}
