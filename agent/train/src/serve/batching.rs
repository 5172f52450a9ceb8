//! Which of the waiting pictures go through a model together: a pure decision.

use std::time::{Duration, Instant};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Look at these, by their places in the queue.
    Take(Vec<usize>),
    /// Wait so long at most, for more pictures of the same model.
    Wait(Duration),
}

/// How pictures are put together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batching {
    /// Pictures of one pass at most; 1 and more.
    pub(super) most: usize,
    /// How long a picture waits for others.
    pub(super) patience: Duration,
}

impl Batching {
    /// The picture that has waited longest decides which model is next, and until when; nobody is passed over for a
    /// fuller batch of another model. `waiting` in the order of arrival: each one's model, and since when it waits; not
    /// empty.
    pub(super) fn next<M: PartialEq>(self, waiting: &[(M, Instant)], now: Instant) -> Next {
        let Some((model, since)) = waiting.first() else { return Next::Wait(self.patience) };
        let same = waiting.iter().enumerate().filter(|(_, (other, _))| other == model);
        let together: Vec<usize> = same.map(|(place, _)| place).take(self.most).collect();
        let left = self.patience.saturating_sub(now.saturating_duration_since(*since));
        if together.len() == self.most || left.is_zero() { Next::Take(together) } else { Next::Wait(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures by model and milliseconds of arrival; what is next at a time.
    fn next(most: usize, waiting: &[(char, u64)], now: u64) -> Next {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let waiting: Vec<_> = waiting.iter().map(|&(model, ms)| (model, at(ms))).collect();
        Batching { most, patience: Duration::from_millis(4) }.next(&waiting, at(now))
    }

    fn wait(ms: u64) -> Next {
        Next::Wait(Duration::from_millis(ms))
    }

    #[test]
    fn a_picture_waits_for_others_as_long_as_its_patience() {
        assert_eq!(next(3, &[('a', 10)], 10), wait(4));
        assert_eq!(next(3, &[('a', 10), ('a', 12)], 13), wait(1));
        assert_eq!(next(3, &[('a', 10), ('a', 12)], 14), Next::Take(vec![0, 1]));
    }

    #[test]
    fn a_full_batch_waits_for_nothing_and_takes_the_first() {
        assert_eq!(next(2, &[('a', 10), ('a', 10), ('a', 10)], 10), Next::Take(vec![0, 1]));
        assert_eq!(next(1, &[('a', 10)], 10), Next::Take(vec![0]));
    }

    #[test]
    fn only_pictures_of_one_model_go_together_and_the_longest_waiting_decides() {
        let mixed = [('b', 10), ('a', 11), ('b', 11), ('a', 11)];
        assert_eq!(next(2, &mixed, 11), Next::Take(vec![0, 2]));
        assert_eq!(next(3, &mixed, 11), wait(3));
        assert_eq!(next(3, &mixed, 14), Next::Take(vec![0, 2]));
        // Though the other model's batch is full.
        assert_eq!(next(2, &[('b', 10), ('a', 10), ('a', 10)], 11), wait(3));
    }
}
