//! The two algorithms of gRFC A50, as pure functions: counts in, positions of outliers out.
use super::super::load::Tally;
use crate::options::{FailurePercentageEjection, SuccessRateEjection};

/// Those whose success rate is too far below the mean.
pub(super) fn by_success_rate(tallies: &[Tally], rule: &SuccessRateEjection) -> Vec<usize> {
    let rates: Vec<_> = judged(tallies, rule.request_volume)
        .map(|(at, tally)| (at, f64::from(tally.succeeded) / f64::from(tally.total())))
        .collect();
    if rates.is_empty() || rates.len() < rule.minimum_hosts as usize {
        return Vec::new();
    }
    let count = rates.len() as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
    let least = mean - variance.sqrt() * (f64::from(rule.stdev_factor) / 1000.0);
    rates.iter().filter(|(_, rate)| *rate < least).map(|(at, _)| *at).collect()
}

/// Those at which more than the accepted share of the calls failed.
pub(super) fn by_failure_percentage(tallies: &[Tally], rule: &FailurePercentageEjection) -> Vec<usize> {
    let judged: Vec<_> = judged(tallies, rule.request_volume).collect();
    if judged.len() < rule.minimum_hosts as usize {
        return Vec::new();
    }
    let percentage = |tally: &Tally| f64::from(tally.failed) * 100.0 / f64::from(tally.total());
    judged.iter().filter(|(_, tally)| percentage(tally) > f64::from(rule.threshold)).map(|(at, _)| *at).collect()
}

/// Those with enough calls to be judged. Without a call there is nothing to judge, however little is enough.
fn judged(tallies: &[Tally], volume: u32) -> impl Iterator<Item = (usize, &Tally)> {
    tallies.iter().enumerate().filter(move |(_, tally)| tally.total() >= volume.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(counts: &[(u32, u32)]) -> Vec<Tally> {
        counts.iter().map(|(succeeded, failed)| Tally { succeeded: *succeeded, failed: *failed }).collect()
    }

    #[test]
    fn the_success_rate_of_one_is_compared_with_that_of_all() {
        let rule = SuccessRateEjection { minimum_hosts: 5, request_volume: 100, ..SuccessRateEjection::default() };
        let outliers = |counts: &[(u32, u32)]| by_success_rate(&tallies(counts), &rule);
        // mean 0.86, deviation 0.18: less than 0.518 is out
        assert_eq!(outliers(&[(95, 5), (95, 5), (95, 5), (95, 5), (50, 50)]), [4]);
        assert_eq!(outliers(&[(90, 10), (95, 5), (92, 8), (99, 1), (91, 9)]), [0; 0]);
        assert_eq!(outliers(&[(0, 100); 5]), [0; 0], "all alike: it is not the address");
        assert_eq!(outliers(&[(95, 5), (95, 5), (95, 5), (50, 50)]), [0; 0], "too few addresses");
        assert_eq!(outliers(&[(95, 5), (95, 5), (95, 5), (95, 5), (49, 50)]), [0; 0], "too few calls");
        assert_eq!(outliers(&[]), [0; 0]);
        let eager = SuccessRateEjection { minimum_hosts: 0, request_volume: 0, stdev_factor: 0, ..rule };
        assert_eq!(by_success_rate(&tallies(&[(0, 0), (1, 0), (0, 1)]), &eager), [2]);
        assert_eq!(by_success_rate(&tallies(&[(0, 0)]), &eager), [0; 0]);
    }

    #[test]
    fn the_failure_percentage_counts_by_itself() {
        let rule =
            FailurePercentageEjection { minimum_hosts: 2, request_volume: 10, threshold: 85, ..Default::default() };
        let outliers = |counts: &[(u32, u32)]| by_failure_percentage(&tallies(counts), &rule);
        assert_eq!(outliers(&[(15, 85), (14, 86), (0, 10)]), [1, 2], "85 % itself is accepted");
        assert_eq!(outliers(&[(0, 100)]), [0; 0], "too few addresses");
        assert_eq!(outliers(&[(0, 9), (0, 100)]), [0; 0], "too few with enough calls");
        let eager = FailurePercentageEjection { minimum_hosts: 0, request_volume: 0, threshold: 100, ..rule };
        assert_eq!(by_failure_percentage(&tallies(&[(0, 0), (0, 5)]), &eager), [0; 0]);
    }
}
