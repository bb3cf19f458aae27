//! The life of a plugin process: invited, listening, serving, gone.
//!
//! Nobody waits for us at the end. The engine asks for shutdown and kills after
//! two seconds; if it was killed itself it says nothing at all. So we end by
//! ourselves, within [`DRAIN`], and watch whether our parent still lives.

use std::{
    convert::Infallible,
    future::Future,
    io::Write as _,
    os::unix::process::parent_id,
    pin::Pin,
    process::ExitCode,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};

use crate::{
    connection::Connection,
    handshake::{Handshake, HandshakeError, Invitation, SocketPlace},
    hclog::{self, Level},
    process::{Ending, Process},
    provider::Provider,
    server::Server,
    tls::{self, TlsError},
    wire::{
        plugin::{
            grpc_broker_server::GrpcBrokerServer, grpc_controller_server::GrpcControllerServer,
            grpc_stdio_server::GrpcStdioServer,
        },
        tfplugin6::provider_server::ProviderServer,
    },
};

/// The largest message, both ways; the engines allow as much or more. The
/// default of 4 MiB breaks on one large attribute.
const LARGEST_MESSAGE: usize = 256 << 20;
/// How long open requests may take to end after shutdown. The engine kills after two seconds.
const DRAIN: Duration = Duration::from_millis(1000);
/// A client that connects and says nothing gets no longer.
const TLS_PATIENCE: Duration = Duration::from_secs(10);
const PARENT_CHECK: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot {0}: {1}")]
    System(&'static str, std::io::Error),
    #[error("serving ended: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves a provider to the engine that started this process, until it is done.
/// This is all of `main`.
pub fn serve(provider: impl Provider) -> ExitCode {
    let env = |name: &str| std::env::var(name).ok();
    let (name, version) = (provider.name(), provider.version());
    let invitation = match Invitation::read(env) {
        Ok(invitation) => invitation,
        Err(error) => {
            eprintln!("terraform-provider-{name} {version}: {error}");
            return ExitCode::FAILURE;
        }
    };
    hclog::init(name, env);
    // The default hook's text is several lines of raw stderr.
    std::panic::set_hook(Box::new(|panic| {
        hclog::log(Level::Error, &panic.to_string(), &[])
    }));

    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(ServeError::System("start the runtime", error)),
    };
    let result = runtime.block_on(run(Server::new(provider), &invitation));
    // Whatever still runs had its time.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn failed(error: ServeError) -> ExitCode {
    hclog::log(Level::Error, &error.to_string(), &[]);
    ExitCode::FAILURE
}

async fn run<P: Provider>(server: Server<P>, invitation: &Invitation) -> Result<(), ServeError> {
    let ending = Ending::new();
    watch_signals(&ending)?;
    watch_parent(&ending);

    let tls = invitation
        .client_certificate
        .as_deref()
        .map(tls::server)
        .transpose()?;
    let place = SocketPlace::new(&invitation.socket_dir)?;
    let listener =
        UnixListener::bind(place.path()).map_err(|error| ServeError::System("listen", error))?;
    let acceptor = tls
        .as_ref()
        .map(|tls| TlsAcceptor::from(tls.config.clone()));
    let connections = accept(listener, acceptor, ending.clone());

    // Listening already: the engine connects as soon as it has read this.
    let certificate = tls.as_ref().map(|tls| tls.certificate.as_ref());
    let line = Handshake {
        socket: place.path(),
        certificate,
    }
    .line();
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| ServeError::System("write the handshake", error))?;
    drop(stdout);
    hclog::log(Level::Debug, "serving", &[]);

    let process = Process(ending.clone());
    let services = Services {
        provider: ProviderServer::new(server.clone())
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE),
        controller: GrpcControllerServer::new(process.clone()),
        stdio: GrpcStdioServer::new(process.clone()),
        broker: GrpcBrokerServer::new(process),
    };
    let served = tonic::transport::Server::builder().serve_with_incoming_shutdown(
        services,
        ReceiverStream::new(connections),
        ending.begun(),
    );
    let overdue = async {
        ending.begun().await;
        tokio::time::sleep(DRAIN).await;
    };
    // Hung up is not done: an object half made is worth a moment's wait.
    let done = async {
        served.await?;
        server.idle().await;
        Ok::<_, tonic::transport::Error>(())
    };
    tokio::select! {
        done = done => done?,
        () = overdue => hclog::log(Level::Debug, "requests were still open at the end", &[]),
    }
    Ok(())
}

/// SIGINT reaches the whole process group when a user presses Ctrl-C; the engine
/// then tells us what to do, so the signal itself must not end us.
fn watch_signals(ending: &Ending) -> Result<(), ServeError> {
    let cannot = |error| ServeError::System("handle signals", error);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let ending = ending.clone();
    tokio::spawn(async move { while interrupt.recv().await.is_some() {} });
    tokio::spawn(async move {
        terminate.recv().await;
        ending.begin();
    });
    Ok(())
}

/// An engine that was killed says nothing; its child then has another parent.
fn watch_parent(ending: &Ending) {
    let (ending, parent) = (ending.clone(), parent_id());
    tokio::spawn(async move {
        while parent_id() == parent {
            tokio::time::sleep(PARENT_CHECK).await;
        }
        ending.begin();
    });
}

/// Every handshake runs in a task of its own: a client that stalls, or is not the
/// one we were started for, holds up nobody.
fn accept(
    listener: UnixListener,
    acceptor: Option<TlsAcceptor>,
    ending: Ending,
) -> mpsc::Receiver<Result<Connection, Infallible>> {
    let (ready, connections) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        hclog::log(Level::Warn, "cannot accept a connection", &[("error", &error.to_string())]);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = ending.begun() => return,
            };
            let (ready, acceptor) = (ready.clone(), acceptor.clone());
            tokio::spawn(async move {
                if let Some(connection) = shake_hands(stream, acceptor).await {
                    // Nobody receives any more: we are ending.
                    let _ = ready.send(Ok(connection)).await;
                }
            });
        }
    });
    connections
}

async fn shake_hands(stream: UnixStream, acceptor: Option<TlsAcceptor>) -> Option<Connection> {
    let Some(acceptor) = acceptor else {
        return Some(Connection::Plain(stream));
    };
    match tokio::time::timeout(TLS_PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Connection::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            hclog::log(
                Level::Warn,
                "refused a connection",
                &[("error", &error.to_string())],
            );
            None
        }
        Err(_) => {
            hclog::log(Level::Warn, "a client connected and said nothing", &[]);
            None
        }
    }
}

/// All services, told apart by the first part of the request's path.
struct Services<P: Provider> {
    provider: ProviderServer<Server<P>>,
    controller: GrpcControllerServer<Process>,
    stdio: GrpcStdioServer<Process>,
    broker: GrpcBrokerServer<Process>,
}

// Derived, it would ask of the provider itself to be copied.
impl<P: Provider> Clone for Services<P> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            controller: self.controller.clone(),
            stdio: self.stdio.clone(),
            broker: self.broker.clone(),
        }
    }
}

type Reply = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<P: Provider> Service<http::Request<Body>> for Services<P> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = request.uri().path().split('/').nth(1).unwrap_or_default();
        match service {
            <ProviderServer<Server<P>> as NamedService>::NAME => self.provider.call(request),
            <GrpcControllerServer<Process> as NamedService>::NAME => self.controller.call(request),
            <GrpcStdioServer<Process> as NamedService>::NAME => self.stdio.call(request),
            <GrpcBrokerServer<Process> as NamedService>::NAME => self.broker.call(request),
            _ => {
                Box::pin(async { Ok(tonic::Status::unimplemented("no such service").into_http()) })
            }
        }
    }
}
