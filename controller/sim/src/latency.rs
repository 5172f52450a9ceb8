//! Latencies of one kind of call.

use std::time::Duration;

/// Latencies as they were measured, in microseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    micros: Vec<u32>,
}

impl Latencies {
    pub(crate) fn add(&mut self, latency: Duration) {
        self.micros.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        self.micros.append(&mut other.micros);
    }

    pub(crate) fn count(&self) -> usize {
        self.micros.len()
    }

    /// The latency that this share (0 to 1) of the calls did not pass, in milliseconds: nearest rank. `None` without calls.
    pub(crate) fn quantile(&mut self, share: f64) -> Option<f64> {
        let last = self.micros.len().checked_sub(1)?;
        let rank = ((share * self.micros.len() as f64).ceil() as usize).saturating_sub(1).min(last);
        let (_, &mut micros, _) = self.micros.select_nth_unstable(rank);
        Some(f64::from(micros) / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=100).rev().for_each(|milli| latencies.add(Duration::from_millis(milli)));
        let ranks = [0.0, 0.01, 0.5, 0.99, 1.0].map(|share| latencies.quantile(share));
        assert_eq!(ranks, [1.0, 1.0, 50.0, 99.0, 100.0].map(Some));
        latencies.merge(latencies.clone());
        assert_eq!((latencies.count(), latencies.quantile(0.5)), (200, Some(50.0)));
    }
}
