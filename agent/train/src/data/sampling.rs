//! Which training images come in which order.

use clap::ValueEnum;
use rand::seq::SliceRandom as _;
use serde::Serialize;

use super::Dataset;
use super::split::Split;
use crate::labels::Head;
use crate::seeds::stream;

/// How an epoch's images are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Every image once, in random order
    Shuffle,
    /// As many images, each class of balance_head as often as any other
    Balanced,
}

/// The training images of an epoch, in order: a function of the split, the seed and the epoch.
pub fn order(data: &Dataset, sampling: Sampling, head: Head, seed: u64, epoch: u64) -> Vec<usize> {
    let images = data.indices(Split::Train);
    let mut order = match sampling {
        Sampling::Shuffle => images.to_vec(),
        Sampling::Balanced => {
            let class = |index: usize| usize::from(data.labels(index).of(head));
            balanced(images, class, head.classes().len(), seed, epoch)
        }
    };
    order.shuffle(&mut stream(seed, "shuffle", epoch));
    order
}

/// Takes the classes in turn, until as many images are drawn as there are. Of a class, no image comes twice before each
/// came once.
fn balanced(
    images: &[usize],
    class: impl Fn(usize) -> usize,
    classes: usize,
    seed: u64,
    epoch: u64,
) -> Vec<usize> {
    let mut random = stream(seed, "balance", epoch);
    let mut of_class = vec![Vec::new(); classes];
    for &index in images {
        of_class[class(index)].push(index);
    }
    of_class.retain(|members| !members.is_empty());
    // Where the classes do not divide the epoch, chance says which ones come once more.
    of_class.shuffle(&mut random);
    let mut drawn = Vec::with_capacity(images.len());
    let mut turn = 0;
    while drawn.len() < images.len() {
        for members in &mut of_class {
            if drawn.len() == images.len() {
                break;
            }
            let at = turn % members.len();
            if at == 0 {
                members.shuffle(&mut random);
            }
            drawn.push(members[at]);
        }
        turn += 1;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_equally_often_and_images_evenly_within_them() {
        // Class 0 has 70 images, class 1 has 25, class 2 has 5, class 3 none.
        let class = |index: usize| if index < 70 { 0 } else { 1 + usize::from(index >= 95) };
        let images: Vec<usize> = (0..100).collect();
        let drawn = balanced(&images, class, 4, 7, 1);
        assert_eq!(drawn.len(), 100);
        let mut of_class = [0; 3];
        let mut times = [0; 100];
        for index in &drawn {
            of_class[class(*index)] += 1;
            times[*index] += 1;
        }
        assert!(of_class.iter().all(|count| (33..=34).contains(count)), "{of_class:?}");
        assert!(times[..70].iter().all(|&count| count <= 1));
        assert!(times[70..95].iter().all(|count| (1..=2).contains(count)));
        assert!(times[95..].iter().all(|count| (6..=7).contains(count)));
        assert_eq!(drawn, balanced(&images, class, 4, 7, 1));
        assert_ne!(drawn, balanced(&images, class, 4, 7, 2));
        assert!(balanced(&[], class, 4, 7, 1).is_empty());
    }
}
