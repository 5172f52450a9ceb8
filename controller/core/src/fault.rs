//! Whose fault the end of an attempt was, and what becomes of its trial.
//!
//! Programs and machines have budgets of their own, so that a bad night of the network does not use up what a bug may
//! cost, and the other way round. Machines are forgiven again once a trial got on: a budget counts what happened since
//! its last checkpoint that an attempt can go on from.

use std::time::Duration;

use crate::stop::Verdict;
use crate::sweep::SweepState;
use crate::trial::{Outcome, TrialEvent};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// As its agent tells.
    Told(Outcome),
    /// Its agent was not heard of any more.
    AgentLost,
}

impl End {
    pub const ALL: [Self; 7] = [
        Self::Told(Outcome::Succeeded),
        Self::Told(Outcome::Failed),
        Self::Told(Outcome::Stopped),
        Self::Told(Outcome::Cancelled),
        Self::Told(Outcome::HandedBack),
        Self::Told(Outcome::Infrastructure),
        Self::AgentLost,
    ];

    /// The word in the database and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Told(Outcome::Succeeded) => "succeeded",
            Self::Told(Outcome::Failed) => "failed",
            Self::Told(Outcome::Stopped) => "stopped",
            Self::Told(Outcome::Cancelled) => "cancelled",
            Self::Told(Outcome::HandedBack) => "handed back",
            Self::Told(Outcome::Infrastructure) => "machine fault",
            Self::AgentLost => "lost",
        }
    }

    /// Whether something went wrong, so that the trial may be run again.
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Told(Outcome::Failed | Outcome::Infrastructure) | Self::AgentLost)
    }

    /// The end of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.word() == word)
    }
}

/// How often a trial's attempts failed, by whose fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The program's: non-zero exits, signals, commands that cannot be started.
    pub user: u32,
    /// The machines', since the trial last got on.
    pub infrastructure: u32,
    /// Different agents that were lost with it in a row, since it last got on.
    pub agents_lost: u32,
}

/// How many faults of each kind a trial may have before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub user_retries: u32,
    pub infrastructure_retries: u32,
}

/// Machines' faults that a trial survives between two checkpoints, unless its sweep says otherwise.
pub const INFRASTRUCTURE_RETRIES: u32 = 5;

/// So many different agents lost with one trial in a row: it is the trial that takes them down.
pub const POISON: u32 = 3;

impl Default for Budget {
    /// A program that fails is not run again.
    fn default() -> Self {
        Self { user_retries: 0, infrastructure_retries: INFRASTRUCTURE_RETRIES }
    }
}

/// An attempt's end, and what went before.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub end: End,
    /// What its agent says; it is kept in the reason.
    pub detail: &'a str,
    /// Before this end.
    pub faults: Faults,
    /// Whether the attempt left a checkpoint to go on from.
    pub got_on: bool,
    /// Whether its agent is another than those already lost with this trial in a row.
    pub other_agent: bool,
    pub budget: Budget,
    pub sweep: SweepState,
    /// What the stop rule said of the trial.
    pub verdict: &'a Verdict,
    /// Why a person wants the trial stopped; empty: nobody does.
    pub stop: &'a str,
}

/// What an attempt's end means for its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub event: TrialEvent,
    pub faults: Faults,
    /// For people; goes to the database and the screen.
    pub reason: String,
    /// The trial is not handed out again before this time has passed.
    pub pause: Duration,
}

/// An attempt of a trial that ended, as far as [`agents_lost`] cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past<A> {
    pub agent: A,
    pub end: End,
    /// Whether it left a checkpoint to go on from.
    pub got_on: bool,
}

/// How many different agents were lost in a row at the end of a trial's history (oldest attempt first), and whether
/// `agent` is another than those.
pub fn agents_lost<A: PartialEq + Copy>(history: &[Past<A>], agent: A) -> (u32, bool) {
    let mut lost: Vec<A> = Vec::new();
    for past in history.iter().rev().take_while(|past| past.end == End::AgentLost) {
        if !lost.contains(&past.agent) {
            lost.push(past.agent);
        }
        // What was lost before it got on is forgiven.
        if past.got_on {
            break;
        }
    }
    (u32::try_from(lost.len()).unwrap_or(u32::MAX), !lost.contains(&agent))
}

/// Judges how an attempt ended.
///
/// A success is kept whatever became of the sweep. Otherwise a cancelled sweep takes its trials down with it, and a
/// stopped one runs nothing again. A trial that the stop rule ends has ended by it, however its program or its machine
/// took that.
pub fn judge(case: &Case<'_>) -> Ending {
    let ending = judge_alone(case);
    match (case.sweep, ending.event) {
        (_, TrialEvent::Succeeded) => ending,
        (SweepState::Cancelled, _) => Ending {
            event: TrialEvent::Cancelled,
            reason: "sweep cancelled".to_owned(),
            pause: Duration::ZERO,
            ..ending
        },
        (SweepState::Finished, TrialEvent::HeldBack) => Ending { event: TrialEvent::StoppedByRule, ..ending },
        (SweepState::Finished, TrialEvent::Requeued) => {
            let reason = prefixed("the sweep was stopped before it could run again", case.detail);
            Ending { event: TrialEvent::Cancelled, reason, pause: Duration::ZERO, ..ending }
        }
        // Told to stop, its program was perhaps never reached.
        (_, TrialEvent::Requeued) if !case.stop.is_empty() => Ending {
            event: TrialEvent::StoppedByRule,
            reason: prefixed(case.stop, case.detail),
            pause: Duration::ZERO,
            ..ending
        },
        _ => ending,
    }
}

fn judge_alone(case: &Case<'_>) -> Ending {
    let before = faults_before(case);
    let detail = case.detail;
    let ending = |event, faults, reason| Ending { event, faults, reason, pause: Duration::ZERO };
    let by_rule = match case.verdict {
        Verdict::Continue => None,
        Verdict::Stop(reason) => Some((TrialEvent::StoppedByRule, reason)),
        Verdict::Pause(reason) => Some((TrialEvent::HeldBack, reason)),
    };
    if let Some((event, reason)) = by_rule
        && !matches!(case.end, End::Told(Outcome::Succeeded | Outcome::Cancelled))
    {
        return ending(event, before, reason.to_string());
    }
    let outcome = match case.end {
        End::Told(outcome) => outcome,
        End::AgentLost => return machine_fault(case, before),
    };
    match outcome {
        Outcome::Succeeded => ending(TrialEvent::Succeeded, before, String::new()),
        Outcome::Stopped => ending(TrialEvent::StoppedByRule, before, detail.to_owned()),
        Outcome::Cancelled => ending(TrialEvent::Cancelled, before, detail.to_owned()),
        Outcome::HandedBack => ending(TrialEvent::Requeued, before, prefixed("handed back", detail)),
        Outcome::Failed => {
            let faults = Faults { user: before.user + 1, agents_lost: 0, ..before };
            if faults.user > case.budget.user_retries {
                return ending(TrialEvent::GaveUp, faults, detail.to_owned());
            }
            let pause = pause(faults.user);
            Ending { pause, ..ending(TrialEvent::Requeued, faults, prefixed("to be retried", detail)) }
        }
        Outcome::Infrastructure => machine_fault(case, before),
    }
}

/// Faults of machines before a checkpoint are forgiven.
fn faults_before(case: &Case<'_>) -> Faults {
    if case.got_on { Faults { infrastructure: 0, agents_lost: 0, ..case.faults } } else { case.faults }
}

fn machine_fault(case: &Case<'_>, before: Faults) -> Ending {
    let agents_lost = match case.end {
        End::AgentLost => before.agents_lost + u32::from(case.other_agent || before.agents_lost == 0),
        End::Told(_) => 0,
    };
    let faults = Faults { infrastructure: before.infrastructure + 1, agents_lost, ..before };
    let ending = |event, reason| Ending { event, faults, reason, pause: Duration::ZERO };
    if faults.agents_lost >= POISON {
        let what = format!("{POISON} agents in a row were lost while running it, so it is not run again");
        return ending(TrialEvent::GaveUp, prefixed(&what, case.detail));
    }
    if faults.infrastructure > case.budget.infrastructure_retries {
        let what = format!("gave up after {} faults of machines", faults.infrastructure);
        return ending(TrialEvent::GaveUp, prefixed(&what, case.detail));
    }
    // The first fault says nothing of the trial: another machine may have it at once.
    let pause = pause(faults.infrastructure - 1);
    Ending { pause, ..ending(TrialEvent::Requeued, prefixed("to be run again", case.detail)) }
}

/// The pause after the first fault that costs one.
pub const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause, as that of a Kubernetes job.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(360);

/// The pause before an attempt that follows so many faults: doubled each time.
pub fn pause(faults: u32) -> Duration {
    match faults.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE),
    }
}

/// Whether a pause that began at a wall-clock time is over. A clock that was set back ends it, rather than making it
/// longer than it was meant: a pause is a kindness, and nothing rests on its length.
pub fn pause_is_over(began_ms: i64, pause: Duration, now_ms: i64) -> bool {
    let length = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    now_ms < began_ms || now_ms.saturating_sub(began_ms) >= length
}

fn prefixed(what: &str, detail: &str) -> String {
    if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stop::Reason;

    impl From<Outcome> for End {
        fn from(outcome: Outcome) -> Self {
            Self::Told(outcome)
        }
    }

    fn case(end: impl Into<End>, faults: Faults) -> Case<'static> {
        Case {
            end: end.into(),
            detail: "",
            faults,
            got_on: false,
            other_agent: true,
            budget: Budget { user_retries: 1, infrastructure_retries: 2 },
            sweep: SweepState::Running,
            verdict: &Verdict::Continue,
            stop: "",
        }
    }

    #[test]
    fn what_a_person_stopped_is_not_run_again() {
        for (end, expected) in [
            (End::AgentLost, TrialEvent::StoppedByRule),
            (End::Told(Outcome::HandedBack), TrialEvent::StoppedByRule),
            (End::Told(Outcome::Succeeded), TrialEvent::Succeeded),
            (End::Told(Outcome::Stopped), TrialEvent::StoppedByRule),
        ] {
            let ending = judge(&Case { stop: "stopped by a person", ..case(end, Faults::default()) });
            assert_eq!(ending.event, expected, "{end:?}");
        }
    }

    #[test]
    fn words_read_back() {
        for end in End::ALL {
            assert_eq!(End::of_word(end.word()), Some(end));
        }
    }

    #[test]
    fn budgets_are_separate() {
        let mut faults = Faults::default();
        for (outcome, expected) in [
            (Outcome::Infrastructure, TrialEvent::Requeued),
            (Outcome::Infrastructure, TrialEvent::Requeued),
            (Outcome::Failed, TrialEvent::Requeued),
            (Outcome::HandedBack, TrialEvent::Requeued),
            (Outcome::Failed, TrialEvent::GaveUp),
            (Outcome::Infrastructure, TrialEvent::GaveUp),
        ] {
            let ending = judge(&case(outcome, faults));
            assert_eq!(ending.event, expected, "{outcome:?} after {faults:?}");
            faults = ending.faults;
        }
        assert_eq!(faults, Faults { user: 2, infrastructure: 3, agents_lost: 0 });
    }

    #[test]
    fn a_trial_that_gets_on_may_be_moved_for_ever() {
        let mut faults = Faults::default();
        for _ in 0..100 {
            let ending = judge(&Case { got_on: true, ..case(End::AgentLost, faults) });
            assert_eq!(ending.event, TrialEvent::Requeued);
            faults = ending.faults;
        }
        assert_eq!(faults.infrastructure, 1);
    }

    #[test]
    fn three_different_agents_lost_in_a_row_are_the_trials_doing() {
        let roomy = Budget { user_retries: 0, infrastructure_retries: 100 };
        let run = |ends: &[(End, bool)]| {
            let mut faults = Faults::default();
            let mut last = None;
            for &(end, other_agent) in ends {
                let ending = judge(&Case { other_agent, budget: roomy, ..case(end, faults) });
                faults = ending.faults;
                last = Some(ending);
            }
            last.expect("there were ends")
        };
        let (lost, machine) = (End::AgentLost, End::Told(Outcome::Infrastructure));
        let poison = run(&[(lost, true), (lost, true), (lost, true)]);
        assert_eq!(poison.event, TrialEvent::GaveUp);
        assert!(poison.reason.starts_with("3 agents in a row were lost"), "{}", poison.reason);
        // The same agent again proves nothing new, and an agent that lived to tell clears the trial.
        for ends in [
            &[(lost, true), (lost, false), (lost, false)][..],
            &[(lost, true), (lost, true), (machine, true), (lost, true)],
        ] {
            assert_eq!(run(ends).event, TrialEvent::Requeued, "{ends:?}");
        }
    }

    #[test]
    fn only_the_last_row_of_lost_agents_counts() {
        let lost = |agent, got_on| Past { agent, end: End::AgentLost, got_on };
        let told = |agent| Past { agent, end: End::Told(Outcome::Infrastructure), got_on: false };
        for (history, expected) in [
            (vec![], (0, true)),
            (vec![lost(1, false), lost(2, false)], (2, true)),
            (vec![lost(1, false), lost(9, false), lost(1, false)], (2, false)),
            (vec![lost(1, false), told(2), lost(3, false)], (1, true)),
            (vec![lost(1, false), lost(2, true), lost(3, false)], (2, true)),
            (vec![lost(9, false), told(2)], (0, true)),
        ] {
            assert_eq!(agents_lost(&history, 9), expected, "{history:?}");
        }
    }

    #[test]
    fn a_late_success_is_kept_and_nothing_else_outlives_a_sweep() {
        for (sweep, outcome, expected) in [
            (SweepState::Cancelled, End::Told(Outcome::Succeeded), TrialEvent::Succeeded),
            (SweepState::Cancelled, End::Told(Outcome::Failed), TrialEvent::Cancelled),
            (SweepState::Cancelled, End::Told(Outcome::HandedBack), TrialEvent::Cancelled),
            (SweepState::Cancelled, End::AgentLost, TrialEvent::Cancelled),
            (SweepState::Finished, End::Told(Outcome::HandedBack), TrialEvent::Cancelled),
            (SweepState::Finished, End::Told(Outcome::Failed), TrialEvent::GaveUp),
            (SweepState::Paused, End::Told(Outcome::HandedBack), TrialEvent::Requeued),
        ] {
            let budget = Budget { user_retries: 0, infrastructure_retries: 2 };
            let ending = judge(&Case { sweep, budget, ..case(outcome, Faults::default()) });
            assert_eq!(ending.event, expected, "{outcome:?} in a {sweep} sweep");
        }
    }

    #[test]
    fn what_the_stop_rule_ends_has_ended_by_it() {
        let spent = Reason::Spent { resource: crate::stop::Resource::Epoch, max: 9.0, at: 10.0 };
        let (stop, pause) = (Verdict::Stop(spent.clone()), Verdict::Pause(spent.clone()));
        for (verdict, sweep, end, expected) in [
            (&stop, SweepState::Running, End::Told(Outcome::Stopped), TrialEvent::StoppedByRule),
            (&stop, SweepState::Running, End::Told(Outcome::Failed), TrialEvent::StoppedByRule),
            (&stop, SweepState::Running, End::AgentLost, TrialEvent::StoppedByRule),
            (&stop, SweepState::Running, End::Told(Outcome::Succeeded), TrialEvent::Succeeded),
            (&stop, SweepState::Cancelled, End::Told(Outcome::Stopped), TrialEvent::Cancelled),
            (&pause, SweepState::Running, End::Told(Outcome::Stopped), TrialEvent::HeldBack),
            (&pause, SweepState::Paused, End::Told(Outcome::HandedBack), TrialEvent::HeldBack),
            (&pause, SweepState::Finished, End::Told(Outcome::Stopped), TrialEvent::StoppedByRule),
        ] {
            let ending = judge(&Case { verdict, sweep, ..case(end, Faults::default()) });
            assert_eq!(ending.event, expected, "{end:?} in a {sweep} sweep");
            if matches!(expected, TrialEvent::StoppedByRule | TrialEvent::HeldBack) {
                assert_eq!((ending.reason, ending.faults), (spent.to_string(), Faults::default()));
            }
        }
    }

    #[test]
    fn pauses_double_and_end() {
        let seconds = |faults| pause(faults).as_secs();
        assert_eq!([0, 1, 2, 3, 6, 7, u32::MAX].map(seconds), [0, 10, 20, 40, 320, 360, 360]);
        let first = judge(&case(End::AgentLost, Faults::default()));
        assert_eq!(first.pause, Duration::ZERO);
        assert_eq!(judge(&case(End::AgentLost, first.faults)).pause, FIRST_PAUSE);
        assert_eq!(judge(&case(Outcome::Failed, Faults::default())).pause, FIRST_PAUSE);
        for (now, over) in [(1_000, false), (10_999, false), (11_000, true), (999, true), (i64::MIN, true)] {
            assert_eq!(pause_is_over(1_000, FIRST_PAUSE, now), over, "at {now}");
        }
    }

    proptest! {
        /// Whatever happens in whatever order, no budget is passed, and every trial comes to an end.
        #[test]
        fn no_budget_is_passed(
            ends in prop::collection::vec((0_usize..7, any::<bool>(), any::<bool>()), 1..200),
            user in 0_u32..4,
            infrastructure in 0_u32..4,
        ) {
            let budget = Budget { user_retries: user, infrastructure_retries: infrastructure };
            let mut faults = Faults::default();
            let (mut failed, mut since_progress) = (0, 0);
            for (end, got_on, other_agent) in ends {
                let end = End::ALL[end];
                let ending = judge(&Case { got_on, other_agent, budget, ..case(end, faults) });
                failed += u32::from(end == End::Told(Outcome::Failed));
                if got_on { since_progress = 0; }
                since_progress += u32::from(matches!(end, End::Told(Outcome::Infrastructure) | End::AgentLost));
                prop_assert_eq!(ending.faults.user, failed);
                prop_assert_eq!(ending.faults.infrastructure, since_progress);
                prop_assert!(ending.pause <= LONGEST_PAUSE);
                match ending.event {
                    TrialEvent::Requeued => {
                        prop_assert!(failed <= user && since_progress <= infrastructure);
                        prop_assert!(ending.faults.agents_lost < POISON);
                        faults = ending.faults;
                    }
                    _ => break,
                }
            }
        }
    }
}
