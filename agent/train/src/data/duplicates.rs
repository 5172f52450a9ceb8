//! Files that are the same picture: exactly (the same bytes) or nearly (another size or compression of it).

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::Serialize;

use super::look::Look;
use super::perceptual::{NEAR, pairs, same_colours};
use super::source::Entry;

/// What is done about duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// They never straddle a split, and exact ones whose labels contradict each other are left out
    Apart,
    /// The same, and of exact ones only the first by name is used
    Drop,
    /// Nothing, as in the Python project
    Keep,
}

/// How many duplicates there are, and what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DuplicateCensus {
    /// Groups of files of equal bytes, and the files in them.
    pub exact_groups: usize,
    pub exact_files: usize,
    /// Groups of equal bytes whose names give different ages, sexes or races, and the files in them.
    pub contradicting_groups: usize,
    pub contradicting_files: usize,
    /// Groups of different files that look the same (see [`NEAR`]), and the files in them.
    pub near_groups: usize,
    pub near_files: usize,
    /// Files left out for their contradicting labels.
    pub left_out: usize,
    /// Files left out because an equal one is used.
    pub dropped: usize,
}

impl DuplicateCensus {
    /// A line for people; `None` where there are no duplicates.
    pub fn told(&self) -> Option<String> {
        (self.exact_groups + self.near_groups > 0).then(|| {
            format!(
                "duplicates: {} groups of equal files ({} of them with contradicting labels), {} groups that look alike; {} files left out for contradicting labels, {} as repetitions",
                self.exact_groups, self.contradicting_groups, self.near_groups, self.left_out, self.dropped
            )
        })
    }
}

/// Who is whose duplicate. Groups are lists of indices of entries, each sorted by name, as are the groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinship {
    pub exact: Vec<Vec<usize>>,
    /// Those of `exact` whose ages, sexes or races differ.
    pub contradicting: Vec<Vec<usize>>,
    /// Groups of at least two different contents, near ones of near ones included.
    pub near: Vec<Vec<usize>>,
    /// Per entry, the first entry it is a near or exact duplicate of; itself where there is none.
    pub family: Vec<usize>,
}

impl Kinship {
    /// Finds exact and near duplicates; near ones among whole images only.
    pub fn of(entries: &[Entry], looks: &[Look]) -> Self {
        let mut by_content: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_content.entry(entry.hash).or_default().push(index);
        }
        let mut parents: Vec<usize> = (0..entries.len()).collect();
        let mut hashes = Vec::new();
        for same in by_content.values() {
            for &index in &same[1..] {
                parents[index] = same[0];
            }
            if looks[same[0]].whole {
                hashes.push((same[0], looks[same[0]].perceptual));
            }
        }
        let alike =
            |&(one, other): &(usize, usize)| same_colours(&looks[one].thumbnail, &looks[other].thumbnail);
        for (one, other) in pairs(&hashes, NEAR).into_iter().filter(alike) {
            let (one, other) = (root(&mut parents, one), root(&mut parents, other));
            parents[one.max(other)] = one.min(other);
        }
        let family: Vec<usize> = (0..entries.len()).map(|index| root(&mut parents, index)).collect();
        let mut exact: Vec<Vec<usize>> = by_content.into_values().filter(|same| same.len() > 1).collect();
        exact.sort();
        let says = |index: usize| (entries[index].age, entries[index].labels);
        let contradict = |same: &&Vec<usize>| same.iter().any(|&index| says(index) != says(same[0]));
        let contradicting = exact.iter().filter(contradict).cloned().collect();
        let near = near(entries, &family);
        Self { exact, contradicting, near, family }
    }

    /// Which entries a policy leaves out, and the counts.
    pub fn judge(&self, policy: Duplicates) -> (Vec<bool>, DuplicateCensus) {
        let files = |groups: &[Vec<usize>]| groups.iter().map(Vec::len).sum();
        let mut census = DuplicateCensus {
            exact_groups: self.exact.len(),
            exact_files: files(&self.exact),
            contradicting_groups: self.contradicting.len(),
            contradicting_files: files(&self.contradicting),
            near_groups: self.near.len(),
            near_files: files(&self.near),
            ..DuplicateCensus::default()
        };
        let mut out = vec![false; self.family.len()];
        if policy == Duplicates::Keep {
            return (out, census);
        }
        for &index in self.contradicting.iter().flatten() {
            out[index] = true;
            census.left_out += 1;
        }
        if policy == Duplicates::Drop {
            for &index in self.exact.iter().flat_map(|same| &same[1..]) {
                census.dropped += usize::from(!std::mem::replace(&mut out[index], true));
            }
        }
        (out, census)
    }
}

fn near(entries: &[Entry], family: &[usize]) -> Vec<Vec<usize>> {
    let mut families: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, &first) in family.iter().enumerate() {
        families.entry(first).or_default().push(index);
    }
    let several =
        |group: &Vec<usize>| group.iter().any(|&index| entries[index].hash != entries[group[0]].hash);
    families.into_values().filter(several).collect()
}

fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    /// Entries by (content, perceptual hash, sex).
    fn known(files: &[(u8, u64, u8)]) -> (Vec<Entry>, Vec<Look>) {
        files
            .iter()
            .map(|&(content, perceptual, sex)| {
                let hash = [content; 32];
                let look =
                    Look { hash, perceptual, thumbnail: [0; 48], width: 9, height: 9, crc: 0, whole: true };
                (Entry::for_tests(Labels { age_group: 1, sex, race: 0 }, hash), look)
            })
            .unzip()
    }

    #[test]
    fn exact_near_and_contradicting_ones_are_told_apart() {
        let (entries, looks) = known(&[
            (1, 0, 0),
            (2, 0xffff_0000, 0),
            (1, 0, 1),
            (3, 0xf, 0),
            (4, 0xff, 1),
            (5, 0xffff_ffff_0000_0000, 0),
            (5, 0xffff_ffff_0000_0000, 0),
        ]);
        let kinship = Kinship::of(&entries, &looks);
        assert_eq!(kinship.exact, [vec![0, 2], vec![5, 6]]);
        assert_eq!(kinship.contradicting, [vec![0, 2]]);
        // 0, 3 and 4 are a chain: each is near the next one.
        assert_eq!(kinship.near, [vec![0, 2, 3, 4]]);
        assert_eq!(kinship.family, [0, 1, 0, 0, 0, 5, 5]);
        let (out, census) = kinship.judge(Duplicates::Apart);
        assert_eq!(out, [true, false, true, false, false, false, false]);
        assert_eq!((census.left_out, census.dropped, census.near_files), (2, 0, 4));
        let (out, census) = kinship.judge(Duplicates::Drop);
        assert_eq!(out, [true, false, true, false, false, false, true]);
        assert_eq!((census.left_out, census.dropped), (2, 1));
        assert!(!kinship.judge(Duplicates::Keep).0.contains(&true));
    }

    #[test]
    fn other_colours_make_another_picture() {
        let (entries, mut looks) = known(&[(1, 0, 0), (2, 0, 0)]);
        looks[1].thumbnail = [8; 48];
        assert_eq!(Kinship::of(&entries, &looks).near.len(), 1);
        looks[1].thumbnail[0] = 9;
        assert!(Kinship::of(&entries, &looks).near.is_empty());
    }

    #[test]
    fn corrupt_files_are_nobodys_near_duplicates() {
        let (entries, mut looks) = known(&[(1, 0, 0), (2, 0, 0)]);
        assert_eq!(Kinship::of(&entries, &looks).near.len(), 1);
        looks[1].whole = false;
        assert!(Kinship::of(&entries, &looks).near.is_empty());
    }
}
