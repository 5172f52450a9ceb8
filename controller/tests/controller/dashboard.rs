//! What a web page asks, as a browser asks it: by gRPC-web over HTTP/1.1.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use prost::Message;
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::dashboard_service_client::DashboardServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_proto::v1::watch_all_response::News;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::process::{Server, sqlite};

/// The bit of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// An answer as it comes in: chunks of HTTP/1.1, and frames of gRPC-web in them.
struct Answer {
    from: BufReader<TcpStream>,
    /// What has come of the next frames.
    read: Vec<u8>,
}

impl Answer {
    /// Sends a request by hand.
    fn to(url: &str, method: &str, message: &impl Message) -> Self {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut body = vec![0];
        body.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
        body.extend(message.encode_to_vec());
        let head = format!(
            "POST /sweep.v1.{method} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/grpc-web+proto\r\n\
             X-Grpc-Web: 1\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let mut answer = Self { from: BufReader::new(stream), read: Vec::new() };
        let head = answer.head();
        assert!(head[0].starts_with("http/1.1 200"), "{head:?}");
        assert!(head.iter().any(|line| line == "transfer-encoding: chunked"), "{head:?}");
        answer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim_end().to_lowercase()
    }

    fn head(&mut self) -> Vec<String> {
        std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect()
    }

    /// Reads one more chunk; whether there was one.
    fn chunk(&mut self) -> bool {
        let size = usize::from_str_radix(&self.line(), 16).unwrap();
        let before = self.read.len();
        self.read.resize(before + size, 0);
        self.from.read_exact(&mut self.read[before..]).unwrap();
        self.line();
        size > 0
    }

    /// The next frame: its flags and what is in it.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let length = |read: &[u8]| {
            let bytes: [u8; 4] = read.get(1..5)?.try_into().ok()?;
            Some(5 + u32::from_be_bytes(bytes) as usize)
        };
        while length(&self.read).is_none_or(|length| self.read.len() < length) {
            if !self.chunk() {
                assert!(self.read.is_empty(), "the answer ends within a frame");
                return None;
            }
        }
        let frame: Vec<u8> = self.read.drain(..length(&self.read).unwrap()).collect();
        Some((frame[0], frame[5..].to_vec()))
    }

    /// The next message; `None`: it ended well.
    fn message<T: Message + Default>(&mut self) -> Option<T> {
        let (flags, data) = self.frame().expect("trailers come before the end");
        if flags & TRAILERS == 0 {
            return Some(T::decode(&*data).unwrap());
        }
        let trailers = String::from_utf8(data).unwrap();
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
        assert_eq!(self.frame(), None);
        None
    }
}

/// An agent on a server of its own, with a sweep.
struct Lab {
    server: Server,
    agents: AgentServiceClient<Channel>,
    agent: String,
    sweep: String,
    _folder: tempfile::TempDir,
}

const FILE: &str = "program: train.py\nmethod: random\nseed: 1\nrun_cap: 20\nmetric: {name: f1, goal: maximize}\n\
                    parameters: {lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}, net: {values: [a, b]}}\n";

impl Lab {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&sqlite(&folder.path().join("sweep.db")));
        let request = v1::CreateSweepRequest {
            text: FILE.to_owned(),
            request_id: Uuid::now_v7().to_string(),
            ..Default::default()
        };
        let mut sweeps = SweepServiceClient::new(server.channel().await);
        let sweep = sweeps.create_sweep(request).await.unwrap().into_inner().sweep.unwrap().id;
        let agent = Uuid::now_v7().to_string();
        let mut agents = AgentServiceClient::new(server.channel().await);
        let register = v1::RegisterRequest {
            agent_id: agent.clone(),
            name: "box".to_owned(),
            sweep_id: sweep.clone(),
            slots: 2,
            ..Default::default()
        };
        agents.register(register).await.unwrap();
        Self { server, agents, agent, sweep, _folder: folder }
    }

    async fn claim(&self, wait_ms: u64) -> v1::claim_response::Outcome {
        let claim = v1::ClaimRequest {
            agent_id: self.agent.clone(),
            sweep_id: self.sweep.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms,
        };
        self.agents.clone().claim(claim).await.unwrap().into_inner().outcome.unwrap()
    }

    async fn trial(&self) -> v1::Assignment {
        match self.claim(20_000).await {
            v1::claim_response::Outcome::Assignment(trial) => trial,
            other => panic!("{other:?}"),
        }
    }

    async fn report(&self, trial: &v1::Assignment, seq: u64, value: f64) {
        let point =
            v1::MetricPoint { step: seq, epoch: None, values: HashMap::from([("f1".to_owned(), value)]) };
        let kind = Some(v1::event::Kind::Metrics(point));
        let report = v1::ReportRequest {
            trial_id: trial.trial_id.clone(),
            attempt: trial.attempt,
            events: vec![v1::Event { seq, at_ms: 1_000 + seq.cast_signed(), kind }],
        };
        self.agents.clone().report(report).await.unwrap();
    }

    async fn dashboard(&self) -> DashboardServiceClient<Channel> {
        DashboardServiceClient::new(self.server.channel().await)
    }
}

fn doubles(column: Option<v1::NumberColumn>) -> Vec<f64> {
    let column = column.unwrap();
    assert_eq!(column.encoding(), v1::NumberEncoding::F64);
    column.data.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_asks_for_a_table_over_http_1() {
    let lab = Lab::open().await;
    let mut objectives = Vec::new();
    for value in [0.1, 0.7] {
        let trial = lab.trial().await;
        lab.report(&trial, 1, value).await;
        objectives.push(value);
    }
    let (url, sweep) = (lab.server.url.clone(), lab.sweep.clone());
    let request = v1::GetTrialTableRequest { sweep, ..Default::default() };
    let asking = tokio::task::spawn_blocking(move || {
        let mut answer = Answer::to(&url, "DashboardService/GetTrialTable", &request);
        let table: v1::GetTrialTableResponse = answer.message().unwrap();
        assert_eq!(answer.message::<v1::GetTrialTableResponse>(), None);
        table.table.unwrap()
    });
    let table = asking.await.unwrap();
    assert!(
        table.rows > 2 && u64::from(table.rows) == table.total && !table.more,
        "some are queued: {table:?}"
    );
    let running = u8::try_from(i32::from(v1::TrialState::Running)).unwrap();
    assert_eq!(table.states[..2], [running, running]);
    assert_eq!(doubles(table.objective)[..2], objectives);
    let params: Vec<_> = table.params.iter().map(|param| (&*param.name, param.varying, param.log)).collect();
    assert_eq!(params, [("lr", true, true), ("net", true, false)]);
    assert_eq!(doubles(table.metrics[0].last.clone())[..2], objectives);
    assert_eq!(table.agents.unwrap().words, ["box"]);
}

/// What a stream says, told as it comes.
fn follow(url: String, request: v1::WatchAllRequest) -> std::sync::mpsc::Receiver<Option<News>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = Answer::to(&url, "DashboardService/WatchAll", &request);
        while let Some(message) = answer.message::<v1::WatchAllResponse>() {
            if sender.send(message.news).is_err() {
                return;
            }
        }
        let _gone = sender.send(None);
    });
    receiver
}

/// The next of the news that is what is looked for.
fn next<T>(news: &std::sync::mpsc::Receiver<Option<News>>, mut wanted: impl FnMut(News) -> Option<T>) -> T {
    loop {
        let one = news.recv_timeout(Duration::from_secs(20)).expect("the stream says something");
        if let Some(found) = wanted(one.expect("it has not ended")) {
            return found;
        }
    }
}

fn curve(news: News) -> Option<v1::CurveNews> {
    if let News::Curve(curve) = news { Some(curve) } else { None }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_tells_all_that_is_followed_and_ends_with_the_server() {
    let lab = Lab::open().await;
    let trial = lab.trial().await;
    lab.report(&trial, 1, 0.1).await;
    let name = format!("{}/{}", lab.sweep, trial.number);
    let watch_curves = v1::WatchCurves { trial: name.clone(), metrics: vec![], held: vec![] };
    let request = v1::WatchAllRequest {
        sweeps: true,
        agents: true,
        tables: vec![v1::WatchTable { sweep: lab.sweep.clone(), since: 0, metrics: vec![] }],
        curves: vec![watch_curves.clone()],
        logs: vec![v1::WatchLog { trial: "nosuch/1".to_owned(), attempt: 0, after: 0 }],
    };
    let news = follow(lab.server.url.clone(), request);
    let mut kinds = Vec::new();
    let told = next(&news, |one| {
        kinds.push(match &one {
            News::Sweeps(_) => "sweeps",
            News::Agents(_) => "agents",
            News::Table(_) => "table",
            _ => "curve",
        });
        curve(one)
    });
    assert_eq!(kinds, ["sweeps", "agents", "table", "curve"], "each first comes at once");
    assert!(told.replace && told.total == 1, "{told:?}");
    let refused = next(&news, |one| if let News::Refused(refused) = one { Some(refused) } else { None });
    assert_eq!(refused.what, "nosuch/1");
    // A point is seen within a second of its report.
    for seq in 2..5 {
        let before = Instant::now();
        lab.report(&trial, seq, 0.2).await;
        let told = next(&news, |one| curve(one).filter(|curve| curve.total == seq));
        assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
        assert!(!told.replace && told.last_step == seq, "{told:?}");
    }
    let held = v1::HeldCurve { metric: "f1".to_owned(), total: 4, last_step: 4, last_at_ms: 1_004 };
    let again = v1::WatchAllRequest {
        curves: vec![v1::WatchCurves { held: vec![held], ..watch_curves }],
        ..Default::default()
    };
    let resumed = follow(lab.server.url.clone(), again);
    lab.report(&trial, 5, 0.3).await;
    let told = next(&resumed, curve);
    assert!(!told.replace && told.total == 5, "what is held is not told again: {told:?}");

    let pid = rustix::process::Pid::from_child(&lab.server.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    for stream in [news, resumed] {
        while stream.recv_timeout(Duration::from_secs(20)).expect("the stream ends in order").is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_agent_waits_until_it_is_wanted_again() {
    let lab = Lab::open().await;
    let mut dashboard = lab.dashboard().await;
    let running = lab.trial().await;
    let drain = v1::DrainAgentRequest { agent: "box".to_owned(), reason: "new driver".to_owned() };
    let agent = dashboard.drain_agent(drain).await.unwrap().into_inner().agent.unwrap();
    assert_eq!((agent.state(), &*agent.reason), (v1::AgentState::Drained, "new driver"));
    assert_eq!(agent.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [running.number]);
    assert!(agent.last_seen_ms >= agent.registered_at_ms);
    let v1::claim_response::Outcome::Idle(idle) = lab.claim(0).await else { panic!("it got something") };
    assert_eq!(idle.reason, "agent box is drained: new driver");
    lab.report(&running, 1, 0.5).await;
    // One that waits is woken by the wish.
    let resume = async {
        let prefix = lab.agent[..20].to_owned();
        dashboard.resume_agent(v1::ResumeAgentRequest { agent: prefix }).await.unwrap().into_inner()
    };
    let (waiting, resumed) = tokio::join!(lab.claim(30_000), resume);
    assert!(matches!(waiting, v1::claim_response::Outcome::Assignment(_)), "{waiting:?}");
    assert_eq!(resumed.agent.unwrap().state(), v1::AgentState::Active);
    let unknown =
        dashboard.resume_agent(v1::ResumeAgentRequest { agent: "other".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_agent_hears_at_once_that_it_lost_its_trials() {
    let lab = Lab::open().await;
    let mut dashboard = lab.dashboard().await;
    let running = lab.trial().await;
    let held = v1::AttemptRef { trial_id: running.trial_id.clone(), attempt: running.attempt };
    let beat = v1::HeartbeatRequest { agent_id: lab.agent.clone(), held: vec![held], wait_ms: 30_000 };
    let mut agents = lab.agents.clone();
    let silent = v1::QuarantineAgentRequest { agent: "box".to_owned(), reason: " ".to_owned() };
    assert_eq!(dashboard.quarantine_agent(silent).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let quarantine = v1::QuarantineAgentRequest { agent: "box".to_owned(), reason: "ECC errors".to_owned() };
    let before = Instant::now();
    let (beaten, quarantined) = tokio::join!(agents.heartbeat(beat), dashboard.quarantine_agent(quarantine));
    assert!(before.elapsed() < Duration::from_secs(15), "the verdict came at its leisure");
    let verdict = beaten.unwrap().into_inner().verdicts.remove(0).verdict.unwrap();
    assert_eq!(verdict.kind(), v1::VerdictKind::Lost, "{verdict:?}");
    let quarantined = quarantined.unwrap().into_inner();
    assert_eq!(quarantined.taken, [format!("{}/{}", lab.sweep, running.number)]);
    assert!(quarantined.agent.unwrap().trials.is_empty());
    let trial = quarantined.taken[0].clone();
    let mut sweeps = SweepServiceClient::new(lab.server.channel().await);
    let reply = sweeps.get_trial(v1::GetTrialRequest { trial }).await.unwrap().into_inner();
    assert_eq!(reply.trial.unwrap().state(), v1::TrialState::Queued);
    assert_eq!(reply.attempts[0].ended, "handed back: agent box was quarantined: ECC errors");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_band_grows_with_the_curves_and_little_is_known_of_few_trials() {
    let lab = Lab::open().await;
    let mut dashboard = lab.dashboard().await;
    let (one, two) = (lab.trial().await, lab.trial().await);
    for (trial, value) in [(&one, 0.25), (&two, 0.5)] {
        lab.report(trial, 1, value).await;
    }
    let asked =
        v1::GetCurveBandRequest { sweep: lab.sweep.clone(), quantiles: vec![0.0, 1.0], ..Default::default() };
    let band = dashboard.get_curve_band(asked.clone()).await.unwrap().into_inner();
    assert_eq!((&*band.metric, band.trials), ("f1", 2));
    let ends = |band: &v1::GetCurveBandResponse| -> Vec<f64> {
        let columns = band.quantiles.iter().map(|one| one.values.clone().unwrap());
        // One place is a constant; of two both are floats that 32 bits hold.
        let last = |column: v1::NumberColumn| match column.encoding() {
            v1::NumberEncoding::Constant => column.offset,
            v1::NumberEncoding::F32 => {
                f64::from(f32::from_le_bytes(column.data[column.data.len() - 4..].try_into().unwrap()))
            }
            other => panic!("{other:?}"),
        };
        columns.map(last).collect()
    };
    assert_eq!(ends(&band), [0.25, 0.5]);
    lab.report(&two, 2, 0.75).await;
    let band = dashboard.get_curve_band(asked).await.unwrap().into_inner();
    assert_eq!(ends(&band), [0.75, 0.75], "one curve reaches so far");
    let top = v1::GetTopCurvesRequest { sweep: lab.sweep.clone(), ..Default::default() };
    let top = dashboard.get_top_curves(top).await.unwrap().into_inner();
    assert_eq!(top.curves.iter().map(|curve| curve.number).collect::<Vec<_>>(), [two.number, one.number]);
    let window = v1::GetTopCurvesRequest {
        sweep: lab.sweep.clone(),
        numbers: vec![two.number],
        axis: v1::CurveAxis::Seconds.into(),
        from: Some(0.001),
        ..Default::default()
    };
    let backwards = v1::GetTopCurvesRequest { until: Some(0.0), ..window.clone() };
    let window = dashboard.get_top_curves(window).await.unwrap().into_inner().curves.remove(0);
    assert_eq!(
        (window.total, window.began_at_ms),
        (2, 1_001),
        "its point, and the one that the line comes from"
    );
    let refused = dashboard.get_top_curves(backwards).await.unwrap_err();
    assert!(refused.message().contains("until"), "{refused:?}");
    let best = v1::GetBestSoFarRequest { sweeps: vec![lab.sweep.clone()], max_points: 0 };
    let best = dashboard.get_best_so_far(best).await.unwrap().into_inner().sweeps.remove(0);
    assert_eq!((best.last_number, &*best.none), (two.number.max(one.number), ""));
    let importance = v1::GetImportanceRequest { sweep: lab.sweep.clone() };
    let importance = dashboard.get_importance(importance).await.unwrap().into_inner();
    assert!(
        importance.method == "PED-ANOVA" && importance.none.contains("needs 20 trials"),
        "{importance:?}"
    );
    let dataset = v1::GetDatasetRequest { sweep: lab.sweep.clone() };
    assert_eq!(dashboard.get_dataset(dataset).await.unwrap().into_inner().trial_number, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_is_found_by_a_sweep_of_its_project_and_odd_ones_are_refused() {
    let lab = Lab::open().await;
    let mut dashboard = lab.dashboard().await;
    let of_sweep = v1::GetLayoutRequest { of: Some(v1::get_layout_request::Of::Sweep("-".to_owned())) };
    let nothing = dashboard.get_layout(of_sweep.clone()).await.unwrap().into_inner();
    assert_eq!((&*nothing.project, &*nothing.layout_json), ("", ""));
    let set = |project: &str, layout_json: &str| v1::SetLayoutRequest {
        project: project.to_owned(),
        layout_json: layout_json.to_owned(),
    };
    dashboard.set_layout(set("", "{\"columns\":[\"number\"]}")).await.unwrap();
    let of_project = v1::GetLayoutRequest { of: Some(v1::get_layout_request::Of::Project(String::new())) };
    for asked in [of_sweep, of_project] {
        let kept = dashboard.get_layout(asked).await.unwrap().into_inner();
        assert_eq!(kept.layout_json, "{\"columns\":[\"number\"]}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    for (project, layout, code, words) in [
        ("", "columns", tonic::Code::InvalidArgument, "a layout is a JSON object"),
        ("", &*large, tonic::Code::InvalidArgument, "65536 are the most"),
        ("nowhere", "{}", tonic::Code::NotFound, "no sweep is of project `nowhere`"),
    ] {
        let refused = dashboard.set_layout(set(project, layout)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(refused.message().contains(words), "{refused:?}");
    }
    let unsaid = dashboard.get_layout(v1::GetLayoutRequest { of: None }).await.unwrap_err();
    assert_eq!(unsaid.code(), tonic::Code::InvalidArgument);
}
