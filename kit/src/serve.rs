//! HTTP/1.1 on an accept loop of its own: timeouts, limits on connections, and an end that lets answers out.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header::CONNECTION},
    middleware::map_response,
    response::Response,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::shutdown::Shutdown;

/// What one listener puts up with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's backlog.
    pub connections: usize,
    /// Bytes of a request's body, for extractors that read it.
    pub body: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time until the header of a connection's next request is complete. Longer than clients keep idle connections (Go: 90 s), or one
    /// of them would write into a connection that is just being closed.
    pub header: Duration,
    /// Once the shutdown has started: how long an idle connection stays open for one more request, whose answer tells the client to
    /// close it. A client that writes while its connection is being closed cannot know whether it was heard, and Go's, which is the
    /// API server's, then fails the call. Part of the grace period.
    pub farewell: Duration,
    /// Time that open requests have to be answered once the shutdown has started.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            body: 2 << 20,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(120),
            farewell: Duration::ZERO,
            grace: Duration::from_secs(30),
        }
    }
}

/// Pause after an `accept` that failed for want of something (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on this listener until the shutdown: then accepts no more, answers what still comes on open connections with
/// `connection: close`, lets open requests be answered within the grace period, and returns. With `tls` the listener speaks nothing
/// else.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    shutdown: Shutdown,
) {
    let ending = shutdown.clone();
    let router = router
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(map_response(move |response| std::future::ready(last_if(ending.is_started(), response))));
    let acceptor = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = shutdown.started() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, slot)) => {
                let connection =
                    Connection { router: router.clone(), limits, shutdown: shutdown.clone(), _slot: slot };
                connections.spawn(connection.run(stream, acceptor.clone()));
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.grace, all_done).await.is_err() {
        tracing::warn!("connections left open at the end of the grace period");
    }
}

/// The answer, which is its connection's last one at the end.
fn last_if(ending: bool, mut response: Response) -> Response {
    if ending {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are single small writes: waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

struct Connection {
    router: Router,
    limits: Limits,
    shutdown: Shutdown,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let Some(acceptor) = acceptor else { return self.answer(stream).await };
        match timeout(self.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream).await,
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "handshake failed");
            }
            Err(_) => tracing::debug!("handshake timed out"),
        }
    }

    async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .keep_alive(true)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(self.router));
        let mut connection = std::pin::pin!(connection);
        let farewell_over = async {
            self.shutdown.started().await;
            tokio::time::sleep(self.limits.farewell).await;
        };
        let mut farewell_over = std::pin::pin!(farewell_over);
        let mut ending = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = &error as &dyn std::error::Error, "connection ended early");
                    }
                    return;
                }
                () = farewell_over.as_mut(), if !ending => {
                    ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
