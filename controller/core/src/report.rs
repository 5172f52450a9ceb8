//! Which events of a report are new.

/// What to do with a batch that starts at one sequence number, given what is already stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// Store all but the first `skip` events, which are stored already.
    Take { skip: usize },
    /// All of it is stored already.
    Known,
    /// Events are missing before it: send from `after + 1`.
    Gap { after: u64 },
}

/// Judges a batch of `count` events from `first_seq` on, when everything up to `acknowledged` is stored.
///
/// Sequence numbers start at 1 and have no gaps, so a resend in other portions than the first time is recognised too.
pub fn intake(acknowledged: u64, first_seq: u64, count: usize) -> Intake {
    if count == 0 {
        return Intake::Known;
    }
    if first_seq == 0 || first_seq > acknowledged + 1 {
        return Intake::Gap { after: acknowledged };
    }
    // first_seq <= acknowledged + 1, so this does not go below zero.
    let skip = usize::try_from(acknowledged + 1 - first_seq).unwrap_or(usize::MAX);
    if skip >= count { Intake::Known } else { Intake::Take { skip } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn resends_are_recognised_in_any_portions() {
        assert_eq!(intake(0, 1, 3), Intake::Take { skip: 0 });
        assert_eq!(intake(3, 1, 3), Intake::Known);
        assert_eq!(intake(3, 2, 5), Intake::Take { skip: 2 });
        assert_eq!(intake(3, 5, 1), Intake::Gap { after: 3 });
        assert_eq!(intake(3, 0, 1), Intake::Gap { after: 3 });
        assert_eq!(intake(3, 9, 0), Intake::Known);
    }

    proptest! {
        /// Whatever order and portions batches come in, what is stored is 1, 2, 3, ... without gap or repeat.
        #[test]
        fn stored_events_are_contiguous(batches in prop::collection::vec((0_u64..20, 0_usize..6), 0..60)) {
            let mut stored: Vec<u64> = Vec::new();
            for (first, count) in batches {
                if let Intake::Take { skip } = intake(stored.len() as u64, first, count) {
                    stored.extend((first..first + count as u64).skip(skip));
                }
            }
            prop_assert!(stored.iter().enumerate().all(|(at, seq)| *seq == at as u64 + 1));
        }
    }
}
