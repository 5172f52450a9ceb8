//! Whether a model serves everybody alike: each head's macro-F1 among the people of each sex and race.

use serde::Serialize;

use super::Confusion;
use crate::labels::{Head, Labels};

/// Subgroups with fewer images tell nothing, and count for no gap.
pub const FEWEST: u64 = 20;

/// By what people are told apart.
pub const BY: [Head; 2] = [Head::Sex, Head::Race];

/// A table for each head, and for each class of what people are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subgroups {
    /// `[head][by][class]`
    confusions: [[Vec<Confusion>; 2]; 3],
}

/// One line of the subgroup table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// `sex` or `race`.
    pub by: &'static str,
    pub class: &'static str,
    pub images: u64,
    /// Macro-F1 of the heads, in their order.
    pub f1: [f64; 3],
    pub accuracy: [f64; 3],
}

impl Subgroups {
    /// `classes` of each head.
    pub fn new(classes: [usize; 3]) -> Self {
        let of =
            |head: usize| BY.map(|by| by.classes().iter().map(|_| Confusion::new(classes[head])).collect());
        Self { confusions: [of(0), of(1), of(2)] }
    }

    /// Counts an image: its labels, and what each head took it for.
    pub fn add(&mut self, labels: Labels, predicted: [usize; 3]) {
        for (head, predicted) in Head::ALL.into_iter().zip(predicted) {
            for (at, by) in BY.into_iter().enumerate() {
                let confusion = &mut self.confusions[head as usize][at][usize::from(labels.of(by))];
                confusion.add(usize::from(labels.of(head)), predicted);
            }
        }
    }

    /// The table, classes without images left out.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for (at, by) in BY.into_iter().enumerate() {
            for (class, name) in by.classes().iter().enumerate() {
                let of = |head: usize| &self.confusions[head][at][class];
                if of(0).total() > 0 {
                    lines.push(Line {
                        by: by.word(),
                        class: name,
                        images: of(0).total(),
                        f1: [0, 1, 2].map(|head| of(head).macro_f1()),
                        accuracy: [0, 1, 2].map(|head| of(head).accuracy()),
                    });
                }
            }
        }
        lines
    }

    /// The best-served subgroup's macro-F1 less the worst-served one's, among those of at least [`FEWEST`] images; 0
    /// where there are not two. A head is not compared by its own classes, where F1 means nothing: `None`.
    pub fn gap(&self, head: Head, by: Head) -> Option<f64> {
        let at = BY.into_iter().position(|other| other == by).filter(|_| head != by)?;
        let scores = self.confusions[head as usize][at]
            .iter()
            .filter(|confusion| confusion.total() >= FEWEST)
            .map(Confusion::macro_f1);
        let (low, high) = scores
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
        Some((high - low).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(sex: u8, race: u8) -> Labels {
        Labels { age_group: 2, sex, race }
    }

    #[test]
    fn a_gap_is_between_the_best_and_the_worst_served() {
        let mut groups = Subgroups::new([9, 2, 5]);
        // Men's ages are all right; of women's, half are taken for group 3: F1 2/3 and 0, on average 1/3.
        for at in 0..40 {
            groups.add(labels(0, 0), [2, 0, 0]);
            groups.add(labels(1, 0), [2 + at % 2, 1, 0]);
        }
        // Too few to count, and all wrong.
        groups.add(labels(0, 4), [7, 0, 4]);
        let gap = groups.gap(Head::Age, Head::Sex).unwrap();
        let men: f64 = (2.0 * 40.0 / (41.0 + 40.0)) / 2.0;
        assert!((gap - (men - 1.0f64 / 3.0).abs()).abs() < 1e-12, "{gap}");
        assert_eq!(groups.gap(Head::Age, Head::Race), Some(0.0));
        assert_eq!(groups.gap(Head::Sex, Head::Sex), None);
        assert_eq!(groups.gap(Head::Race, Head::Age), None);
        let lines = groups.lines();
        assert_eq!(
            lines.iter().map(|line| (line.by, line.class, line.images)).collect::<Vec<_>>(),
            [("sex", "Male", 41), ("sex", "Female", 40), ("race", "White", 80), ("race", "Others", 1)]
        );
        assert_eq!(lines[3].f1[0], 0.0);
    }
}
