//! The connection to the controller.

use std::time::Duration;

use sweep_proto::status::root_cause;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::exit::{Exit, Failure};

/// A client of one controller, which knows its name for messages.
pub(crate) struct Client {
    pub(crate) server: String,
    pub(crate) sweeps: SweepServiceClient<Channel>,
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
        let sweeps = SweepServiceClient::new(channel).max_decoding_message_size(256 << 20);
        Ok(Self { server: url, sweeps })
    }

    /// A failure out of a status.
    pub(crate) fn failed(&self, status: &tonic::Status) -> Failure {
        Failure::from_status(&self.server, status)
    }
}
