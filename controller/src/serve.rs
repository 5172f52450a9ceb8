//! One port: gRPC, health, reflection, and plain HTTP beside them.

use std::future::Future;
use std::io;

use anyhow::Context as _;
use sweep_proto::v1::agent_service_server::AgentServiceServer;
use sweep_proto::v1::model_service_server::ModelServiceServer;
use sweep_proto::v1::sweep_service_server::SweepServiceServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpIncoming};

use crate::app::App;
use crate::service::{Agents, Models, Sweeps};
use crate::{files, planner, reaper, web};

/// The largest request: a batch of long log lines.
const LARGEST_REQUEST: usize = 32 << 20;

/// How long answers under way may take once the server is told to stop.
const LAST_ANSWERS: std::time::Duration = std::time::Duration::from_secs(5);

/// Serves until `stop` resolves; then answers what is under way and returns.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    serve_on(TcpIncoming::from(listener).with_nodelay(Some(true)), app, stop).await
}

/// [`serve`] on connections of any kind: a simulated network's, for one.
///
/// # Errors
/// As [`serve`].
pub async fn serve_on<C>(
    connections: impl Stream<Item = io::Result<C>> + Send,
    app: App,
    stop: impl Future<Output = ()> + Send,
) -> anyhow::Result<()>
where
    C: AsyncRead
        + AsyncWrite
        + Connected<ConnectInfo: Clone + Send + Sync + 'static>
        + Unpin
        + Send
        + 'static,
{
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<SweepServiceServer<Sweeps>>().await;
    health.set_serving::<AgentServiceServer<Agents>>().await;
    health.set_serving::<ModelServiceServer<Models>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(sweep_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let broken = "building the reflection service";
    let reflection_v1 = reflection().build_v1().context(broken)?;
    // What older clients ask, Python's among them.
    let reflection_v1alpha = reflection().build_v1alpha().context(broken)?;
    let routes = Routes::from(web::router(app.clone()))
        .add_service(SweepServiceServer::new(Sweeps::new(app.clone())))
        .add_service(
            AgentServiceServer::new(Agents::new(app.clone())).max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(
            ModelServiceServer::new(Models::new(app.clone())).max_decoding_message_size(LARGEST_REQUEST),
        )
        .add_service(health_service)
        .add_service(reflection_v1)
        .add_service(reflection_v1alpha);

    let planner = tokio::spawn(planner::run(app.clone()));
    let reaper = tokio::spawn(reaper::run(app.clone()));
    let cleaner = tokio::spawn(files::clean(app.clone()));
    let token = app.stop.clone();
    let ended = async move {
        stop.await;
        // Calls that are held open end now, so that the server can.
        token.cancel();
    };
    let serving = Server::builder()
        .accept_http1(true)
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(20)))
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, ended);
    let patience = async {
        app.stop.cancelled().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    let served = tokio::select! {
        biased;
        served = serving => served.context("serving"),
        // A peer that hangs keeps its connection; what was acknowledged is on disk, so nothing is lost by leaving.
        () = patience => Ok(()),
    };
    app.stop.cancel();
    planner.await.context("the planner died")?;
    reaper.await.context("the reaper died")?;
    cleaner.await.context("the cleaner of files died")?;
    served
}
