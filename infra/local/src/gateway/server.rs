//! The HTTP server in front of everything: it accepts connections, and bounds what a client that
//! never finishes a request can hold.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connection::raised;
use super::tasks::Tasks;
use super::{Shared, front_door, limits};

/// Bytes of a request's head, with its first line.
const HEAD_BYTES: usize = 16 * 1024;

/// The pause after the system has refused a connection: it has no more files to give.
const REFUSED: Duration = Duration::from_millis(100);

/// Serves connections until it is told to stop; then lets requests finish that are under way.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let connections = Tasks::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(&shared), stop.clone()));
                }
                // That client is gone again; the next one is another matter.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "the gateway cannot accept a connection");
                    sleep_until(Instant::now() + REFUSED).await;
                }
            },
            () = raised(&mut stop) => break,
        }
    }
    drop(listener);
    connections.finished().await;
}

/// Serves one connection, until its end or until it becomes a WebSocket.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    // Frames are small and someone waits for each: none is held back to fill a packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let service = service_fn(move |request: http::Request<Incoming>| {
        let answer = front_door(Arc::clone(&shared), peer, request.map(Body::new));
        async { Ok::<_, Infallible>(answer.await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits::HEAD).max_header_size(HEAD_BYTES);
    let mut serving = Box::pin(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = tokio::select! {
        served = &mut serving => served,
        () = raised(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, %peer, "a connection ended in the middle");
    }
}
