//! Binding, serving and stopping.

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, ResponseError,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Notify, watch},
};

use super::{frame, management, management::Readiness, metrics::Metrics, unread};
use crate::Problem;

/// Where and how a process serves.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The public port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The management port.
    pub management_listen: SocketAddr,
    /// Worker threads for the public port.
    pub workers: usize,
    /// How long requests in flight may take after a stop was asked for.
    pub shutdown_timeout: Duration,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
}

impl ServerOptions {
    /// The default limits for these addresses.
    #[must_use]
    pub fn new(listen: SocketAddr, management_listen: SocketAddr) -> Self {
        Self {
            listen,
            management_listen,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            shutdown_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(5),
        }
    }
}

/// A bound server that has not begun to serve.
pub struct Bound {
    public: Server,
    management: Server,
    closing: watch::Sender<bool>,
    /// The public address, the port filled in.
    pub address: SocketAddr,
    /// The management address, the port filled in.
    pub management_address: SocketAddr,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Among the application data of the management port: tells answers without an end that the server stops.
#[derive(Debug, Clone)]
pub struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Waits until the server begins to stop.
    pub async fn begun(&self) {
        // A sender that is gone is a server that is gone.
        drop(self.0.clone().wait_for(|closing| *closing).await);
    }
}

/// Stops a server from elsewhere.
#[derive(Debug, Clone)]
pub struct Stop {
    public: ServerHandle,
    management: ServerHandle,
    closing: watch::Sender<bool>,
}

impl Stop {
    /// Stops accepting, finishes what is in flight within the limit, then returns.
    pub async fn gracefully(&self) {
        self.closing.send_replace(true);
        self.public.stop(true).await;
        self.management.stop(true).await;
    }

    /// Drops what is in flight.
    pub async fn now(&self) {
        self.closing.send_replace(true);
        self.public.stop(false).await;
        self.management.stop(false).await;
    }
}

/// Binds both ports. `public` and `private` add a service's routes and data; every worker calls them.
pub fn bind<P, M>(options: &ServerOptions, shared: Shared, public: P, private: M) -> io::Result<Bound>
where
    P: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    M: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let closing = watch::Sender::new(false);
    let metrics = Data::new(shared.metrics.clone());
    let public = HttpServer::new(move || {
        App::new()
            .app_data(metrics.clone())
            .configure(extractor_errors)
            .configure(public.clone())
            .default_service(web::route().to(unknown))
            .wrap(from_fn(frame::around))
            .wrap(from_fn(unread::keep_reader))
    })
    .workers(options.workers)
    .client_request_timeout(options.head_timeout)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .bind(options.listen)?;
    let address = first_address(&public.addrs())?;

    let metrics = Data::new(shared.metrics);
    let readiness = Data::new(shared.readiness);
    let ends = Data::new(Closing(closing.subscribe()));
    let management = HttpServer::new(move || {
        App::new()
            .app_data(ends.clone())
            .app_data(metrics.clone())
            .app_data(readiness.clone())
            .configure(extractor_errors)
            .configure(management::routes)
            .configure(private.clone())
            .default_service(web::route().to(unknown))
            .wrap(from_fn(frame::around))
            .wrap(from_fn(unread::keep_reader))
    })
    .workers(1)
    .client_request_timeout(options.head_timeout)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .bind(options.management_listen)?;
    let management_address = first_address(&management.addrs())?;
    Ok(Bound { public: public.run(), management: management.run(), closing, address, management_address })
}

/// What both ports share.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// What `/readyz` asks.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

fn first_address(addresses: &[SocketAddr]) -> io::Result<SocketAddr> {
    addresses.first().copied().ok_or_else(|| io::Error::other("no address was bound"))
}

impl Bound {
    /// A handle that stops this server.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop {
            public: self.public.handle(),
            management: self.management.handle(),
            closing: self.closing.clone(),
        }
    }

    /// Serves until stopped through [`Stop`].
    pub async fn run(self) -> io::Result<()> {
        let (public, management) = futures_util::future::join(self.public, self.management).await;
        public.and(management)
    }

    /// Serves until SIGINT or SIGTERM, then stops gracefully.
    pub async fn run_until(self, signals: Signals) -> io::Result<()> {
        self.run_until_after(signals, std::future::ready(Ok(()))).await
    }

    /// The same, but the public port begins when `ready` is done; connections made before wait in
    /// the kernel's queue. The management port answers at once. A failure of `ready` stops both.
    pub async fn run_until_after(
        self,
        signals: Signals,
        ready: impl Future<Output = io::Result<()>>,
    ) -> io::Result<()> {
        let stop = self.stop();
        let Self { public, management, .. } = self;
        let stopping = Notify::new();
        let signalled = async {
            signals.first().await;
            stopping.notify_one();
            stop.gracefully().await;
        };
        let public = async {
            tokio::select! {
                done = ready => match done {
                    Ok(()) => public.await,
                    Err(error) => {
                        drop(public);
                        stop.gracefully().await;
                        Err(error)
                    }
                },
                () = stopping.notified() => {
                    drop(public);
                    Ok(())
                }
            }
        };
        let serving = futures_util::future::join(public, management);
        tokio::pin!(serving);
        tokio::select! {
            (public, management) = &mut serving => public.and(management),
            () = signalled => {
                let (public, management) = serving.await;
                public.and(management)
            }
        }
    }
}

/// SIGINT and SIGTERM, caught from the moment of listening. Listen before an address is told, so that
/// whoever reads it can stop the server in good order.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches both from now on.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
        }
    }
}

/// Failures of actix's own extractors, in the envelope.
fn extractor_errors(config: &mut ServiceConfig) {
    fn bad(detail: &'static str) -> actix_web::Error {
        Problem::new(actix_web::http::StatusCode::BAD_REQUEST, detail).into()
    }
    config
        .app_data(web::PathConfig::default().error_handler(|_, _| Problem::not_found().into()))
        .app_data(web::QueryConfig::default().error_handler(|_, _| bad("The query string is malformed.")))
        .app_data(web::JsonConfig::default().error_handler(|_, _| bad("The JSON body is malformed.")))
        .app_data(web::FormConfig::default().error_handler(|_, _| bad("The form body is malformed.")));
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    tracing::debug!(http.path = request.path(), "no route");
    Problem::not_found().error_response()
}
