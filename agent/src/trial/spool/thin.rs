//! Which events go when a spool grows past its limit: decided without doing.
//!
//! 1. Lines of the log go first, from the oldest on, but for the head (the first of the backlog) and the tail (the last).
//! 2. Then points: every second of each kind (points of the same metrics), by turns of the older half and of all that are
//!    left, until enough is gone. A curve keeps its shape, coarser the older it is.
//! 3. Never: of each metric the first, the last, the lowest and the highest value of the backlog; checkpoint records,
//!    media, facts; the first events of the backlog, which may be on their way to the controller; the last event of each
//!    segment, so that each tells of itself how far it goes.

use std::collections::HashMap;

use super::super::event::{Event, EventKind};

/// Events that may be on their way: as many as a batch has.
pub(crate) const ON_THEIR_WAY: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Log,
    /// Points of the same metrics have the same number.
    Point(u32),
    /// Says what a later one says better.
    Outdated,
    Kept,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    bytes: u32,
    class: Class,
}

/// Places of one metric's points that must stay.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    first: usize,
    last: usize,
    lowest: (usize, f64),
    highest: (usize, f64),
}

/// What the backlog holds, in order: eight bytes an event and little more a metric.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    items: Vec<Item>,
    kinds: HashMap<Vec<String>, u32>,
    metrics: HashMap<String, Extremes>,
    /// The last word on what was dropped.
    told: Option<usize>,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Stays,
    /// It goes, a line of the log.
    Log,
    /// It goes, a point.
    Point,
    /// It goes and is no loss.
    Outdated,
}

impl Survey {
    /// Takes the next event of the backlog. `bytes`: what it takes on disk.
    pub(crate) fn take(&mut self, event: &Event, bytes: u64) {
        let at = self.items.len();
        let class = match &event.kind {
            EventKind::Log { .. } => Class::Log,
            EventKind::Metrics { values, .. } => {
                for (name, value) in values {
                    self.note(at, name, *value);
                }
                let names: Vec<String> = values.keys().cloned().collect();
                let fresh = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
                Class::Point(*self.kinds.entry(names).or_insert(fresh))
            }
            EventKind::Dropped(_) => {
                if let Some(before) = self.told.replace(at) {
                    self.items[before].class = Class::Outdated;
                }
                Class::Kept
            }
            EventKind::Facts(_) | EventKind::Checkpoint { .. } | EventKind::Media { .. } => Class::Kept,
        };
        self.items.push(Item { bytes: u32::try_from(bytes).unwrap_or(u32::MAX), class });
    }

    /// The last event that was taken stays, whatever it is.
    pub(crate) fn keep_last(&mut self) {
        if let Some(item) = self.items.last_mut() {
            item.class = Class::Kept;
        }
        self.told = self.told.filter(|told| told + 1 < self.items.len());
    }

    fn note(&mut self, at: usize, name: &str, value: f64) {
        let Some(known) = self.metrics.get_mut(name) else {
            let fresh = Extremes { first: at, last: at, lowest: (at, value), highest: (at, value) };
            self.metrics.insert(name.to_owned(), fresh);
            return;
        };
        known.last = at;
        // What is not finite is neither low nor high, and gives way to what is.
        if value.is_finite() && (!known.lowest.1.is_finite() || value < known.lowest.1) {
            known.lowest = (at, value);
        }
        if value.is_finite() && (!known.highest.1.is_finite() || value > known.highest.1) {
            known.highest = (at, value);
        }
    }

    /// How to bring the backlog down to `target` bytes, or as near as what must stay allows: one fate for each event, in
    /// order.
    pub(crate) fn plan(mut self, target: u64) -> Vec<Fate> {
        for Extremes { first, last, lowest, highest } in std::mem::take(&mut self.metrics).into_values() {
            for at in [first, last, lowest.0, highest.0] {
                self.items[at].class = Class::Kept;
            }
        }
        self.protect_first(target / 4);
        let mut thinning = Thinning {
            left: self.items.iter().map(|item| u64::from(item.bytes)).sum(),
            fates: vec![Fate::Stays; self.items.len()],
            items: self.items,
            target,
        };
        thinning.drop_outdated();
        thinning.drop_logs();
        // By turns of the older half and of all: one alone would leave too little of the old, or take too much of the new.
        while thinning.left > target && (thinning.halve_points(2) || thinning.halve_points(1)) {
            if thinning.left > target {
                thinning.halve_points(1);
            }
        }
        thinning.fates
    }

    fn protect_first(&mut self, most_bytes: u64) {
        let mut bytes = 0;
        for item in self.items.iter_mut().take(ON_THEIR_WAY) {
            bytes += u64::from(item.bytes);
            if bytes > most_bytes {
                break;
            }
            item.class = Class::Kept;
        }
    }
}

struct Thinning {
    items: Vec<Item>,
    fates: Vec<Fate>,
    /// Bytes of what stays.
    left: u64,
    target: u64,
}

impl Thinning {
    fn drop(&mut self, at: usize) {
        self.left -= u64::from(self.items[at].bytes);
        self.fates[at] = match self.items[at].class {
            Class::Log => Fate::Log,
            Class::Point(_) => Fate::Point,
            Class::Outdated | Class::Kept => Fate::Outdated,
        };
    }

    fn of_class(&self, wanted: impl Fn(Class) -> bool) -> Vec<usize> {
        let stays = |at: &usize| self.fates[*at] == Fate::Stays && wanted(self.items[*at].class);
        (0..self.items.len()).filter(stays).collect()
    }

    fn drop_outdated(&mut self) {
        for at in self.of_class(|class| class == Class::Outdated) {
            self.drop(at);
        }
    }

    /// The oldest first, but for a head of a sixteenth of the target and a tail of an eighth.
    fn drop_logs(&mut self) {
        let logs = self.of_class(|class| class == Class::Log);
        let within = |budget: u64, lines: &mut dyn Iterator<Item = &usize>| {
            let mut bytes = 0;
            lines
                .take_while(|at| {
                    bytes += u64::from(self.items[**at].bytes);
                    bytes <= budget
                })
                .count()
        };
        let head = within(self.target / 16, &mut logs.iter());
        let tail = within(self.target / 8, &mut logs.iter().rev());
        for at in logs.get(head..logs.len().saturating_sub(tail)).unwrap_or_default() {
            if self.left <= self.target {
                return;
            }
            self.drop(*at);
        }
    }

    /// Drops every second point of each kind in the older of `parts` parts; returns whether any went.
    fn halve_points(&mut self, parts: usize) -> bool {
        let points = self.of_class(|class| matches!(class, Class::Point(_)));
        let older = &points[..points.len().div_ceil(parts)];
        let mut seen: HashMap<Class, bool> = HashMap::new();
        let mut any = false;
        for at in older {
            let goes = seen.entry(self.items[*at].class).or_insert(false);
            *goes = !*goes;
            if *goes {
                self.drop(*at);
                any = true;
            }
            if self.left <= self.target {
                break;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::Dropped;
    use super::super::samples::{checkpoint, line, point};
    use super::*;

    fn survey(events: &[Event]) -> Survey {
        let mut survey = Survey::default();
        for event in events {
            survey.take(event, 100);
        }
        survey
    }

    fn bytes_left(fates: &[Fate]) -> u64 {
        fates.iter().filter(|fate| **fate == Fate::Stays).count() as u64 * 100
    }

    #[test]
    fn what_fits_stays_whole() {
        let events: Vec<_> = (1..=50).map(|seq| line(seq, "x")).collect();
        assert!(survey(&events).plan(5000).iter().all(|fate| *fate == Fate::Stays));
    }

    #[test]
    fn the_middle_of_the_log_goes_before_any_point() {
        let events: Vec<_> = (0..2000)
            .map(|at| if at % 2 == 0 { line(at + 1, "x") } else { point(at + 1, &[("loss", 1.0)]) })
            .collect();
        let fates = survey(&events).plan(160_000);
        let gone: Vec<_> = (0..fates.len()).filter(|at| fates[*at] != Fate::Stays).collect();
        assert_eq!(gone.len(), 400);
        assert!(gone.iter().all(|at| fates[*at] == Fate::Log));
        // Oldest first, behind what is on its way and the head of the log; the end of the log is whole.
        assert_eq!((gone[0], gone[399]), (456, 456 + 2 * 399));
    }

    #[test]
    fn curves_keep_their_shape_coarser_the_older_they_are() {
        let value = |seq: u64| (seq as f64 / 500.0).sin();
        let mut events: Vec<_> = (1..=8000).map(|seq| point(seq, &[("a", value(seq))])).collect();
        // A spike, which no rule of every second would spare for sure.
        events[5001] = point(5002, &[("a", 9.0)]);
        let fates = survey(&events).plan(200_000);
        assert!(bytes_left(&fates) <= 200_000);
        let kept: Vec<usize> = (0..8000).filter(|at| fates[*at] == Fate::Stays).collect();
        assert!(kept.contains(&5001) && kept.contains(&0) && kept.contains(&7999));
        let between = |from: usize, to: usize| kept.iter().filter(|at| (from..to).contains(*at)).count();
        assert!(between(1000, 2000) > 20, "old, but not a hole: {}", between(1000, 2000));
        assert!(between(7000, 8000) > between(1000, 2000));
        // Wherever one looks behind the head, the next kept point is near.
        let widest = kept.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(200), "{widest:?}");
    }

    #[test]
    fn only_the_last_word_on_losses_stays() {
        let mut events: Vec<_> = (1..=1000).map(|seq| line(seq, "x")).collect();
        for at in [500, 600, 999] {
            events[at].kind = EventKind::Dropped(Dropped { logs: at as u64, points: 0 });
        }
        let fates = survey(&events).plan(50_000);
        assert_eq!([500, 600, 999].map(|at| fates[at]), [Fate::Outdated, Fate::Outdated, Fate::Stays]);
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let kind = prop_oneof![
            4 => Just(0_u8),
            6 => Just(1),
            1 => Just(2),
            1 => Just(3),
        ];
        let odd = prop_oneof![8 => -1e3..1e3, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
        prop::collection::vec((kind, odd, 0_usize..3), 0..600).prop_map(|raw| {
            let one = |(at, (kind, value, name)): (usize, (u8, f64, usize))| {
                let seq = at as u64 + 1;
                let name = ["loss", "acc", "lr"][name];
                match kind {
                    0 => line(seq, "text"),
                    1 => point(seq, &[(name, value)]),
                    2 => point(seq, &[(name, value), ("both", -value)]),
                    _ => checkpoint(seq),
                }
            };
            raw.into_iter().enumerate().map(one).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_matters_stays_and_the_rest_is_bounded(events in events(), target in 1_000_u64..40_000) {
            let fates = survey(&events).plan(target);
            prop_assert_eq!(fates.len(), events.len());
            let mut essential = 0;
            let mut curves: BTreeMap<&String, Vec<(usize, f64)>> = BTreeMap::new();
            for (at, event) in events.iter().enumerate() {
                match &event.kind {
                    EventKind::Checkpoint { .. } => {
                        essential += 1;
                        prop_assert_eq!(fates[at], Fate::Stays);
                    }
                    EventKind::Metrics { values, .. } => {
                        prop_assert!(matches!(fates[at], Fate::Stays | Fate::Point));
                        for (name, value) in values {
                            curves.entry(name).or_default().push((at, *value));
                        }
                    }
                    _ => prop_assert!(matches!(fates[at], Fate::Stays | Fate::Log)),
                }
            }
            for curve in curves.values() {
                prop_assert_eq!(fates[curve[0].0], Fate::Stays);
                prop_assert_eq!(fates[curve[curve.len() - 1].0], Fate::Stays);
                let best = |better: fn(f64, f64) -> bool, of: &mut dyn Iterator<Item = &(usize, f64)>| {
                    of.map(|point| point.1).filter(|value| value.is_finite()).reduce(|a, b| if better(a, b) { a } else { b })
                };
                for better in [(|a, b| a < b) as fn(f64, f64) -> bool, |a, b| a > b] {
                    let all = best(better, &mut curve.iter());
                    let kept = best(better, &mut curve.iter().filter(|point| fates[point.0] == Fate::Stays));
                    prop_assert_eq!(all, kept);
                }
            }
            // Four places a metric, the head and tail of the log, and what may be on its way.
            let floor = essential * 100 + curves.len() as u64 * 400 + target / 16 + target / 8 + target / 4;
            prop_assert!(bytes_left(&fates) <= target.max(floor));
            // No more than must: one event less would have been too many.
            let gone = fates.iter().filter(|fate| **fate != Fate::Stays).count() as u64;
            prop_assert!(gone == 0 || bytes_left(&fates) + 100 > target);
        }
    }
}
