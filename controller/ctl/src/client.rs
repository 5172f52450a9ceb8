//! The connection to the controller.

use std::time::Duration;

use sweep_proto::status::root_cause;
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::model_service_client::ModelServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::exit::{Exit, Failure};

/// A client of one controller, which knows its name for messages.
pub(crate) struct Client {
    pub(crate) server: String,
    pub(crate) sweeps: SweepServiceClient<Channel>,
    /// Of which it uses what agents and people have in common: files.
    pub(crate) agents: AgentServiceClient<Channel>,
    pub(crate) models: ModelServiceClient<Channel>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the address is no URL, or nobody answers there.
    pub(crate) async fn connect(server: &str) -> Result<Self, Failure> {
        let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let bad = || {
            Failure::new(
                Exit::Usage,
                format!("`{server}` is no address of a controller\n  write it as http://HOST:7878"),
            )
        };
        let endpoint = Endpoint::from_shared(url.clone())
            .map_err(|_| bad())?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        let channel =
            endpoint.connect().await.map_err(|error| Failure::unreachable(&url, &root_cause(&error)))?;
        // Trials of a long sweep with many metrics are more than the 4 MiB of the default.
        let sweeps = SweepServiceClient::new(channel.clone()).max_decoding_message_size(256 << 20);
        let models = ModelServiceClient::new(channel.clone());
        Ok(Self { server: url, sweeps, agents: AgentServiceClient::new(channel), models })
    }

    /// A failure out of a status.
    pub(crate) fn failed(&self, status: &tonic::Status) -> Failure {
        Failure::from_status(&self.server, status)
    }

    /// One trial with its attempts and records.
    pub(crate) async fn trial(&mut self, trial: &str) -> Result<(v1::Trial, v1::GetTrialResponse), Failure> {
        let request = v1::GetTrialRequest { trial: trial.to_owned() };
        let reply = self.sweeps.get_trial(request).await.map_err(|status| self.failed(&status))?;
        let mut reply = reply.into_inner();
        Ok((present(reply.trial.take())?, reply))
    }
}

/// An answer without its message is another version's.
pub(crate) fn present<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| {
        Failure::new(Exit::Unexpected, "the controller's answer is incomplete: is it of another version?")
    })
}
