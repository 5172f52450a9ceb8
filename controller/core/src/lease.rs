//! When a lease is lost.
//!
//! A lease is a length, not a date: the store keeps how long it is and how often it was renewed, and whoever watches
//! times an unchanged counter on its own monotonic clock. So no two clocks are ever compared, a jump of the wall clock
//! does nothing, and a new watcher (a restarted controller) gives every lease a full length before it takes one away.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// A live lease as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease<K> {
    pub key: K,
    /// How often it was renewed.
    pub renewals: u64,
    pub length: Duration,
}

/// One watcher's memory: each lease's counter, and when it was first seen unchanged.
#[derive(Debug)]
pub struct LeaseWatch<K> {
    seen: HashMap<K, (u64, Duration)>,
}

impl<K> Default for LeaseWatch<K> {
    fn default() -> Self {
        Self { seen: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash> LeaseWatch<K> {
    /// Looks at all live leases at a time of the watcher's own monotonic clock, and names those whose counter has not
    /// moved for their length. Leases that are no longer there are forgotten.
    pub fn look(&mut self, now: Duration, live: &[Lease<K>]) -> Vec<Lease<K>> {
        let mut next = HashMap::with_capacity(live.len());
        let mut lost = Vec::new();
        for lease in live {
            let since = match self.seen.get(&lease.key) {
                Some(&(renewals, since)) if renewals == lease.renewals => since,
                _ => now,
            };
            if now.saturating_sub(since) >= lease.length {
                lost.push(*lease);
            }
            next.insert(lease.key, (lease.renewals, since));
        }
        self.seen = next;
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn lease(key: u32, renewals: u64) -> Lease<u32> {
        Lease { key, renewals, length: LENGTH }
    }

    #[test]
    fn a_lease_is_lost_after_its_length_without_renewal() {
        let mut watch = LeaseWatch::default();
        assert_eq!(watch.look(at(0), &[lease(1, 0)]), []);
        assert_eq!(watch.look(at(59), &[lease(1, 0)]), []);
        assert_eq!(watch.look(at(60), &[lease(1, 0)]), [lease(1, 0)]);
    }

    #[test]
    fn a_renewal_starts_it_afresh() {
        let mut watch = LeaseWatch::default();
        watch.look(at(0), &[lease(1, 0)]);
        watch.look(at(50), &[lease(1, 1)]);
        assert_eq!(watch.look(at(109), &[lease(1, 1)]), []);
        assert_eq!(watch.look(at(110), &[lease(1, 1)]), [lease(1, 1)]);
    }

    #[test]
    fn a_new_watcher_gives_every_lease_a_full_length() {
        let mut old = LeaseWatch::default();
        old.look(at(0), &[lease(1, 4)]);
        let mut new = LeaseWatch::default();
        assert_eq!(new.look(at(1_000), &[lease(1, 4)]), []);
        assert_eq!(new.look(at(1_060), &[lease(1, 4)]), [lease(1, 4)]);
    }

    #[test]
    fn a_lease_that_went_away_is_forgotten() {
        let mut watch = LeaseWatch::default();
        watch.look(at(0), &[lease(1, 0)]);
        watch.look(at(10), &[]);
        assert_eq!(watch.look(at(65), &[lease(1, 0)]), []);
    }
}
