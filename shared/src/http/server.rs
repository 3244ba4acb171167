//! Binding and serving. How a server ends is in [`super::stopping`].

use std::{io, net::SocketAddr, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, ResponseError,
    dev::Server,
    middleware::from_fn,
    web::{self, Data, ServiceConfig},
};

use socket2::{Domain, Socket, Type};
use tokio::sync::{Notify, watch};

pub use super::stopping::{Closing, Signals, Stop};

use super::{frame, management, management::Readiness, metrics::Metrics, stopping::Leaving, unread};
use crate::Problem;

/// How long a connection is kept without a request. Whoever sends the next one at the moment at which
/// we close loses it, and a gateway that has kept the connection for its clients cannot know. So it has
/// to be the gateway that closes first: 60 s are what such programs wait by default, and ours 30 s; the
/// 5 s of actix lose requests.
const KEPT: Duration = Duration::from_secs(75);

/// Connections that may wait to be accepted, as actix has it.
const BACKLOG: i32 = 1024;

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
    /// How long requests are served on after SIGTERM, while `/readyz` is red already.
    pub drain_delay: Duration,
    /// The public port refuses connections until [`Bound::run_until_after`] opens it. A gateway sends
    /// what was refused to another replica; what was accepted it would have to wait for.
    pub opens_when_ready: bool,
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
            drain_delay: Duration::ZERO,
            opens_when_ready: false,
        }
    }
}

/// A bound server that has not begun to serve.
pub struct Bound {
    /// The public port's, to listen on.
    socket: Socket,
    public: Server,
    management: Server,
    leaving: Leaving,
    closing: watch::Sender<bool>,
    drain_delay: Duration,
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

/// Binds both ports. `public` and `private` add a service's routes and data; every worker calls them.
pub fn bind<P, M>(options: &ServerOptions, shared: Shared, public: P, private: M) -> io::Result<Bound>
where
    P: Fn(&mut ServiceConfig) + Clone + Send + 'static,
    M: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let socket = reserve(options.listen)?;
    if !options.opens_when_ready {
        socket.listen(BACKLOG)?;
    }
    let (closing, leaving) = (watch::Sender::new(false), Leaving::default());
    let (metrics, stops) = (Data::new(shared.metrics.clone()), Data::new(leaving.clone()));
    let public = HttpServer::new(move || {
        App::new()
            .app_data(metrics.clone())
            .app_data(stops.clone())
            .configure(extractor_errors)
            .configure(public.clone())
            .default_service(web::route().to(unknown))
            .wrap(from_fn(frame::around))
            .wrap(from_fn(unread::keep_reader))
    })
    .workers(options.workers)
    .keep_alive(KEPT)
    .client_request_timeout(options.head_timeout)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .listen(socket.try_clone()?.into())?;
    let address = first_address(&public.addrs())?;

    let (metrics, stops) = (Data::new(shared.metrics), Data::new(leaving.clone()));
    let readiness = Data::new(shared.readiness);
    let ends = Data::new(Closing::of(&closing));
    let management = HttpServer::new(move || {
        App::new()
            .app_data(ends.clone())
            .app_data(stops.clone())
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
    .keep_alive(KEPT)
    .client_request_timeout(options.head_timeout)
    .shutdown_timeout(options.shutdown_timeout.as_secs())
    .disable_signals()
    .bind(options.management_listen)?;
    let management_address = first_address(&management.addrs())?;
    let (public, management) = (public.run(), management.run());
    let drain_delay = options.drain_delay;
    Ok(Bound { socket, public, management, leaving, closing, drain_delay, address, management_address })
}

/// What both ports share.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// What `/readyz` asks.
    pub readiness: Readiness,
    /// What `/metrics` shows.
    pub metrics: Metrics,
}

/// A socket that has the address and does not listen yet.
fn reserve(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Connections of a process before us may still be around.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
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
            leaving: self.leaving.clone(),
            closing: self.closing.clone(),
        }
    }

    /// Serves until stopped through [`Stop`].
    pub async fn run(self) -> io::Result<()> {
        let Self { socket, public, management, .. } = self;
        // What listens beside actix would go on when actix has stopped.
        drop(socket);
        let (public, management) = futures_util::future::join(public, management).await;
        public.and(management)
    }

    /// Serves until SIGINT or SIGTERM, then stops gracefully; see [`super::stopping`].
    pub async fn run_until(self, signals: Signals) -> io::Result<()> {
        self.run_until_after(signals, std::future::ready(()), || Ok(())).await
    }

    /// The same, but the public port begins when `ready` is done, also while it drains; then `opened`
    /// tells whom it concerns, and its failure stops both ports. The management port answers at once.
    pub async fn run_until_after(
        self,
        signals: Signals,
        ready: impl Future<Output = ()>,
        opened: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let stop = self.stop();
        let Self { socket, public, management, drain_delay, .. } = self;
        // Takes the socket with it, as above.
        let open = async move {
            ready.await;
            socket.listen(BACKLOG)?;
            opened()
        };
        let stopping = Notify::new();
        let signalled = async {
            stop.drained(signals, drain_delay).await;
            stopping.notify_one();
            stop.gracefully().await;
        };
        let public = async {
            tokio::select! {
                done = open => match done {
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
