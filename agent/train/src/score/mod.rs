//! Scores out of counts: accuracy, macro-F1, class weights; calibration, intervals, years and subgroups in files of their own.

pub mod age;
pub mod bootstrap;
pub mod calibration;
pub mod scores;
pub mod subgroups;

/// How often class `row` was taken for class `column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts that were made before; `None` if they are not `classes` times `classes`.
    pub fn resumed(classes: usize, counts: Vec<u64>) -> Option<Self> {
        (counts.len() == classes * classes).then_some(Self { classes, counts })
    }

    /// Counts one image.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// One row per true class.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks(self.classes)
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of images that were taken for what they are; 0 without images.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|class| self.hits(class)).sum();
        share(right, self.total())
    }

    /// Mean F1 of the classes that occur, in truth or in prediction (as torchmetrics averages); 0 without images.
    pub fn macro_f1(&self) -> f64 {
        let scores: Vec<f64> = (0..self.classes).filter_map(|class| self.f1(class)).collect();
        if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
    }

    /// F1 of a class; `None` if it occurs neither in truth nor in prediction.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let both = self.truth(class) + self.predicted(class);
        (both > 0).then(|| share(2 * self.hits(class), both))
    }

    /// Share of the images taken for a class that are of it; `None`: none was.
    pub fn precision(&self, class: usize) -> Option<f64> {
        let predicted = self.predicted(class);
        (predicted > 0).then(|| share(self.hits(class), predicted))
    }

    /// Share of the images of a class that were taken for it; `None`: there is none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let truth = self.truth(class);
        (truth > 0).then(|| share(self.hits(class), truth))
    }

    fn hits(&self, class: usize) -> u64 {
        self.counts[class * self.classes + class]
    }

    fn truth(&self, class: usize) -> u64 {
        self.counts[class * self.classes..(class + 1) * self.classes].iter().sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        self.counts.iter().skip(class).step_by(self.classes).sum()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What a guesser scores that always says the commonest class of `training`: accuracy and macro-F1 on `held_out`.
pub fn majority(training: &[u64], held_out: &[u64]) -> (f64, f64) {
    let guess =
        (0..training.len()).max_by_key(|&class| (training[class], std::cmp::Reverse(class))).unwrap_or(0);
    let mut confusion = Confusion::new(training.len());
    for (class, &count) in held_out.iter().enumerate() {
        confusion.counts[class * training.len() + guess] = count;
    }
    (confusion.accuracy(), confusion.macro_f1())
}

/// Balanced class weights, `N / (classes × count)`, as scikit-learn's; 0 for a class that does not occur.
pub fn class_weights(counts: &[u64]) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    let weight = |&count: &u64| if count == 0 { 0.0 } else { share(total, counts.len() as u64 * count) };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confusion(pairs: &[(usize, usize)]) -> Confusion {
        let mut confusion = Confusion::new(3);
        for &(truth, predicted) in pairs {
            confusion.add(truth, predicted);
        }
        confusion
    }

    #[test]
    fn macro_f1_averages_the_classes_that_occur() {
        // By hand: class 0: 2·2/(3+2), class 1: 2·1/(1+2).
        let seen = confusion(&[(0, 0), (0, 0), (0, 1), (1, 1)]);
        assert!((seen.macro_f1() - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert!((seen.accuracy() - 0.75).abs() < 1e-12);
        // A class that is only ever predicted counts as missed.
        let wrong = confusion(&[(0, 0), (0, 2)]);
        assert!((wrong.macro_f1() - (2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert_eq!(confusion(&[]).macro_f1(), 0.0);
    }

    #[test]
    fn class_weights_are_those_of_the_whole_of_utkface() {
        let ages = [3062, 1531, 7344, 4537, 2245, 2299, 1318, 699, 673];
        // The Python project's own figures were made with upper edges included; these counts are its neighbours'.
        let weights = class_weights(&ages);
        let mean: f64 = weights.iter().zip(ages).map(|(weight, count)| weight * count as f64).sum();
        assert!((mean - 23_708.0).abs() < 1e-6);
        assert!((weights[2] - 23_708.0 / (9.0 * 7344.0)).abs() < 1e-12);
        let sexes = class_weights(&[12_391, 11_317]);
        assert!((sexes[0] - 0.9567).abs() < 1e-4 && (sexes[1] - 1.0475).abs() < 1e-4, "{sexes:?}");
        assert_eq!(class_weights(&[2, 0]), [0.5, 0.0]);
    }

    #[test]
    fn a_majority_guesser_scores_little() {
        let (accuracy, f1) = majority(&[5, 9, 1], &[2, 6, 2]);
        assert!((accuracy - 0.6).abs() < 1e-12);
        assert!((f1 - 0.75 / 3.0).abs() < 1e-12);
    }
}
