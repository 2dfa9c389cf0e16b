//! How a server comes up and goes down: what is answered while it drains, and when it gives up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use abide_e2e::{Server, until};

use crate::support::{SOON, folder};

/// A request whose body is still to come: it is under way until somebody sends the rest.
struct UnderWay(TcpStream);

impl UnderWay {
    /// Sends the head, and waits until the server asks for the body: then its handler has it.
    fn begin(server: &Server) -> Self {
        let address = server.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        let head = "POST /e/any HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 12\r\nexpect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it is taken");
        let mut told = [0; 25];
        stream.read_exact(&mut told).expect("it is asked for");
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self(stream)
    }

    fn end(mut self) -> String {
        self.0.write_all(br#"{"name":"a"}"#).expect("it is taken");
        let mut answer = String::new();
        self.0.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

/// Waits until nobody can connect any more: the server has been told to end.
fn refuses(server: &Server) {
    let address = server.url().trim_start_matches("http://");
    until("it takes no connections", SOON, || {
        TcpStream::connect(address).is_err().then_some(())
    });
}

#[test]
fn sigterm_lets_a_request_that_is_under_way_be_answered() {
    let data = folder();
    let mut server = Server::serve(data.path());
    assert_eq!(server.api().get("/ready").status, 200);
    let request = UnderWay::begin(&server);
    server.terminate().expect("it can be asked to end");
    refuses(&server);
    let answer = request.end();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let status = server.ended(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", server.output());
    let server = Server::serve(data.path());
    let events = server.api().get("/api/v1/events").json;
    assert_eq!(events["data"][0]["name"], "a", "what was answered is kept");
}

#[test]
fn after_the_grace_period_it_ends_without_the_request() {
    let data = folder();
    let mut server = Server::serve(data.path());
    let request = UnderWay::begin(&server);
    server.terminate().expect("it can be asked to end");
    let status = server.ended(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", server.output());
    assert!(
        server.output().contains("did not finish in time"),
        "{}",
        server.output()
    );
    let mut rest = Vec::new();
    let told = (&request.0).read_to_end(&mut rest);
    assert!(
        told.is_err() || rest.is_empty(),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    let data = folder();
    let mut server = Server::serve(data.path());
    let _request = UnderWay::begin(&server);
    server.terminate().expect("it can be asked to end");
    refuses(&server);
    server.terminate().expect("it can be asked to end");
    let status = server.ended(SOON).expect("it ends");
    // 1, and no word of a drain: the first signal's way out ends with 0.
    assert_eq!(status.code(), Some(1), "{}", server.output());
}

#[test]
fn while_it_starts_whoever_asks_waits_and_is_answered_when_it_is_ready() {
    let data = folder();
    Server::serve(data.path()).kill();
    // A port of our own, so that it can be asked before it says that it listens; at an address that no other test listens at, or one of
    // them might take it before the server does.
    let port = std::net::TcpListener::bind("127.0.0.2:0")
        .and_then(|taken| taken.local_addr())
        .expect("a port");
    let listen = format!("--listen={port}");
    let mut starting = Server::spawn_serve_at(data.path(), &listen).expect("it starts");
    let mut early = until("it takes connections", SOON, || {
        TcpStream::connect(port).ok()
    });
    early.set_read_timeout(Some(SOON)).expect("a timeout");
    let request = "GET /ready HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    early.write_all(request.as_bytes()).expect("it is taken");
    let mut answer = String::new();
    early.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        starting.listens(SOON),
        "{:?}",
        starting.ended(Duration::ZERO)
    );
}
