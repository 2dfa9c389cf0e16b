//! Connections are kept for the next request of the same app, and no request fails because one was.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use abide_host::{Egress, EgressPolicy, FetchError, FetchRequest, HttpClient};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does after it answered this many requests of a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Waits for the next one.
    Keeps,
    /// Closes the connection without a word.
    ClosesAfter(usize),
    /// Reads one more request and closes instead of answering it.
    HangsUpAfter(usize),
    /// Reads one more request and resets the connection, as a system does for a server that had closed it.
    ResetsAfter(usize),
    /// Sends more than anybody wants.
    Floods,
}

/// The body of a flood in bytes.
const FLOOD: usize = 1 << 20;

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(converse(stream, manner, requests.clone()));
            }
        });
        server
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.connections.load(Ordering::SeqCst),
            self.requests.load(Ordering::SeqCst),
        )
    }

    fn egress(&self) -> Egress {
        let rule = self.address.to_string().parse().expect("a rule");
        Egress::new(EgressPolicy::public_only().allow(rule))
    }
}

async fn converse(mut stream: TcpStream, manner: Manner, requests: Arc<AtomicUsize>) {
    let mut answered = 0;
    let mut buffer = Vec::new();
    loop {
        while !buffer.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        buffer.clear();
        match manner {
            Manner::HangsUpAfter(most) if answered >= most => return,
            Manner::ResetsAfter(most) if answered >= most => {
                stream.set_zero_linger().expect("a socket's option");
                return;
            }
            _ => {}
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let body = match manner {
            Manner::Floods => "x".repeat(FLOOD),
            _ => "ok".into(),
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        answered += 1;
        if matches!(manner, Manner::ClosesAfter(most) if answered >= most) {
            return;
        }
    }
}

async fn fetch(
    client: &HttpClient,
    egress: &Egress,
    server: &Server,
    method: &str,
) -> Result<Bytes, FetchError> {
    let request = FetchRequest {
        method: method.into(),
        url: format!("http://{}/", server.address),
        headers: Vec::new(),
        body: (method == "POST").then(|| Bytes::from_static(b"{}")),
        timeout: Duration::from_secs(180),
        max_response_bytes: 100,
    };
    client
        .fetch(egress, request)
        .await
        .map(|response| response.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_an_app_follow_each_other_over_one_connection() {
    let server = Server::start(Manner::Keeps).await;
    let (client, egress) = (HttpClient::new().expect("a client"), server.egress());
    for method in ["GET", "POST", "GET", "POST"] {
        assert_eq!(
            fetch(&client, &egress, &server, method)
                .await
                .expect("an answer"),
            "ok"
        );
    }
    assert_eq!(server.counts(), (1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apps_never_share_a_connection() {
    let server = Server::start(Manner::Keeps).await;
    let client = HttpClient::new().expect("a client");
    for egress in [server.egress(), server.egress()] {
        for _ in 0..2 {
            fetch(&client, &egress, &server, "GET")
                .await
                .expect("an answer");
        }
    }
    assert_eq!(server.counts(), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_server_closed_is_replaced() {
    let server = Server::start(Manner::ClosesAfter(1)).await;
    let (client, egress) = (HttpClient::new().expect("a client"), server.egress());
    for _ in 0..20 {
        fetch(&client, &egress, &server, "GET")
            .await
            .expect("an answer");
    }
    assert_eq!(server.counts(), (20, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_met_a_closing_connection_is_repeated_only_if_a_server_may_get_it_twice() {
    for manner in [Manner::HangsUpAfter(1), Manner::ResetsAfter(1)] {
        let server = Server::start(manner).await;
        let (client, egress) = (HttpClient::new().expect("a client"), server.egress());
        for _ in 0..3 {
            fetch(&client, &egress, &server, "GET")
                .await
                .expect("an answer");
        }
        assert_eq!(server.counts(), (3, 3));
        let failed = fetch(&client, &egress, &server, "POST").await;
        assert!(matches!(failed, Err(FetchError::Http(_))), "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_nobody_reads_to_its_end_takes_its_connection_with_it() {
    let server = Server::start(Manner::Floods).await;
    let (client, egress) = (HttpClient::new().expect("a client"), server.egress());
    for _ in 0..2 {
        let refused = fetch(&client, &egress, &server, "GET").await;
        assert!(
            matches!(refused, Err(FetchError::TooLarge(100))),
            "{refused:?}"
        );
    }
    assert_eq!(server.counts(), (2, 2));
}
