//! The listener: HTTP/1.1 with or without TLS, bounded, and closed without cutting answers off.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::WebState;
use super::frame::Peer;
use super::live::raised;

/// Connections at once. Browsers open up to six each; a floor of 500 agents fits.
const CONNECTIONS_MAX: usize = 4096;
/// A sender of slow headers is dropped, and a connection that is kept without being used.
const HEADERS_MAX: Duration = Duration::from_secs(30);
/// A slow TLS handshake is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Answers that are under way at the shutdown get this long.
const FINISH_MAX: Duration = Duration::from_secs(10);
/// After an error of the operating system (no more files) accepting waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Bytes of headers and of what is read ahead, for each connection.
const BUFFER_MAX: usize = 64 * 1024;

/// What to serve on.
pub struct Listening {
    /// The open port.
    pub listener: TcpListener,
    /// TLS, if people come by HTTPS here.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Serves the site until `shutdown` says so, then finishes the answers under way.
///
/// # Errors
/// None while it runs: what goes wrong with one connection is logged and ends that connection.
pub async fn serve(listening: Listening, state: WebState, shutdown: watch::Receiver<bool>) {
    let router = super::router(state.clone());
    run(listening, router, shutdown, || state.close_streams()).await;
}

/// Serves landing pages, and nothing else, until `shutdown` says so.
pub async fn serve_landing(listening: Listening, state: WebState, shutdown: watch::Receiver<bool>) {
    run(listening, super::landing_router(state), shutdown, || ()).await;
}

/// Serves figures for Prometheus until `shutdown` says so.
pub async fn serve_metrics(listener: TcpListener, state: WebState, shutdown: watch::Receiver<bool>) {
    run(Listening { listener, tls: None }, super::metrics::router(state), shutdown, || ()).await;
}

async fn run(listening: Listening, router: Router, mut shutdown: watch::Receiver<bool>, close: impl FnOnce()) {
    let Listening { listener, tls } = listening;
    let tls = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (finish, finishing) = watch::channel(false);
    loop {
        let accepted = tokio::select! {
            // A dropped sender means that the program ends as well.
            () = raised(&mut shutdown) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (router, tls, finishing) = (router.clone(), tls.clone(), finishing.clone());
        tokio::spawn(async move {
            connection(stream, peer, tls, router, finishing).await;
            drop(place);
        });
    }
    drop(listener);
    close();
    finish.send_replace(true);
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    if timeout(FINISH_MAX, places.acquire_many(all)).await.is_err() {
        tracing::warn!("some HTTP connections did not finish in time and were cut off");
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// Takes the next connection once there is a place for it: the rest waits in the operating system's queue.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<Accepted> {
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    finishing: watch::Receiver<bool>,
) {
    let Some(tls) = tls else {
        return requests(stream, peer, router, finishing).await;
    };
    match timeout(HANDSHAKE_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, peer, router, finishing).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn requests<S>(stream: S, peer: SocketAddr, router: Router, mut finishing: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = raised(&mut finishing) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
