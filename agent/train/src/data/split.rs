//! Training, validation, test: by content and `split_seed`, so the same on every machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::source::Entry;
use crate::seeds::sort_key;

/// Shares of the Python project: 5 % test, then 15 % of the rest for validation.
const TEST: f64 = 0.05;
const VALIDATION: f64 = 0.15;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Train,
    Validation,
    Test,
}

impl Split {
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    pub fn word(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Where an entry comes in the order of a `split_seed`.
type Key = [u8; 32];

/// Indices of entries, in the entries' order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Splits {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Splits {
    /// Splits each age group in the same shares. Entries of one `family` stay together, so that no picture is both
    /// trained on and judged by; a family counts in the age group of its member that comes first by `split_seed`.
    /// Entries that are `left_out` are in no split.
    pub fn of(entries: &[Entry], family: &[usize], left_out: &[bool], split_seed: u64) -> Self {
        let mut families: BTreeMap<usize, Vec<(Key, usize)>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate().filter(|(index, _)| !left_out[*index]) {
            let key = sort_key(split_seed, "split", &entry.hash);
            families.entry(family[index]).or_default().push((key, index));
        }
        // Per age group, families in order of their first members' keys; equal contents of other labels fall to the
        // smaller ones.
        let mut strata: BTreeMap<u8, Vec<(Key, Vec<usize>)>> = BTreeMap::new();
        for mut members in families.into_values() {
            members.sort_by_key(|&(key, index)| (key, entries[index].labels, index));
            let (key, first) = members[0];
            let indices = members.into_iter().map(|(_, index)| index).collect();
            strata.entry(entries[first].labels.age_group).or_default().push((key, indices));
        }
        let mut splits = Self::default();
        for mut stratum in strata.into_values() {
            stratum.sort();
            let images: usize = stratum.iter().map(|(_, indices)| indices.len()).sum();
            let test = (images as f64 * TEST).round() as usize;
            let validation = ((images - test) as f64 * VALIDATION).round() as usize;
            let mut placed = 0;
            for (_, indices) in stratum {
                let split = match placed {
                    placed if placed < test => Split::Test,
                    placed if placed < test + validation => Split::Validation,
                    _ => Split::Train,
                };
                placed += indices.len();
                splits.of_split_mut(split).extend(indices);
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

    /// Splits that were made elsewhere; each entry is in one or in none.
    pub(super) fn of_places(places: &[Option<Split>]) -> Self {
        let mut splits = Self::default();
        for (index, split) in places.iter().enumerate() {
            if let Some(split) = split {
                splits.of_split_mut(*split).push(index);
            }
        }
        splits
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

    /// Equal contents are families, and nothing is left out.
    fn split(entries: &[Entry], split_seed: u64) -> Splits {
        let first = |entry: &Entry| entries.iter().position(|other| other.hash == entry.hash).unwrap();
        let family: Vec<usize> = entries.iter().map(first).collect();
        Splits::of(entries, &family, &vec![false; entries.len()], split_seed)
    }

    #[test]
    fn shares_hold_in_every_age_group() {
        let entries = entries(3600);
        let splits = split(&entries, 7);
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
        let splits = split(&entries, 7);
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
        assert_eq!(split(&entries, 7), split(&entries, 7));
        assert_ne!(split(&entries, 7), split(&entries, 8));
        // Another order of the same files splits them alike.
        let mut reversed = entries.clone();
        reversed.reverse();
        let test = |entries: &[Entry]| -> std::collections::BTreeSet<[u8; 32]> {
            split(entries, 7).of_split(Split::Test).iter().map(|&index| entries[index].hash).collect()
        };
        assert_eq!(test(&entries), test(&reversed));
    }

    #[test]
    fn families_stay_together_across_age_groups_and_who_is_left_out_is_nowhere() {
        let entries = entries(1200);
        // Families of five, of several age groups each.
        let family: Vec<usize> = (0..1200).map(|index| index / 5 * 5).collect();
        let left_out: Vec<bool> = (0..1200).map(|index| index % 7 == 0).collect();
        let splits = Splits::of(&entries, &family, &left_out, 7);
        let mut place = vec![None; 1200];
        for side in Split::ALL {
            for &index in splits.of_split(side) {
                assert_eq!(place[index].replace(side), None);
            }
        }
        for (index, place_of) in place.iter().enumerate() {
            assert_eq!(place_of.is_none(), left_out[index]);
            let others = place[family[index]..family[index] + 5].iter().flatten();
            assert!(place_of.is_none_or(|own| others.clone().all(|&other| other == own)));
        }
        let test = splits.of_split(Split::Test).len() as f64 / 1200.0;
        assert!((0.03..0.08).contains(&test), "{test}");
    }
}
