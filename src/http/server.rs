//! The accept loop: connections with limits, and an end that does not wait for slow clients.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Sources,
    bind::{Listener, Socket},
    posting::Peer,
    routes,
};

/// How much of the machine the server may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Connections served at once; more wait in the kernel's queue.
    connections: usize,
    /// For a client to send the head of a request, the first one or the next one.
    head: Duration,
    /// For a whole connection: a client that does not read what it asked for ends here.
    connection: Duration,
    /// For the requests in flight to end, once the connection's time or the server's is up.
    grace: Duration,
}

impl Limits {
    /// A few Prometheus servers and a roomful of browsers are served at ease with 64 connections. A
    /// head fits one packet, and a connection kept alive outlives Prometheus' default scrape interval
    /// of 1 min. The grace is half of the 10 s that container runtimes give before they kill.
    const STANDARD: Self = Self {
        connections: 64,
        head: Duration::from_secs(75),
        connection: Duration::from_secs(600),
        grace: Duration::from_secs(5),
    };
}

/// The most that the head of a request may take; hyper's least is 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The wait after a failed accept: it fails when file descriptors have run out, and again at once.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `shutdown`, then ends within 5 s.
pub async fn serve(listener: Listener, sources: Sources, shutdown: CancellationToken) {
    let router = routes::router(sources, listener.tcp_address());
    run(listener, router, shutdown, Limits::STANDARD).await;
}

async fn run(listener: Listener, router: Router, shutdown: CancellationToken, limits: Limits) {
    let connections = TaskTracker::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    loop {
        // Cancel-safe: a permit that was not taken and a connection that was not accepted are still
        // there in the next round, and after the shutdown there is none.
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let connection = serve_one(stream, peer, router.clone(), shutdown.clone(), limits);
                connections.spawn(async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept HTTP connections; trying on");
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn next(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> io::Result<(Box<dyn Stream>, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    Ok(match &listener.0 {
        Socket::Tcp(listener, _) => {
            let (stream, address) = listener.accept().await?;
            (Box::new(stream), Peer::at(address), slot)
        }
        Socket::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            (Box::new(stream), Peer::Local, slot)
        }
    })
}

async fn serve_one(
    stream: Box<dyn Stream>,
    peer: Peer,
    router: Router,
    shutdown: CancellationToken,
    limits: Limits,
) {
    let router = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Cancel-safe: the connection is pinned outside and goes on being polled below.
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = shutdown.cancelled() => None,
        () = sleep(limits.connection) => None,
    };
    let ended = if let Some(ended) = ended {
        Ok(ended)
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(limits.grace, connection).await
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an HTTP connection broke"),
        Err(_) => tracing::debug!("an HTTP client took too long and was cut off"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        task::JoinHandle,
    };

    use super::*;
    use crate::http::{Listen, bind};

    const QUICK: Limits = Limits {
        connections: 2,
        head: Duration::from_millis(200),
        connection: Duration::from_secs(60),
        grace: Duration::from_millis(200),
    };

    /// More than the kernel's buffers between two ends of a connection take.
    const HUGE: usize = 64 * 1024 * 1024;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    struct Rig {
        address: SocketAddr,
        shutdown: CancellationToken,
        server: JoinHandle<()>,
    }

    #[expect(clippy::disallowed_methods, reason = "the test awaits the task itself")]
    async fn rig(limits: Limits) -> Rig {
        let listener = bind(&Listen::Tcp("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let address = listener.tcp_address().unwrap();
        let router = Router::new()
            .route("/", get(async || "ok"))
            .route("/huge", get(async || vec![0_u8; HUGE]));
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(run(listener, router, shutdown.clone(), limits));
        Rig {
            address,
            shutdown,
            server,
        }
    }

    /// Reads to the end, which a server that forgot the client would never give.
    async fn rest(stream: &mut TcpStream) -> Vec<u8> {
        let mut read = Vec::new();
        let end = timeout(Duration::from_secs(10), stream.read_to_end(&mut read)).await;
        // A reset is an end, too.
        drop(end.expect("the server does not end the connection"));
        read
    }

    #[tokio::test]
    async fn a_client_that_never_ends_its_request_is_cut_off() {
        let rig = rig(QUICK).await;
        let mut slow = TcpStream::connect(rig.address).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHost: loc")
            .await
            .unwrap();
        let answer = rest(&mut slow).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
    }

    #[tokio::test]
    async fn slow_clients_that_take_all_slots_lose_them_again() {
        let rig = rig(QUICK).await;
        let mut slow = Vec::new();
        for _ in 0..QUICK.connections {
            let mut stream = TcpStream::connect(rig.address).await.unwrap();
            stream.write_all(b"GET /").await.unwrap();
            slow.push(stream);
        }
        let mut honest = TcpStream::connect(rig.address).await.unwrap();
        honest.write_all(REQUEST).await.unwrap();
        assert!(rest(&mut honest).await.ends_with(b"ok"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_its_answer_is_cut_off() {
        let rig = rig(Limits {
            connections: 1,
            connection: Duration::from_millis(300),
            ..QUICK
        })
        .await;
        let mut deaf = TcpStream::connect(rig.address).await.unwrap();
        deaf.write_all(b"GET /huge HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut honest = TcpStream::connect(rig.address).await.unwrap();
        honest.write_all(REQUEST).await.unwrap();
        assert!(rest(&mut honest).await.ends_with(b"ok"));
        assert!(rest(&mut deaf).await.len() < HUGE);
    }

    #[tokio::test]
    async fn the_end_does_not_wait_for_clients_that_hang() {
        let rig = rig(Limits {
            head: Duration::from_secs(60),
            ..QUICK
        })
        .await;
        let mut idle = TcpStream::connect(rig.address).await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        let mut answer = [0; 15];
        idle.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        let mut deaf = TcpStream::connect(rig.address).await.unwrap();
        deaf.write_all(b"GET /huge HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        deaf.read_exact(&mut answer).await.unwrap();
        rig.shutdown.cancel();
        timeout(Duration::from_secs(10), rig.server)
            .await
            .expect("the server waits for a client that hangs")
            .unwrap();
        assert!(TcpStream::connect(rig.address).await.is_err());
    }

    #[tokio::test]
    async fn a_head_beyond_the_limit_is_refused() {
        let rig = rig(QUICK).await;
        let mut stream = TcpStream::connect(rig.address).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nX: {}\r\n\r\n",
            "a".repeat(MAX_HEAD_BYTES)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.starts_with(b"HTTP/1.1 431"));
    }
}
