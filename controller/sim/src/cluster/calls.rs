//! Calls of a simulated agent: tried again as the real one's are; and some of them come twice, late and by another way.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use sweep_proto::status::{Reason, may_pass, metadata, reason};
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::machine::Machine;

/// How long an ordinary call may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// First and longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// One request in so many comes once more, up to so much later.
const TWICE: f64 = 0.08;
const LATE: Duration = Duration::from_secs(150);

pub(super) type Client = AgentServiceClient<Channel>;

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nobody answers, or cannot now.
    Away,
    Refused {
        reason: Option<Reason>,
        acknowledged: Option<u64>,
        words: String,
    },
}

pub(super) struct Calls {
    machine: Arc<Machine>,
    client: Client,
    /// Another connection, for what comes late.
    aside: Client,
    chance: Mutex<ChaCha8Rng>,
}

impl Calls {
    pub(super) fn new(machine: &Arc<Machine>, life: u64) -> Self {
        let client = || Client::new(machine.world.network.channel(machine.place));
        let chance = Mutex::new(machine.chance(life << 16 | 1));
        Self { machine: Arc::clone(machine), client: client(), aside: client(), chance }
    }

    /// Something by chance.
    pub(super) fn draw<T>(&self, from: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
        from(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls once.
    pub(super) async fn call<Q, A, F>(
        &self,
        request: Q,
        patience: Duration,
        send: impl Fn(Client, Request<Q>) -> F + Copy + Send + 'static,
    ) -> Result<A, Failed>
    where
        Q: Clone + Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send + 'static,
        A: Send,
    {
        self.machine.awake().await;
        if self.machine.world.is_unruly() && self.draw(|rng| rng.random_bool(TWICE)) {
            let (request, client) = (request.clone(), self.aside.clone());
            let late = self.draw(|rng| LATE.mul_f64(rng.random_range(0.0..1.0)));
            tokio::spawn(async move {
                sleep(late).await;
                // Whoever sent it does not wait for it any more.
                let _ignored = timeout(patience, send(client, timed(request, patience))).await;
            });
        }
        let sent = send(self.client.clone(), timed(request, patience));
        match timeout(patience + PATIENCE, sent).await {
            Err(_) => Err(Failed::Away),
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) if may_pass(&status) => Err(Failed::Away),
            Ok(Err(status)) => Err(Failed::Refused {
                reason: reason(&status),
                acknowledged: metadata(&status, "acknowledged_seq").and_then(|seq| seq.parse().ok()),
                words: status.message().to_owned(),
            }),
        }
    }

    /// Calls until there is an answer.
    pub(super) async fn insist<Q, A, F>(
        &self,
        request: Q,
        patience: Duration,
        send: impl Fn(Client, Request<Q>) -> F + Copy + Send + 'static,
    ) -> Result<A, Failed>
    where
        Q: Clone + Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send + 'static,
        A: Send,
    {
        let mut tries = 0;
        loop {
            match self.call(request.clone(), patience, send).await {
                Err(Failed::Away) => {
                    self.pause(tries).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    /// The pause after so many tries.
    pub(super) async fn pause(&self, tries: u32) {
        let longest = PAUSES.0.saturating_mul(2_u32.saturating_pow(tries)).min(PAUSES.1);
        sleep(self.draw(|rng| longest.mul_f64(rng.random_range(0.5..1.0)))).await;
    }
}

fn timed<Q>(message: Q, patience: Duration) -> Request<Q> {
    let mut request = Request::new(message);
    request.set_timeout(patience);
    request
}
