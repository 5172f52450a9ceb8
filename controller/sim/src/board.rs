//! What a page asks of a controller, timed and weighed.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use prost::Message as _;
use sweep_proto::v1;
use sweep_proto::v1::dashboard_service_client::DashboardServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::Channel;

use crate::print;

/// The largest answer that is taken.
const LARGEST: usize = 64 << 20;

/// Asks a running controller what a page asks, and says how long that took and how large the answers are.
#[derive(Debug, clap::Args)]
pub(crate) struct Board {
    /// The controller
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7878")]
    server: String,

    /// The sweep [default: the newest]
    #[arg(long, default_value = "-")]
    sweep: String,

    /// How often each is asked after the first time
    #[arg(long, default_value_t = 5)]
    times: u32,
}

impl Board {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        runtime.block_on(self.ask())
    }

    async fn ask(&self) -> anyhow::Result<()> {
        let channel = Channel::from_shared(self.server.clone()).context("reading --server")?;
        let channel = channel.connect().await.with_context(|| format!("connecting to {}", self.server))?;
        let board = DashboardServiceClient::new(channel.clone()).max_decoding_message_size(LARGEST);
        let sweeps = SweepServiceClient::new(channel).max_decoding_message_size(LARGEST);
        let sweep = || self.sweep.clone();
        print("call            bytes    first     later (best)\n")?;
        macro_rules! ask {
            ($name:literal, $client:ident.$call:ident($request:expr)) => {{
                let mut times = Vec::new();
                let mut bytes = 0;
                for _ in 0..=self.times {
                    let began = Instant::now();
                    let answer = $client.clone().$call($request).await.context($name)?.into_inner();
                    times.push(began.elapsed());
                    bytes = answer.encoded_len();
                }
                row($name, bytes, &times)?;
            }};
        }
        ask!("GetSweep", sweeps.get_sweep(v1::GetSweepRequest { sweep: sweep() }));
        ask!(
            "ListTrials",
            sweeps.list_trials(v1::ListTrialsRequest { sweep: sweep(), ..Default::default() })
        );
        ask!(
            "GetTrialTable",
            board.get_trial_table(v1::GetTrialTableRequest { sweep: sweep(), ..Default::default() })
        );
        ask!(
            "GetCurveBand",
            board.get_curve_band(v1::GetCurveBandRequest { sweep: sweep(), ..Default::default() })
        );
        ask!(
            "GetTopCurves",
            board.get_top_curves(v1::GetTopCurvesRequest { sweep: sweep(), top: 50, ..Default::default() })
        );
        ask!(
            "GetBestSoFar",
            board.get_best_so_far(v1::GetBestSoFarRequest { sweeps: vec![sweep()], max_points: 0 })
        );
        ask!("GetImportance", board.get_importance(v1::GetImportanceRequest { sweep: sweep() }));
        ask!("GetDataset", board.get_dataset(v1::GetDatasetRequest { sweep: sweep() }));
        ask!("GetAttempts", board.get_attempts(v1::GetAttemptsRequest { sweep: sweep(), since: 0 }));
        ask!("ListAgents", board.list_agents(v1::ListAgentsRequest {}));
        Ok(())
    }
}

fn row(name: &str, bytes: usize, times: &[Duration]) -> anyhow::Result<()> {
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
    let (first, later) = (ms(times.first()), ms(times.iter().skip(1).min()));
    print(&format!("{name:<14} {bytes:>9} {first:>7.1} ms {later:>7.1} ms\n"))
}
