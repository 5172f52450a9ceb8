//! How long an agent takes from one claim to the next when the trial itself takes no time: `/bin/true`, over and over,
//! against a controller process on SQLite. Run by `./dev bench turnaround`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;

const TRIALS: usize = 200;
/// What the issue asks for, at the median, in milliseconds.
const BAR: i64 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_sweep-agent"));
    let controller = agent.with_file_name("sweep-controller");
    let place = tempfile::tempdir()?;
    let mut serving = Command::new(&controller)
        .args(["--listen", "127.0.0.1:0", "--db"])
        .arg(format!("sqlite://{}", place.path().join("sweep.db").display()))
        .env("RUST_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            format!("cannot start {}: {error}; run ./dev bench turnaround", controller.display())
        })?;
    let mut url = String::new();
    BufReader::new(serving.stdout.take().ok_or("no pipe")?).read_line(&mut url)?;
    let measured = tokio::runtime::Runtime::new()?.block_on(measure(&agent, url.trim(), place.path()));
    serving.kill()?;
    serving.wait()?;
    let mut gaps = measured?;
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2];
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "claim to claim over {TRIALS} trials of /bin/true, one slot: median {median} ms, p90 {} ms, most {} ms ({} the bar of {BAR} ms)",
        gaps[gaps.len() * 9 / 10],
        gaps[gaps.len() - 1],
        if median < BAR { "under" } else { "OVER" },
    )?;
    Ok(())
}

/// Milliseconds between successive claims, by the controller's clock.
async fn measure(
    agent: &PathBuf,
    url: &str,
    place: &std::path::Path,
) -> Result<Vec<i64>, Box<dyn std::error::Error>> {
    let mut client = SweepServiceClient::connect(url.to_owned()).await?;
    let text = format!(
        "program: /bin/true\nmethod: random\nrun_cap: {TRIALS}\nparameters: {{x: {{min: 0.0, max: 1.0}}}}\n"
    );
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = v1::CreateSweepRequest { text, request_id, ..Default::default() };
    let created = client.create_sweep(request).await?.into_inner();
    let sweep = created.sweep.ok_or("no sweep")?.id;
    let status = tokio::process::Command::new(agent)
        .args([&sweep, "--server", url, "--state-dir"])
        .arg(place.join("agents"))
        .env("RUST_LOG", "warn")
        .env("CUDA_VISIBLE_DEVICES", "")
        .status()
        .await?;
    if !status.success() {
        return Err(format!("the agent ended with {status}").into());
    }
    let trials =
        client.list_trials(v1::ListTrialsRequest { sweep, ..Default::default() }).await?.into_inner().trials;
    let mut claimed: Vec<i64> = trials.iter().map(|trial| trial.started_at_ms).collect();
    claimed.sort_unstable();
    Ok(claimed.windows(2).map(|pair| pair[1] - pair[0]).collect())
}
