//! Places for connections: places, so that clients never take the descriptors that the store and step bodies need.
//!
//! A node that can't open a payload file must stop. Who only connects must not be able to bring that about: connections beyond the places
//! wait in the system's queue until others close.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Descriptors for the store's files, sockets of the runtime, and a payload file for each of some concurrent reads.
const RESERVED: u64 = 128;

/// There are never fewer places, however low the limit is.
const FEWEST: usize = 16;

/// More connections than one process serves well.
const MOST: usize = 1 << 16;

/// How long it waits after the system refused it a connection, for example because the machine has no descriptors left.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

fn is_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// Lets this process open as many files as the system allows it, and says how many connections may take a part of them.
pub(super) fn count() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Refused: then the limit stays as it is.
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    of_limit(limit)
}

/// One half for connections from outside, one for those of step bodies. `None` is no limit.
fn of_limit(limit: Option<u64>) -> usize {
    let places = limit.map_or(MOST as u64, |limit| limit.saturating_sub(RESERVED) / 2);
    usize::try_from(places).unwrap_or(MOST).clamp(FEWEST, MOST)
}

/// How many places are taken, for whoever counts; an extension of every request that came through a socket.
#[derive(Debug, Clone)]
pub(in crate::http) struct Occupied {
    free: Arc<Semaphore>,
    all: usize,
}

impl Occupied {
    /// How many are taken, and how many there are.
    pub(in crate::http) fn count(&self) -> (usize, usize) {
        let free = self.free.available_permits();
        (self.all.saturating_sub(free), self.all)
    }
}

/// A listener that accepts while there are places.
pub(super) struct Places {
    listener: TcpListener,
    free: Arc<Semaphore>,
    all: usize,
    full: bool,
}

impl Places {
    pub(super) fn new(listener: TcpListener, places: usize) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(places)),
            all: places,
            full: false,
        }
    }

    /// How many are taken.
    pub(super) fn occupied(&self) -> Occupied {
        Occupied {
            free: Arc::clone(&self.free),
            all: self.all,
        }
    }

    /// The next connection, once there is a place for it.
    pub(super) async fn accept(&mut self) -> (Seated, SocketAddr) {
        let place = self.place().await;
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let seated = Seated {
                        stream,
                        _place: place,
                    };
                    return (seated, address);
                }
                // The client went away before it was accepted: no trouble of ours.
                Err(error) if is_clients(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a connection cannot be accepted; trying again soon");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    async fn place(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            self.full = false;
            return place;
        }
        if !std::mem::replace(&mut self.full, true) {
            tracing::warn!(
                "all places for connections are taken; further ones wait until others close (`ulimit -n` gives more)"
            );
        }
        match Arc::clone(&self.free).acquire_owned().await {
            Ok(place) => place,
            // It is closed by nobody.
            Err(_) => std::future::pending().await,
        }
    }
}

/// A connection that has a place until it closes.
pub(super) struct Seated {
    pub(super) stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_store_whatever_the_limit_is() {
        for (limit, places) in [
            (Some(0), FEWEST),
            (Some(200), 36),
            (Some(1_024), 448),
            (Some(u64::MAX), MOST),
            (None, MOST),
        ] {
            assert_eq!(of_limit(limit), places, "{limit:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_beyond_the_places_waits_until_another_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut places = Places::new(listener, 1);
        let _first = TcpStream::connect(address).await.expect("connected");
        let _second = TcpStream::connect(address).await.expect("in the queue");
        let (seated, _) = places.accept().await;
        let waiting = places.accept();
        tokio::pin!(waiting);
        let polled = std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)));
        assert!(polled.await.is_pending(), "there is one place only");
        drop(seated);
        waiting.await;
    }
}
