//! How often each class occurs, alone and crossed with others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::look::Look;
use super::source::Entry;
use crate::labels::Head;

/// Counts over images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub images: usize,
    /// Per head, its classes and how often each occurs.
    pub heads: Vec<Counts>,
    pub crossings: Vec<Crossing>,
    /// How often each age in years occurs.
    pub ages: BTreeMap<u8, u64>,
    /// How often each width × height occurs.
    pub sizes: BTreeMap<String, u64>,
}

/// A head's histogram.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub head: Head,
    pub classes: Vec<&'static str>,
    pub counts: Vec<u64>,
}

/// Two heads' classes together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crossing {
    pub rows: Head,
    pub columns: Head,
    /// `[classes of rows][classes of columns]`.
    pub counts: Vec<Vec<u64>>,
}

impl Stats {
    /// Counts images.
    pub fn of<'a>(images: impl Iterator<Item = (&'a Entry, &'a Look)>) -> Self {
        let images: Vec<_> = images.collect();
        let class = |entry: &Entry, head: Head| usize::from(entry.labels.of(head));
        let heads = Head::ALL.map(|head| {
            let mut counts = vec![0; head.classes().len()];
            images.iter().for_each(|(entry, _)| counts[class(entry, head)] += 1);
            Counts { head, classes: head.classes().to_vec(), counts }
        });
        let crossings = [(Head::Age, Head::Sex), (Head::Age, Head::Race), (Head::Race, Head::Sex)];
        let crossings = crossings.map(|(rows, columns)| {
            let mut counts = vec![vec![0; columns.classes().len()]; rows.classes().len()];
            images.iter().for_each(|(entry, _)| counts[class(entry, rows)][class(entry, columns)] += 1);
            Crossing { rows, columns, counts }
        });
        let (mut ages, mut sizes) = (BTreeMap::new(), BTreeMap::new());
        for (entry, look) in &images {
            *ages.entry(entry.age).or_default() += 1;
            *sizes.entry(format!("{}x{}", look.width, look.height)).or_default() += 1;
        }
        Self { images: images.len(), heads: heads.into(), crossings: crossings.into(), ages, sizes }
    }

    /// Histograms and crossings as a picture.
    pub fn svg(&self) -> String {
        let mut svg = Svg::default();
        for Counts { head, classes, counts } in &self.heads {
            svg.title(head.word());
            let most = counts.iter().copied().max().unwrap_or(0).max(1);
            for (class, &count) in classes.iter().zip(counts) {
                svg.bar(class, count, count as f64 / most as f64);
            }
        }
        for Crossing { rows, columns, counts } in &self.crossings {
            svg.title(&format!("{} by {}", rows.word(), columns.word()));
            svg.heads(columns.classes());
            let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
            for (class, counts) in rows.classes().iter().zip(counts) {
                svg.cells(class, counts, most);
            }
        }
        svg.finish(self.images)
    }
}

/// A picture that grows downwards.
#[derive(Default)]
struct Svg {
    body: String,
    y: f64,
}

impl Svg {
    const WIDTH: f64 = 640.0;
    /// Where bars and cells begin, right of the classes' names.
    const LEFT: f64 = 110.0;
    const ROW: f64 = 22.0;
    /// Widest bar, and a cell.
    const BAR: f64 = 440.0;
    const CELL: f64 = 100.0;

    fn text(&mut self, x: f64, anchor: &str, more: &str, text: &str) {
        let y = self.y + 15.0;
        // Writing to a string fails for no reason; class names need no escapes.
        let _written =
            writeln!(self.body, r#"<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{text}</text>"#);
    }

    fn title(&mut self, text: &str) {
        self.y += 14.0;
        self.text(10.0, "start", r#" font-weight="bold""#, text);
        self.y += Self::ROW;
    }

    fn bar(&mut self, class: &str, count: u64, share: f64) {
        self.text(Self::LEFT - 8.0, "end", "", class);
        let (left, y, width) = (Self::LEFT, self.y + 2.0, Self::BAR * share);
        let _written = writeln!(
            self.body,
            r##"<rect x="{left}" y="{y}" width="{width:.1}" height="18" fill="#4878a8"/>"##
        );
        self.text(left + width + 6.0, "start", "", &count.to_string());
        self.y += Self::ROW;
    }

    fn heads(&mut self, classes: &[&str]) {
        for (at, class) in classes.iter().enumerate() {
            self.text(Self::LEFT + Self::CELL * (at as f64 + 0.5), "middle", "", class);
        }
        self.y += Self::ROW;
    }

    fn cells(&mut self, class: &str, counts: &[u64], most: u64) {
        self.text(Self::LEFT - 8.0, "end", "", class);
        for (at, &count) in counts.iter().enumerate() {
            let (x, y) = (Self::LEFT + Self::CELL * at as f64, self.y);
            let (width, height, share) = (Self::CELL - 2.0, Self::ROW - 2.0, count as f64 / most as f64);
            let _written = writeln!(
                self.body,
                r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#4878a8" fill-opacity="{share:.3}"/>"##
            );
            let white = if share > 0.6 { r##" fill="#fff""## } else { "" };
            self.text(x + width / 2.0, "middle", white, &count.to_string());
        }
        self.y += Self::ROW;
    }

    fn finish(self, images: usize) -> String {
        let (width, height) = (Self::WIDTH, self.y + 16.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n<title>{images} images</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    #[test]
    fn classes_are_counted_alone_and_crossed() {
        let look = Look {
            hash: [0; 32],
            perceptual: 0,
            thumbnail: [0; 48],
            width: 20,
            height: 10,
            crc: 0,
            whole: true,
        };
        let entries: Vec<Entry> = [(0, 1, 4), (0, 1, 4), (8, 0, 2)]
            .into_iter()
            .map(|(age_group, sex, race)| Entry::for_tests(Labels { age_group, sex, race }, [0; 32]))
            .collect();
        let stats = Stats::of(entries.iter().map(|entry| (entry, &look)));
        assert_eq!(stats.heads[0].counts, [2, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(stats.heads[1].counts, [1, 2]);
        assert_eq!(stats.crossings[1].counts[0], [0, 0, 0, 0, 2]);
        assert_eq!(stats.sizes["20x10"], 3);
        let svg = stats.svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.contains("Above 80") && svg.contains(">age by race<"));
    }
}
