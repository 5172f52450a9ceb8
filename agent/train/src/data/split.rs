//! Training, validation, test: by content and `split_seed`, so the same on every machine.

use std::collections::BTreeMap;

use super::source::Entry;
use crate::seeds::sort_key;

/// Shares of the Python project: 5 % test, then 15 % of the rest for validation.
const TEST: f64 = 0.05;
const VALIDATION: f64 = 0.15;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];
}

/// Indices of entries, in the entries' order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splits {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Splits {
    /// Splits each age group in the same shares. Files of equal content stay together, so that no image is both
    /// trained on and judged by.
    pub fn of(entries: &[Entry], split_seed: u64) -> Self {
        let mut groups: BTreeMap<u8, Vec<(usize, [u8; 32])>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let key = sort_key(split_seed, "split", &entry.hash);
            groups.entry(entry.labels.age_group).or_default().push((index, key));
        }
        let mut splits = Self::default();
        for mut group in groups.into_values() {
            group.sort_by_key(|&(index, key)| (key, index));
            let test = (group.len() as f64 * TEST).round() as usize;
            let validation = ((group.len() - test) as f64 * VALIDATION).round() as usize;
            let mut before: Option<([u8; 32], Split)> = None;
            for (at, (index, key)) in group.into_iter().enumerate() {
                let by_place = match at {
                    at if at < test => Split::Test,
                    at if at < test + validation => Split::Validation,
                    _ => Split::Train,
                };
                let split = before.filter(|(same, _)| *same == key).map_or(by_place, |(_, split)| split);
                before = Some((key, split));
                splits.of_split_mut(split).push(index);
            }
        }
        for split in Split::ALL {
            splits.of_split_mut(split).sort_unstable();
        }
        splits
    }

    pub fn of_split(&self, split: Split) -> &[usize] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    fn of_split_mut(&mut self, split: Split) -> &mut Vec<usize> {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }

    /// Takes an image out.
    pub(super) fn remove(&mut self, index: usize) {
        for split in Split::ALL {
            self.of_split_mut(split).retain(|&other| other != index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    fn entries(count: usize) -> Vec<Entry> {
        (0..count)
            .map(|at| {
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&(at as u64 / 2).to_le_bytes());
                let labels = Labels { age_group: ((at / 2) % 9) as u8, sex: 0, race: 0 };
                Entry::for_tests(labels, hash)
            })
            .collect()
    }

    #[test]
    fn shares_hold_in_every_age_group() {
        let entries = entries(3600);
        let splits = Splits::of(&entries, 7);
        for group in 0..9 {
            let size = |split| {
                let of_group = |&&index: &&usize| entries[index].labels.age_group == group;
                splits.of_split(split).iter().filter(of_group).count() as f64
            };
            assert!((size(Split::Test) - 20.0).abs() <= 1.0);
            assert!((size(Split::Validation) - 57.0).abs() <= 1.0);
        }
    }

    #[test]
    fn every_image_is_in_one_split_and_equal_ones_in_the_same() {
        let entries = entries(1000);
        let splits = Splits::of(&entries, 7);
        let mut place = vec![None; entries.len()];
        for split in Split::ALL {
            for &index in splits.of_split(split) {
                assert_eq!(place[index].replace(split), None);
            }
        }
        for pair in place.chunks(2) {
            assert!(pair[0].is_some() && pair[0] == pair[1]);
        }
    }

    #[test]
    fn only_split_seed_moves_the_split() {
        let entries = entries(500);
        assert_eq!(Splits::of(&entries, 7), Splits::of(&entries, 7));
        assert_ne!(Splits::of(&entries, 7), Splits::of(&entries, 8));
        // Another order of the same files splits them alike.
        let mut reversed = entries.clone();
        reversed.reverse();
        let test = |entries: &[Entry]| -> std::collections::BTreeSet<[u8; 32]> {
            Splits::of(entries, 7).of_split(Split::Test).iter().map(|&index| entries[index].hash).collect()
        };
        assert_eq!(test(&entries), test(&reversed));
    }
}
