//! Which predictors there are: processes that answer with models, and that say every few seconds that they are there.
//! Kept in memory only: what a restarted controller forgets is told again at once.

use std::collections::BTreeMap;

use uuid::Uuid;

/// How long a predictor counts that is not heard of, in milliseconds. They tell every five seconds.
pub(crate) const KEEP_MS: i64 = 15_000;

/// Most predictors that are kept. Whoever reaches the port can register some.
const MOST: usize = 256;

/// A predictor as it told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Predictor {
    /// Another one for each start of the process.
    pub(crate) id: Uuid,
    /// `http://HOST:PORT`
    pub(crate) url: String,
    pub(crate) device: String,
    pub(crate) version: String,
    /// Models that it has at hand.
    pub(crate) loaded: Vec<Uuid>,
}

#[derive(Debug)]
struct Known {
    predictor: Predictor,
    heard_ms: i64,
    /// When it was last asked, by [`Predictors::asked`].
    asked: u64,
}

impl Known {
    fn counts(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.heard_ms) < KEEP_MS
    }
}

/// Those known to one controller. Times are milliseconds since the Unix epoch, given by the caller.
#[derive(Debug, Default)]
pub(crate) struct Predictors {
    known: BTreeMap<Uuid, Known>,
    /// How often any was asked.
    asked: u64,
}

impl Predictors {
    /// Notes that a predictor is there; one that was at its address before is no more. `false`: there are too many.
    pub(crate) fn hear(&mut self, told: Predictor, now_ms: i64) -> bool {
        self.known
            .retain(|id, known| known.counts(now_ms) && (*id == told.id || known.predictor.url != told.url));
        if self.known.len() >= MOST && !self.known.contains_key(&told.id) {
            return false;
        }
        let asked = self.known.get(&told.id).map_or(0, |known| known.asked);
        self.known.insert(told.id, Known { predictor: told, heard_ms: now_ms, asked });
        true
    }

    /// Forgets one that ended.
    pub(crate) fn leave(&mut self, id: Uuid) {
        self.known.remove(&id);
    }

    /// Those that count, in the order in which they are to be asked: the one first that was not for the longest.
    pub(crate) fn in_turn(&self, now_ms: i64) -> Vec<Predictor> {
        let mut counting: Vec<&Known> = self.known.values().filter(|known| known.counts(now_ms)).collect();
        counting.sort_by_key(|known| known.asked);
        counting.into_iter().map(|known| known.predictor.clone()).collect()
    }

    /// Notes that one is asked.
    pub(crate) fn ask(&mut self, id: Uuid) {
        self.asked += 1;
        if let Some(known) = self.known.get_mut(&id) {
            known.asked = self.asked;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictor(id: u128) -> Predictor {
        Predictor {
            id: Uuid::from_u128(id),
            url: format!("http://box{id}:7880"),
            device: "cpu".to_owned(),
            version: "0".to_owned(),
            loaded: Vec::new(),
        }
    }

    fn ids(of: &Predictors, now_ms: i64) -> Vec<u128> {
        of.in_turn(now_ms).iter().map(|one| one.id.as_u128()).collect()
    }

    #[test]
    fn who_is_not_heard_of_is_forgotten() {
        for (later, expected) in [
            (0, &[1, 2][..]),
            (KEEP_MS - 1, &[1, 2]),
            (KEEP_MS, &[2]),
            (KEEP_MS + 999, &[2]),
            (KEEP_MS + 1_000, &[]),
        ] {
            let mut all = Predictors::default();
            assert!(all.hear(predictor(1), 0) && all.hear(predictor(2), 1_000));
            assert_eq!(ids(&all, later), expected, "after {later} ms");
        }
    }

    #[test]
    fn who_was_not_asked_for_the_longest_is_asked_first() {
        let mut all = Predictors::default();
        for id in 1..=3 {
            all.hear(predictor(id), 0);
        }
        let mut asked = Vec::new();
        for _ in 0..6 {
            let next = all.in_turn(0)[0].id;
            all.ask(next);
            // What it says meanwhile does not change its turn.
            all.hear(predictor(next.as_u128()), 1);
            asked.push(next.as_u128());
        }
        assert_eq!(asked, [1, 2, 3, 1, 2, 3]);
        assert_eq!(ids(&all, 0), [1, 2, 3]);
    }

    #[test]
    fn a_predictor_that_starts_again_takes_the_place_of_the_old() {
        let mut all = Predictors::default();
        all.hear(predictor(1), 0);
        all.hear(Predictor { id: Uuid::from_u128(9), ..predictor(1) }, 1);
        assert_eq!(ids(&all, 1), [9]);
        all.leave(Uuid::from_u128(9));
        all.leave(Uuid::from_u128(9));
        assert!(ids(&all, 1).is_empty());
    }

    #[test]
    fn there_are_only_so_many() {
        let mut all = Predictors::default();
        assert!((0..MOST as u128).all(|id| all.hear(predictor(id), 0)));
        assert!(!all.hear(predictor(1_000), 1), "no room");
        assert!(all.hear(predictor(7), 1), "who is known is heard");
        assert!(all.hear(predictor(1_000), KEEP_MS + 1), "those that are silent make room");
    }
}
