//! The behaviours every backend has, as tests over `dyn Store`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sweep_core::objective::Goal;
use sweep_core::search::Prior;
use sweep_core::sweep::{SweepEvent, SweepState};
use sweep_core::trial::{Outcome, TrialState};
use sweep_core::value::Params;
use uuid::Uuid;

use crate::*;

/// Hands the names of all cases to another macro.
macro_rules! cases {
    ($with:path $(, $($given:tt)*)?) => {
        $with! { $($($given)*;)?
            a_creation_sent_twice_is_one_sweep
            sweeps_are_found_by_prefix
            the_queue_takes_proposals_once
            planners_at_one_time_queue_one_plan
            claims_are_idempotent_and_distinct
            concurrent_claims_never_share_a_trial
            one_request_at_one_time_is_one_grant
            concurrent_claims_never_pass_max_parallel
            concurrent_last_ends_finish_the_sweep
            cancels_beside_claims_leave_nothing_queued
            reports_in_any_portions_are_stored_once
            concurrent_resends_are_stored_once
            a_gap_is_refused_with_the_last_stored
            a_stale_attempt_cannot_write
            ends_move_trials_and_sweeps
            the_same_end_twice_is_one_end
            an_expired_lease_is_granted_again
            a_renewed_lease_does_not_expire
            a_renewal_beside_an_expiry_has_one_winner
            a_new_attempt_hides_the_curve_of_the_old
            cancel_reaches_running_attempts_and_withdraws_the_queue
            stop_withdraws_the_queue_and_lets_trials_finish
            a_paused_sweep_hands_nothing_out
            nothing_but_failures_pauses_a_sweep
            a_program_that_failed_is_run_again_within_its_retries
            no_more_trials_are_held_than_max_parallel
            a_trial_pauses_before_it_is_run_again
            a_clock_set_back_ends_a_pause
            programs_and_machines_have_budgets_of_their_own
            a_trial_that_takes_agents_down_fails_with_that_reason
            a_machine_that_fails_in_a_row_is_benched_and_comes_back
            ends_of_other_slots_neither_lift_nor_double_a_bench
            a_success_lifts_a_bench
            an_agent_on_which_every_program_fails_is_benched
            a_trial_without_a_finite_objective_fails_where_asked
            a_trial_goes_on_from_its_newest_stored_checkpoint
            a_trial_without_a_stored_checkpoint_begins_again
            only_the_current_attempt_stores_what_it_reported
            newer_checkpoints_displace_older_and_orphan_their_files
            an_orphan_that_is_needed_again_is_none
            a_wanted_file_is_not_removed_before_its_checkpoint_is_stored
            a_checkpoint_never_points_to_what_was_removed
            what_is_wanted_again_is_not_forgotten
            a_shared_file_is_spared_from_when_the_last_lets_go
            a_file_that_two_let_go_of_at_one_time_is_an_orphan
            a_sweep_that_is_over_lets_go_of_what_waiting_trials_could_go_on_from
            a_finished_trial_keeps_its_best_model_only
            a_cap_lets_go_of_the_worst_trials_models
            the_best_stored_model_is_promoted_or_that_of_a_step
            a_trial_without_a_stored_model_is_not_promoted
            a_promotion_sent_twice_is_one_model
            a_name_is_taken_unless_it_is_replaced
            a_model_keeps_its_files_when_its_trial_lets_go_of_them
            files_that_a_model_shares_stay_as_long_as_anything_points_to_them
            a_promotion_beside_a_displacement_keeps_its_files
            promotions_of_one_name_at_one_time_are_one_model
            a_trial_that_gets_on_is_moved_as_often_as_it_takes
            non_finite_objectives_never_count
            watchers_see_each_change_once
            whoever_waits_is_woken
            top_lists_the_best_first
            logs_come_back_in_order
            records_come_back
            a_history_is_what_trials_came_to
            several_objectives_are_the_last_finite_values_of_each
            several_objectives_go_on_with_the_visible_curve
            a_trial_without_one_of_several_objectives_fails_where_asked
            a_sweep_keeps_the_trials_that_it_began_with
            numbers_of_a_record_that_are_not_finite_are_left_out
            odd_characters_are_no_failure
            who_is_not_among_the_best_is_stopped_early
            who_is_held_back_goes_on_when_there_is_room
            the_best_that_are_held_back_go_on_at_the_end
            concurrent_reports_let_no_more_past_than_the_rule_allows
            a_trial_that_begins_again_is_judged_by_what_is_visible
            a_sweep_ends_when_its_target_is_reached
            a_trial_that_a_person_runs_again_is_not_judged_any_more
            a_sweep_ends_when_it_gets_no_better
            a_sweep_ends_when_its_time_is_over
            an_extended_sweep_takes_proposals_again
            extensions_at_one_time_add_up
            failed_trials_are_run_again_and_the_sweep_ends_again
            a_retry_in_a_stopped_sweep_proposes_nothing
            only_what_is_over_and_not_well_is_run_again
            a_stopped_trial_is_told_so_until_it_ends
            a_waiting_trial_is_cancelled_and_may_have_been_the_last
            agents_are_listed_with_what_they_run
            a_drained_agent_goes_on_and_gets_nothing_new
            what_is_taken_from_an_agent_is_queued_again_at_no_cost
            a_person_lifts_a_bench
            claims_beside_a_wish_obey_it_once_it_is_answered
            a_table_has_what_changed_by_number
            failed_trials_are_not_among_the_best
            every_attempt_is_listed_newest_first
            curves_of_many_trials_are_those_of_each
            the_record_of_the_newest_trial_is_found_by_name
            a_layout_is_its_projects_and_the_last_one_counts
            what_is_no_layout_or_of_no_project_is_not_kept
            what_is_noted_on_a_sweep_stays_and_watchers_see_it
            what_is_noted_on_a_trial_is_in_tables_and_outlives_its_attempts
            tags_at_one_time_are_all_heard_up_to_the_most
        }
    };
}
pub(crate) use cases;

/// Instantiates the suite for a backend: `store_contract!(make())`, where `make` gives a guard and an empty store.
macro_rules! store_contract {
    ($make:expr) => {
        crate::contract::cases!(crate::contract::store_contract, $make);

        #[tokio::test]
        async fn a_failed_job_leaves_nothing_behind() {
            let (_guard, store) = $make.await;
            crate::contract::a_failed_job_leaves_nothing_behind(&store).await;
        }

        #[tokio::test]
        async fn a_failed_job_takes_no_number() {
            let (_guard, store) = $make.await;
            crate::contract::a_failed_job_takes_no_number(&store).await;
        }
    };
    ($make:expr; $($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (_guard, store) = $make.await;
            crate::contract::$name(std::sync::Arc::new(store)).await;
        })*
    };
}
pub(crate) use store_contract;

mod agents;
mod annotations;
mod checkpoints;
mod claims;
mod ends;
mod faults;
mod layouts;
mod models;
mod objectives;
mod reports;
mod scene;
mod shown;
mod stops;
mod sweeps;
mod transactions;
mod watching;
mod wishes;

pub(crate) use agents::*;
pub(crate) use annotations::*;
pub(crate) use checkpoints::*;
pub(crate) use claims::*;
pub(crate) use ends::*;
pub(crate) use faults::*;
pub(crate) use layouts::*;
pub(crate) use models::*;
pub(crate) use objectives::*;
pub(crate) use reports::*;
pub(crate) use scene::*;
pub(crate) use shown::*;
pub(crate) use stops::*;
pub(crate) use sweeps::*;
pub(crate) use transactions::*;
pub(crate) use watching::*;
pub(crate) use wishes::*;

type Any = Arc<dyn Store>;
