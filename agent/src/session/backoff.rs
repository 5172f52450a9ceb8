//! Pauses between tries: growing, bounded, and different for every agent and every try.

use std::time::Duration;

/// First and longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The pauses of one row of tries. The same seed gives the same row.
#[derive(Debug)]
pub(crate) struct Backoff {
    random: fastrand::Rng,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), longest: PAUSES.0 }
    }

    /// The next pause: half to all of a time that doubles up to five seconds, so that agents that lost one controller at
    /// one moment do not come back at one moment.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.longest.mul_f64(0.5 + self.random.f64() / 2.0);
        self.longest = (self.longest * 2).min(PAUSES.1);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_come_back_with_their_seed() {
        let row = |seed| {
            let mut backoff = Backoff::new(seed);
            std::iter::repeat_with(|| backoff.pause()).take(12).collect::<Vec<_>>()
        };
        let pauses = row(7);
        assert!(pauses[0] >= PAUSES.0 / 2 && pauses[0] <= PAUSES.0);
        assert!(pauses[6..].iter().all(|pause| *pause >= PAUSES.1 / 2 && *pause <= PAUSES.1), "{pauses:?}");
        assert_eq!(pauses, row(7));
    }

    #[test]
    fn a_thousand_agents_come_back_spread_out() {
        // The tenth try of agents that began together: no quarter of a second has more than its share by far.
        let mut at = [0_u32; 40];
        for seed in 0..1000 {
            let mut backoff = Backoff::new(seed);
            let waited: Duration = (0..8).map(|_| backoff.pause()).sum();
            at[(waited.as_millis() / 500) as usize] += 1;
        }
        assert!(at.iter().all(|count| *count < 250), "{at:?}");
    }
}
