//! The services that belong to the process rather than to the provider.
//!
//! Only Shutdown does anything. The two streams are opened by the engine and stay
//! silent; they end with the process, because an open stream would hold back a
//! graceful end until the engine kills us.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::wire::plugin::{
    ConnInfo, Empty, StdioData, grpc_broker_server::GrpcBroker,
    grpc_controller_server::GrpcController, grpc_stdio_server::GrpcStdio,
};

/// Says to every part of the process that it is time to end.
#[derive(Clone)]
pub(crate) struct Ending(watch::Sender<bool>);

impl Ending {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn begun(&self) {
        let mut ending = self.0.subscribe();
        // The sender is ours too, so waiting cannot fail before it is over.
        let _ = ending.wait_for(|ending| *ending).await;
    }
}

#[derive(Clone)]
pub(crate) struct Process(pub Ending);

impl Process {
    /// A stream of nothing that lasts as long as the process.
    fn silence<T: Send + 'static>(&self) -> Silence<T> {
        let ending = self.0.clone();
        let (silent, received) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            ending.begun().await;
            drop(silent);
        });
        Box::pin(tokio_stream::wrappers::ReceiverStream::new(received))
    }
}

type Silence<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl GrpcController for Process {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.begin();
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Process {
    type StreamStdioStream = Silence<StdioData>;

    async fn stream_stdio(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        Ok(Response::new(self.silence()))
    }
}

#[tonic::async_trait]
impl GrpcBroker for Process {
    type StartStreamStream = Silence<ConnInfo>;

    async fn start_stream(
        &self,
        _: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        Ok(Response::new(self.silence()))
    }
}
