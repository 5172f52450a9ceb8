//! A real controller over a real SQLite file, on a port of its own, and real agent processes.

pub(crate) use sweep_sim::proxy;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sweep_controller::artifacts::Artifacts;
use sweep_controller::files::Keeping;
use sweep_controller::{App, serve};
use sweep_core::retention::Retention;
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_store::SqliteStore;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// How long anything may take before a test fails. Nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Controller {
    pub(crate) folder: TempDir,
    address: SocketAddr,
    lease: Duration,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Controller {
    pub(crate) async fn start(lease: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut controller = Self {
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            lease,
            stop: CancellationToken::new(),
            serving: None,
        };
        controller.resume().await;
        controller
    }

    /// Starts it again, over the same file and on the same port.
    pub(crate) async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let store = SqliteStore::open(&self.folder.path().join("sweep.db")).await.unwrap();
        let place = |name: &str| self.folder.path().join(name);
        let artifacts =
            Artifacts::open(&place("artifacts").to_string_lossy(), &place("incoming")).await.unwrap();
        let keeping = Keeping { artifacts, retention: Retention::default() };
        let app = App::new(Arc::new(store), self.lease).with_files(keeping);
        self.stop = CancellationToken::new();
        let stop = self.stop.clone();
        self.serving = Some(tokio::spawn(async move {
            serve(listener, app, stop.cancelled_owned()).await.unwrap();
        }));
    }

    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A network of ours between it and whoever uses the proxy's address.
    pub(crate) async fn proxy(&self) -> proxy::Proxy {
        proxy::Proxy::before(vec![self.address]).await.unwrap()
    }

    /// The directories of the attempts that agents hold.
    pub(crate) fn attempt_dirs(&self) -> Vec<PathBuf> {
        let agents = std::fs::read_dir(self.folder.path().join("agents")).into_iter().flatten().flatten();
        let trials =
            agents.flat_map(|agent| std::fs::read_dir(agent.path().join("trials")).into_iter().flatten());
        trials.flatten().map(|trial| trial.path()).collect()
    }

    /// Waits for a file that a trial's script makes, and reads it.
    pub(crate) async fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        until(&format!("the trial makes {name}"), || async { path.exists() }).await;
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    /// Lets the trials' scripts go on that wait for it.
    pub(crate) fn touch(&self, name: &str) {
        std::fs::write(self.folder.path().join(name), "").unwrap();
    }

    pub(crate) async fn client(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::connect(self.url()).await.unwrap()
    }

    pub(crate) async fn create(&self, text: &str) -> String {
        let request_id = uuid::Uuid::now_v7().to_string();
        let request = v1::CreateSweepRequest { text: text.to_owned(), request_id, ..Default::default() };
        self.client().await.create_sweep(request).await.unwrap().into_inner().sweep.unwrap().id
    }

    pub(crate) async fn cancel(&self, sweep: &str) {
        self.client().await.cancel_sweep(v1::CancelSweepRequest { sweep: sweep.to_owned() }).await.unwrap();
    }

    pub(crate) async fn trials(&self, sweep: &str) -> Vec<v1::Trial> {
        let request = v1::ListTrialsRequest { sweep: sweep.to_owned(), ..Default::default() };
        let mut trials = self.client().await.list_trials(request).await.unwrap().into_inner().trials;
        trials.sort_by_key(|trial| trial.number);
        trials
    }

    /// State of the first trial, in words, with its attempt.
    pub(crate) async fn first(&self, sweep: &str) -> (String, u32) {
        let trials = self.trials(sweep).await;
        trials
            .first()
            .map_or_else(Default::default, |trial| (trial_state_word(trial.state).to_owned(), trial.attempt))
    }

    pub(crate) async fn attempts(&self, trial: &str) -> Vec<v1::Attempt> {
        let request = v1::GetTrialRequest { trial: trial.to_owned() };
        self.client().await.get_trial(request).await.unwrap().into_inner().attempts
    }

    /// Steps of the checkpoints to go on from whose files are stored.
    pub(crate) async fn stored(&self, trial: &str) -> Vec<u64> {
        let request = v1::GetTrialRequest { trial: trial.to_owned() };
        let answer = self.client().await.get_trial(request).await.map(tonic::Response::into_inner);
        let checkpoints = answer.map(|answer| answer.checkpoints).unwrap_or_default();
        checkpoints.iter().filter(|one| one.stored && one.resume).map(|one| one.step).collect()
    }

    pub(crate) async fn logs(&self, trial: &str) -> Vec<String> {
        let request = v1::GetLogsRequest { trial: trial.to_owned(), ..Default::default() };
        let lines = self.client().await.get_logs(request).await.unwrap().into_inner().lines;
        lines.into_iter().filter_map(|entry| Some(entry.line?.text)).collect()
    }

    pub(crate) async fn curve(&self, trial: &str, name: &str) -> v1::Curve {
        let request = v1::GetMetricsRequest {
            trial: trial.to_owned(),
            names: vec![name.to_owned()],
            max_points: 100_000,
        };
        // A trial that is not proposed yet has no curve either.
        let answer = self.client().await.get_metrics(request).await.map(tonic::Response::into_inner);
        answer.ok().and_then(|mut answer| answer.curves.pop()).unwrap_or_default()
    }

    /// An agent of this controller, to be started; its state lies beside the database.
    pub(crate) fn agent(&self, sweep: &str) -> Command {
        self.agent_by(sweep, &self.url())
    }

    /// As [`Self::agent`], by another address.
    pub(crate) fn agent_by(&self, sweep: &str, url: &str) -> Command {
        let mut agent = Command::new(env!("CARGO_BIN_EXE_sweep-agent"));
        agent
            .args([sweep, "--server", url, "--state-dir"])
            .arg(self.folder.path().join("agents"))
            .current_dir(self.folder.path())
            // No GPU slots, wherever this runs.
            .env("CUDA_VISIBLE_DEVICES", "")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        agent
    }
}

/// A started agent; killed with everything it left if the test fails.
pub(crate) struct Agent(Option<Child>);

impl Agent {
    pub(crate) fn start(mut command: Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.0.as_ref().unwrap());
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; its exit code (128 + signal when killed) and what it said.
    pub(crate) async fn end(mut self) -> (i32, String) {
        use std::os::unix::process::ExitStatusExt as _;
        let child = self.0.take().unwrap();
        let waiting = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let output: Output = tokio::time::timeout(PATIENCE, waiting).await.expect("the agent ends").unwrap();
        let status = output.status;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap();
        (code, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ended = child.kill();
        }
    }
}

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Cargo builds the examples of a package together with its tests.
pub(crate) fn talker() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_sweep-agent")).with_file_name("examples/talker");
    assert!(path.exists(), "{} is not built; run cargo build --examples", path.display());
    path
}

/// A sweep of one shell script.
pub(crate) fn script(run_cap: u32, script: &str) -> String {
    let script = serde_json::Value::from(script);
    format!(
        "command: [/bin/sh, -c, {script}]\nmethod: random\nrun_cap: {run_cap}\nparameters: {{a: {{min: 0.0, max: 1.0}}}}\n"
    )
}

pub(crate) fn signal(pid: &str, signal: Signal) {
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), signal).unwrap();
}

pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie is dead, whoever has yet to bury it.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
