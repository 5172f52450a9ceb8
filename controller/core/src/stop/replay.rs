//! Whether a rule still says what it said.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Event, Judge, Point, Rungs, Standing, Verdict};
use crate::curve::{is_visible, visible_until};

/// What happened to one trial at one time, and what the rule said then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// In the order in which they were made in a sweep, from 1.
    pub number: u64,
    pub trial: u64,
    pub events: Vec<Event>,
    pub verdict: Verdict,
}

/// What came of judging again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rejudged {
    /// Judgements that are equal.
    pub equal: u64,
    /// Those that are not, and what is said now.
    pub different: Vec<(Judgement, Said)>,
}

/// What is said of a judgement now.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Verdict(Verdict),
    /// Of a promotion: where the trial stands; `None`: it would not go on.
    Standing(Option<Standing>),
}

/// Judges a sweep again, by what was recorded of it, in its order.
pub fn replay(judge: &Judge, judgements: &[Judgement]) -> Rejudged {
    let mut fold = Fold::default();
    let mut out = Rejudged::default();
    for judgement in judgements {
        let promoted = judgement.events.iter().find_map(|event| fold.promotion_differs(judge, event));
        for event in &judgement.events {
            fold.take(judge, event);
        }
        let verdict = fold.rungs.verdict(judge, judgement.trial);
        let said = promoted.or_else(|| (verdict != judgement.verdict).then_some(Said::Verdict(verdict)));
        match said {
            Some(said) => out.different.push((judgement.clone(), said)),
            None => out.equal += 1,
        }
    }
    out
}

/// A history taken in step by step.
#[derive(Debug, Default)]
pub(super) struct Fold {
    pub(super) rungs: Rungs,
    curves: BTreeMap<u64, Vec<Point>>,
}

impl Fold {
    pub(super) fn take(&mut self, judge: &Judge, event: &Event) {
        match *event {
            Event::Reported { trial, point } => {
                self.curves.entry(trial).or_default().push(point);
                self.rungs.report(judge, trial, &[point]);
            }
            Event::Resumed { trial, step } => {
                let curve = self.curves.entry(trial).or_default();
                hide(curve, step);
                self.rungs.resume(judge, trial, curve);
            }
            Event::Promoted { trial, .. } => {
                self.rungs.promote(judge, trial);
            }
            Event::Spared { trial } => self.rungs.spare(trial),
        }
    }

    /// Where a promoted trial stands now, if that is not what was recorded.
    fn promotion_differs(&self, judge: &Judge, event: &Event) -> Option<Said> {
        let Event::Promoted { trial, standing, closing } = event else { return None };
        let mut now = self.rungs.promotions(judge, &|other| other == *trial, 1, *closing);
        let now = now.pop().map(|promotion| promotion.standing);
        (now.as_ref() != Some(standing)).then_some(Said::Standing(now))
    }
}

/// What of a curve stays visible after a resume from a step; `None`: from the beginning.
fn hide(curve: &mut Vec<Point>, step: Option<u64>) {
    let until = visible_until(&[step]);
    curve.retain(|point| is_visible(point.step, until));
}

/// The visible curve of one trial, by what happened to it.
pub fn visible(events: &[Event]) -> Vec<Point> {
    let mut curve = Vec::new();
    for event in events {
        match *event {
            Event::Reported { point, .. } => curve.push(point),
            Event::Resumed { step, .. } => hide(&mut curve, step),
            Event::Promoted { .. } | Event::Spared { .. } => {}
        }
    }
    curve
}
