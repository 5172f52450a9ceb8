//! `values` and `probabilities` of a parameter.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::distribution::Definition;
use super::field::figure;
use super::problem::Problem;
use super::yaml::{Kind, Node};
use crate::space::{Domain, tidy};

impl Definition<'_> {
    /// A choice, even or weighted. What stands twice counts once, with its probabilities added.
    pub(super) fn categorical(&self, weights: Option<&[f64]>, problems: &mut Vec<Problem>) -> Option<Domain> {
        let entry = self.get("values")?;
        let Kind::Sequence(items) = &entry.node.kind else {
            problems.push(
                Problem::error(
                    entry.node.place,
                    format!("`values` is a list, this is {}", entry.node.noun()),
                )
                .fix("write values: [a, b], or value: for a single one"),
            );
            return None;
        };
        if items.is_empty() {
            problems
                .push(Problem::error(entry.node.place, "`values` is empty").fix("give at least one value"));
            return None;
        }
        if let (Some(weights), Some(given)) = (weights, self.get("probabilities"))
            && weights.len() != items.len()
        {
            problems.push(
                Problem::error(
                    given.node.place,
                    format!("{} for {} values", counted(weights.len()), items.len()),
                )
                .fix("give one each"),
            );
            return None;
        }
        Some(self.distinct(items, weights, problems))
    }

    /// The values without repeats.
    fn distinct(&self, items: &[Node], weights: Option<&[f64]>, problems: &mut Vec<Problem>) -> Domain {
        let mut values = Vec::new();
        let mut kept = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (at, item) in items.iter().enumerate() {
            let value = item.to_value();
            let weight = weights.map_or(0.0, |weights| weights[at]);
            match seen.entry(super::key_of(&value)) {
                Slot::Occupied(first) => {
                    problems.push(Problem::warning(
                        item.place,
                        format!(
                            "{} stands in `values` of `{}` twice; it counts once",
                            brief(&value),
                            self.name
                        ),
                    ));
                    kept[*first.get()] += weight;
                }
                Slot::Vacant(slot) => {
                    slot.insert(values.len());
                    values.push(value);
                    kept.push(weight);
                }
            }
        }
        Domain::Categorical { values, weights: weights.map(|_| kept) }
    }

    pub(super) fn weights(&self, problems: &mut Vec<Problem>) -> Option<Vec<f64>> {
        let entry = self.get("probabilities")?;
        let mut wrong = |message: String| {
            problems.push(
                Problem::error(entry.node.place, message).fix("a list of numbers from 0 to 1 that sum to 1"),
            );
            None
        };
        let Kind::Sequence(items) = &entry.node.kind else {
            return wrong(format!("`probabilities` is a list, this is {}", entry.node.noun()));
        };
        let weights: Option<Vec<f64>> =
            items.iter().map(|item| item.to_value().as_f64().filter(|weight| *weight >= 0.0)).collect();
        let Some(weights) = weights else {
            return wrong("`probabilities` has something that is no probability".to_owned());
        };
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return wrong(format!("`probabilities` sum to {}, not to 1", figure(tidy(sum))));
        }
        Some(weights.iter().map(|weight| weight / sum).collect())
    }
}

fn counted(probabilities: usize) -> String {
    if probabilities == 1 { "1 probability".to_owned() } else { format!("{probabilities} probabilities") }
}

/// A value as a message shows it: the beginning is enough.
fn brief(value: &serde_json::Value) -> String {
    const SHOWN: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
