//! Clients that are slow, silent or rude, over real sockets: each loses its own connection, and everybody else is served.
//!
//! Nothing here measures time: a test waits until what must happen has happened.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use abide_server::http::{ServeConfig, Server, TlsFiles};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, Version};
use axum::routing::{get, post};
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Short enough for a test to wait for, long enough for an honest request on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);

struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(config: ServeConfig, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Server::new(config).expect("a server");
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let serving = tokio::spawn(server.serve(listener, router, shutdown));
        Self {
            address,
            stop: Some(stop),
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    /// Somebody else is served.
    async fn serves(&self) {
        let answer = reqwest::get(format!("http://{}/", self.address)).await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }

    async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it runs");
        }
        self.serving
            .await
            .expect("no panic")
            .expect("it ended well");
    }
}

fn impatient() -> ServeConfig {
    ServeConfig {
        client_timeout: PATIENCE,
        ..ServeConfig::default()
    }
}

fn hello() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
}

/// Whatever the server still sends, until it closes.
async fn rest_of(mut stream: TcpStream) -> String {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut rest).await;
    String::from_utf8_lossy(&rest).into_owned()
}

#[tokio::test]
async fn a_client_that_never_ends_a_head_loses_its_connection() {
    let served = Served::start(impatient(), hello()).await;
    let begun = [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nx: ",
        "PRI * HTTP/2.0\r\n",
    ];
    let everybody = &served;
    let each = begun.map(|begun| async move {
        let mut stream = everybody.connect().await;
        stream.write_all(begun.as_bytes()).await.expect("written");
        everybody.serves().await;
        let rest = rest_of(stream).await;
        assert!(!rest.contains("200 OK"), "{begun:?}: {rest}");
    });
    futures::future::join_all(each).await;
    served.stop().await;
}

#[tokio::test]
async fn a_body_that_stops_to_arrive_is_answered_with_408() {
    let served = Served::start(impatient(), hello()).await;
    let mut stream = served.connect().await;
    stream
        .write_all(b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc")
        .await
        .expect("written");
    served.serves().await;
    let rest = rest_of(stream).await;
    assert!(rest.starts_with("HTTP/1.1 408 "), "{rest}");
    assert!(rest.contains("body_too_slow"), "{rest}");
    served.stop().await;
}

/// Says when it is dropped.
struct Dropped(mpsc::UnboundedSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// An answer without end, and news of its end.
fn endless() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (dropped, drops) = mpsc::unbounded_channel();
    let answer = move || {
        let dropped = Dropped(dropped.clone());
        let piece = Bytes::from(vec![b'x'; 64 << 10]);
        let pieces = stream::repeat(piece).map(move |piece| {
            let _kept = &dropped;
            Ok::<_, std::io::Error>(piece)
        });
        async move { Body::from_stream(pieces) }
    };
    (hello().route("/endless", get(answer)), drops)
}

#[tokio::test]
async fn a_reader_that_does_not_read_loses_its_connection() {
    let (router, mut drops) = endless();
    let served = Served::start(impatient(), router).await;
    let mut stream = served.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("written");
    served.serves().await;
    drops.recv().await.expect("the answer is given up");
    drop(stream);
    served.stop().await;
}

#[tokio::test]
async fn a_reader_of_http2_that_gives_no_window_loses_its_connection() {
    let (router, mut drops) = endless();
    let served = Served::start(impatient(), router).await;
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = http::Request::get("http://a/endless")
        .body(())
        .expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    // Kept, and never read from: pings are answered all the while.
    let answer = answer.await.expect("an answer");
    drops.recv().await.expect("the answer is given up");
    served.serves().await;
    drop((answer, client));
    let _ = connection.await;
    served.stop().await;
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_stays_open() {
    let (tell, told) = mpsc::unbounded_channel::<&str>();
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let quiet = move || {
        let told = Arc::clone(&told);
        let pieces = stream::unfold(told, async |told| {
            let piece = told.lock().await.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), told))
        });
        async move { Body::from_stream(pieces) }
    };
    let router = hello().route("/quiet", get(quiet));
    let served = Served::start(impatient(), router).await;
    let url = format!("http://{}/quiet", served.address);
    let mut answer = reqwest::get(url).await.expect("an answer");
    // By the time that a silent client has lost its connection, this one would have too.
    rest_of(served.connect().await).await;
    rest_of(served.connect().await).await;
    tell.send("news").expect("somebody listens");
    let piece = answer.chunk().await.expect("a piece").expect("not the end");
    assert_eq!(piece, "news");
    drop((tell, answer));
    served.stop().await;
}

#[tokio::test]
async fn heads_beyond_the_bound_are_refused() {
    let served = Served::start(ServeConfig::default(), hello()).await;
    let mut stream = served.connect().await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(100 << 10)
    );
    // The refusal may come before all is written.
    let _ = stream.write_all(head.as_bytes()).await;
    let rest = rest_of(stream).await;
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 431 "),
        "{rest}"
    );
    served.serves().await;
    served.stop().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn rapid_resets_end_their_connection() {
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];
    // `GET http://a/`, by indices of HPACK's static table.
    const REQUEST: [u8; 6] = [0x82, 0x86, 0x84, 0x41, 1, b'a'];

    let served = Served::start(impatient(), hello()).await;
    let mut attack = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    attack.extend(frame(SETTINGS, 0, 0, &[]));
    for stream in (1..20_000).step_by(2) {
        attack.extend(frame(HEADERS, 5, stream, &REQUEST));
        attack.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
    }
    let (mut reader, mut writer) = served.connect().await.into_split();
    let writing = tokio::spawn(async move {
        // The server may hang up before all is written.
        let _ = writer.write_all(&attack).await;
        writer
    });
    let mut heard = Vec::new();
    let _ = reader.read_to_end(&mut heard).await;
    let calm = heard.windows(4).any(|bytes| bytes == ENHANCE_YOUR_CALM);
    let goaway = heard.windows(2).any(|bytes| bytes == [GOAWAY, 0]);
    assert!(goaway && calm, "{heard:?}");
    writing.await.expect("no panic");
    served.serves().await;
    served.stop().await;
}

#[tokio::test]
async fn streams_of_http2_are_bounded() {
    let served = Served::start(ServeConfig::default(), hello()).await;
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = http::Request::get("http://a/").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    assert_eq!(answer.await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(client.current_max_send_streams(), 128);
    drop(client);
    let _ = connection.await;
    served.stop().await;
}

#[tokio::test]
async fn a_body_that_finds_no_room_is_told_when_to_come_again() {
    let config = ServeConfig {
        body_memory_bytes: 1_000,
        ..ServeConfig::default()
    };
    let served = Served::start(config, hello()).await;
    let mut holder = served.connect().await;
    holder
        .write_all(
            b"POST /length HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 900\r\n\r\n",
        )
        .await
        .expect("written");
    holder.write_all(&[b'x'; 899]).await.expect("written");
    let url = format!("http://{}/length", served.address);
    let client = reqwest::Client::new();
    let send = async || {
        let request = client.post(&url).body("y".repeat(500));
        request.send().await.expect("an answer")
    };
    // Until the first body has been read so far: there is room before.
    let refused = loop {
        let answer = send().await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    served.serves().await;
    holder.write_all(b"x").await.expect("written");
    assert!(rest_of(holder).await.ends_with("900"));
    assert_eq!(send().await.text().await.expect("text"), "500");
    served.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_places_wait_and_are_served_then() {
    let config = ServeConfig {
        max_connections: Some(1),
        ..ServeConfig::default()
    };
    let served = Served::start(config, hello()).await;
    let mut first = served.connect().await;
    let asks = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    first.write_all(asks).await.expect("written");
    let mut byte = [0];
    first.read_exact(&mut byte).await.expect("an answer");
    let mut second = served.connect().await;
    second
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .expect("written");
    drop(first);
    assert!(rest_of(second).await.ends_with("hello"));
    served.stop().await;
}

#[tokio::test]
async fn other_origins_are_told_nothing_unless_they_are_named() {
    let preflight = async |config: ServeConfig| {
        let served = Served::start(config, hello()).await;
        let url = format!("http://{}/length", served.address);
        let request = reqwest::Client::new()
            .request(reqwest::Method::OPTIONS, url)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let answer = request.send().await.expect("an answer");
        let allowed = answer.headers().get("access-control-allow-origin").cloned();
        served.stop().await;
        allowed.map(|origin| origin.to_str().expect("text").to_owned())
    };
    let named = |origin: &str| ServeConfig {
        cors_origins: vec![origin.to_owned()],
        ..ServeConfig::default()
    };
    assert_eq!(preflight(ServeConfig::default()).await, None);
    assert_eq!(preflight(named("https://other.example.com")).await, None);
    let origin = "https://app.example.com";
    assert_eq!(preflight(named(origin)).await.as_deref(), Some(origin));
    assert_eq!(preflight(named("*")).await.as_deref(), Some("*"));
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_finish() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (finish, may_finish) = tokio::sync::watch::channel(false);
    let slow = async move || {
        let _ = begun.send(());
        let _ = may_finish.clone().wait_for(|finish| *finish).await;
        "done"
    };
    let served = Served::start(ServeConfig::default(), hello().route("/slow", get(slow))).await;
    let idle = served.connect().await;
    let address = served.address;
    let asking = tokio::spawn(reqwest::get(format!("http://{address}/slow")));
    begins.recv().await.expect("the request is under way");
    let stopped = tokio::spawn(served.stop());
    // The listener is closed at once, and so are connections that ask nothing.
    assert_eq!(rest_of(idle).await, "");
    assert!(TcpStream::connect(address).await.is_err());
    finish.send(true).expect("it waits");
    let answer = asking.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("text"), "done");
    stopped.await.expect("it stops");
}

/// A new pair for `localhost`, in the files.
fn write_pair(files: &TlsFiles) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    write(&files.key, &made.signing_key.serialize_pem());
    write(&files.certificate, &made.cert.pem());
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("a certificate")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

fn trusts(certificate: &reqwest::Certificate) -> reqwest::Client {
    let builder = reqwest::Client::builder().add_root_certificate(certificate.clone());
    builder.no_proxy().build().expect("a client")
}

/// Asks until the condition holds.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    while !holds().await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn tls_takes_a_new_pair_keeps_the_old_one_for_a_bad_one_and_hangs_up_on_strangers() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = TlsFiles {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    let first = write_pair(&files);
    let config = ServeConfig {
        tls: Some(files.clone()),
        tls_check_every: Duration::from_millis(20),
        ..impatient()
    };
    let served = Served::start(config, hello()).await;
    let url = format!("https://localhost:{}/", served.address.port());
    let ask = async |certificate: &reqwest::Certificate| trusts(certificate).get(&url).send().await;
    let answer = ask(&first).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);

    // Neither plain HTTP nor silence gets anywhere, and both are let go.
    let mut plain = served.connect().await;
    plain
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("written");
    assert!(!rest_of(plain).await.contains("200 OK"));
    rest_of(served.connect().await).await;

    let second = write_pair(&files);
    assert!(ask(&second).await.is_err() || ask(&first).await.is_err());
    until(async || ask(&second).await.is_ok()).await;
    assert!(ask(&first).await.is_err(), "it is no longer shown");

    write(&files.certificate, "no certificate");
    // It is looked at again and again meanwhile.
    for _ in 0..20 {
        ask(&second).await.expect("the one before stays in force");
    }
    served.stop().await;
}

#[tokio::test]
async fn http2_is_spoken_with_whoever_can() {
    let served = Served::start(ServeConfig::default(), hello()).await;
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("a handshake");
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = http::Request::post("http://a/length")
        .body(())
        .expect("a request");
    let (answer, mut body) = client.send_request(request, false).expect("sent");
    body.send_data(Bytes::from_static(b"12345"), true)
        .expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.version(), Version::HTTP_2);
    let mut body = answer.into_body();
    assert_eq!(body.data().await.expect("a piece").expect("bytes"), "5");
    drop((client, body));
    let _ = connection.await;
    served.stop().await;
}
