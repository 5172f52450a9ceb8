//! The storm: faults by a seed, several at a time, each healed by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sweep_core::sweep::SweepState;
use sweep_proto::v1;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::fault::{self, Fault, Kind};
use super::life::{Deed, Edge};
use super::run::{CONTROLLER, Cluster, SWEEP};
use super::{LEASE, Plan};

impl Cluster {
    /// One fault after another, some of them at one time, until the time or the sweep is over; then all is healed.
    pub(super) async fn storm(self: &Arc<Self>, plan: &Plan, times: &mut BTreeMap<Kind, u32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        let mut under_way = JoinSet::new();
        let end = Instant::now() + plan.storm;
        while Instant::now() < end && !self.state().await.is_none_or(SweepState::is_over) {
            sleep(plan.pause.mul_f64(rng.random_range(0.05..2.0))).await;
            let fault = fault::next(&mut rng);
            if !plan.kinds.is_empty() && !plan.kinds.contains(&fault.kind) {
                continue;
            }
            let whom = match fault.kind {
                kind if kind.is_the_controllers() => CONTROLLER,
                Kind::SweepPaused => SWEEP,
                _ => fault.at % self.machines.len(),
            };
            // A clock may jump whatever else goes on.
            if fault.kind != Kind::ClockJumps && !self.afflicted().insert(whom) {
                continue;
            }
            *times.entry(fault.kind).or_default() += 1;
            let cluster = Arc::clone(self);
            under_way.spawn(async move {
                cluster.befall(fault).await;
                if fault.kind != Kind::ClockJumps {
                    cluster.afflicted().remove(&whom);
                }
            });
        }
        while under_way.join_next().await.is_some() {}
        self.world.unruly.store(false, Ordering::Relaxed);
        self.say(format_args!("all is well from here on"));
    }

    async fn befall(&self, fault: Fault) {
        let Fault { kind, at, time } = fault;
        if kind.is_the_controllers() {
            self.say(format_args!("{} ({:.0} s)", kind.words(), time.as_secs_f64()));
            return self.befall_controller(fault).await;
        }
        if kind == Kind::ClockJumps {
            let jump = fault::jump(at);
            self.say(format_args!("{}: {} min", kind.words(), jump / 60_000));
            return self.controller.jump(jump);
        }
        if kind == Kind::SweepPaused {
            self.say(format_args!("{} ({:.0} s)", kind.words(), time.as_secs_f64()));
            return self.pause_sweep(time).await;
        }
        let machine = &self.machines[at % self.machines.len()];
        let (network, place) = (&self.world.network, machine.place);
        self.say(format_args!("{}: {} ({:.0} s)", machine.name, kind.words(), time.as_secs_f64()));
        match kind {
            Kind::AgentKilled | Kind::PowerCut | Kind::MachineLost => {
                match kind {
                    Kind::AgentKilled => machine.kill_agent(),
                    Kind::PowerCut => machine.cut_power(),
                    _ => machine.lose(),
                }
                // An agent's end is told by its kernel; that of a whole machine by nobody, every other time.
                if kind == Kind::AgentKilled || at / 64 % 2 == 0 {
                    network.break_of(place);
                } else {
                    network.forget(place);
                }
                sleep(time).await;
                machine.start();
            }
            Kind::MachineFrozen => {
                machine.freeze(true);
                network.hold(place);
                sleep(time).await;
                network.calm(place);
                machine.freeze(false);
            }
            Kind::Flapping => {
                for _ in 0..time.as_secs() / 4 {
                    network.set(place, |weather| weather.cut = true);
                    sleep(Duration::from_secs(2)).await;
                    network.calm(place);
                    sleep(Duration::from_secs(2)).await;
                }
            }
            Kind::Forgotten => network.forget(place),
            _ => {
                let slow = Duration::from_millis(50 << (at / 64 % 6));
                network.set(place, |weather| match kind {
                    Kind::Cut => weather.cut = true,
                    Kind::RequestsLost => weather.up.held = true,
                    Kind::AnswersLost => weather.down.held = true,
                    _ => (weather.up.jitter, weather.down.jitter) = (slow, slow),
                });
                sleep(time).await;
                network.calm(place);
            }
        }
    }

    /// Whether it is resumed is settled in the end.
    async fn pause_sweep(&self, time: Duration) {
        let (mut client, sweep) = (self.client.clone(), self.world.sweep.clone());
        let pause = v1::PauseSweepRequest { sweep: sweep.clone() };
        let resume = v1::ResumeSweepRequest { sweep };
        let _refused = timeout(time, client.pause_sweep(pause)).await;
        sleep(time).await;
        let _refused = timeout(time, client.resume_sweep(resume)).await;
    }

    async fn befall_controller(&self, fault: Fault) {
        let Fault { kind, at, time } = fault;
        let (controller, network) = (&self.controller, &self.world.network);
        let Some(life) = controller.life() else { return };
        match kind {
            Kind::ControllerFrozen => {
                life.freeze(true);
                network.still(true);
                sleep(time).await;
                network.still(false);
                life.freeze(false);
            }
            Kind::DiskFull => {
                life.fill(true);
                sleep(time).await;
                life.fill(false);
            }
            Kind::ControllerRestarted => {
                controller.stop().await;
                sleep(time.div_f64(8.0)).await;
                controller.start();
            }
            _ => {
                if kind == Kind::ControllerDies {
                    let deed = Deed::AIMS[at / 2 % Deed::AIMS.len()];
                    let edge = if at.is_multiple_of(2) { Edge::Before } else { Edge::After };
                    self.say(format_args!("it dies {edge:?} the commit of a {deed:?}"));
                    life.doom(deed, edge);
                    // Should there be none, it dies all the same.
                    let _died = timeout(LEASE * 4, life.died.notified()).await;
                }
                controller.kill();
                sleep(time.div_f64(2.0)).await;
                controller.start();
            }
        }
    }
}
