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
    last_look: Option<Duration>,
    longest_gap: Duration,
}

impl<K: Copy + Eq + Hash> LeaseWatch<K> {
    /// A watcher that looks at least once in `longest_gap`. After a longer absence (it was frozen, or the machine
    /// slept) it starts afresh: agents could not renew with a controller that was not there.
    pub fn new(longest_gap: Duration) -> Self {
        Self { seen: HashMap::new(), last_look: None, longest_gap }
    }

    /// A word of a lease's holder that the counter does not show, as when the store took nothing: its time starts afresh.
    pub fn heard(&mut self, now: Duration, key: K) {
        if let Some((_, since)) = self.seen.get_mut(&key) {
            *since = now;
        }
    }

    /// Looks at all live leases at a time of the watcher's own monotonic clock, and names those whose counter has not
    /// moved for their length. Leases that are no longer there are forgotten.
    pub fn look(&mut self, now: Duration, live: &[Lease<K>]) -> Vec<Lease<K>> {
        let was_away = self.last_look.is_some_and(|last| now.saturating_sub(last) > self.longest_gap);
        if was_away {
            self.seen.clear();
        }
        self.last_look = Some(now);
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

    fn watch() -> LeaseWatch<u32> {
        LeaseWatch::new(at(100))
    }

    fn lease(key: u32, renewals: u64) -> Lease<u32> {
        Lease { key, renewals, length: LENGTH }
    }

    #[test]
    fn a_lease_is_lost_after_its_length_without_renewal() {
        let mut watch = watch();
        assert_eq!(watch.look(at(0), &[lease(1, 0)]), []);
        assert_eq!(watch.look(at(59), &[lease(1, 0)]), []);
        assert_eq!(watch.look(at(60), &[lease(1, 0)]), [lease(1, 0)]);
    }

    #[test]
    fn a_renewal_starts_it_afresh() {
        let mut watch = watch();
        watch.look(at(0), &[lease(1, 0)]);
        watch.look(at(50), &[lease(1, 1)]);
        assert_eq!(watch.look(at(109), &[lease(1, 1)]), []);
        assert_eq!(watch.look(at(110), &[lease(1, 1)]), [lease(1, 1)]);
    }

    #[test]
    fn a_word_that_was_not_counted_starts_it_afresh_too() {
        let mut watch = watch();
        watch.look(at(0), &[lease(1, 0), lease(2, 0)]);
        assert_eq!(watch.look(at(49), &[lease(1, 0), lease(2, 0)]), []);
        watch.heard(at(50), 1);
        watch.heard(at(50), 3);
        assert_eq!(watch.look(at(109), &[lease(1, 0), lease(2, 0), lease(3, 0)]), [lease(2, 0)]);
        assert_eq!(watch.look(at(110), &[lease(1, 0)]), [lease(1, 0)]);
    }

    #[test]
    fn a_new_watcher_gives_every_lease_a_full_length() {
        let mut old = watch();
        old.look(at(0), &[lease(1, 4)]);
        let mut new = watch();
        assert_eq!(new.look(at(1_000), &[lease(1, 4)]), []);
        assert_eq!(new.look(at(1_060), &[lease(1, 4)]), [lease(1, 4)]);
    }

    #[test]
    fn a_lease_that_went_away_is_forgotten() {
        let mut watch = watch();
        watch.look(at(0), &[lease(1, 0)]);
        watch.look(at(10), &[]);
        assert_eq!(watch.look(at(65), &[lease(1, 0)]), []);
    }

    #[test]
    fn a_watcher_that_was_frozen_starts_afresh() {
        let mut watch = watch();
        watch.look(at(0), &[lease(1, 4)]);
        assert_eq!(watch.look(at(500), &[lease(1, 4)]), []);
        assert_eq!(watch.look(at(560), &[lease(1, 4)]), [lease(1, 4)]);
    }
}
