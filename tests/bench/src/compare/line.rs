//! A kept-open HTTP connection: the same for every system, one request at a time, no pool and no client in between.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// One connection, opened again when the server has closed it between two requests.
pub(crate) struct Line {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    /// Opens it.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let mut line = Self {
            address,
            sender: None,
        };
        line.ready().await?;
        Ok(line)
    }

    async fn ready(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let open = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !open {
            let stream = TcpStream::connect(self.address)
                .await
                .with_context(|| format!("could not connect to {}", self.address))?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // It ends with the sender; an error shows at the request that suffers from it.
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("a connection was just opened")
    }

    /// The body of the answer, which must be a success.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// The same for JSON that is sent.
    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Result<Bytes> {
        self.ask(Method::POST, path, body.to_string().into()).await
    }

    /// Any request, read to its end.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let answer = self.ready().await?.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{path} answered {status}: {}",
            excerpt(&body)
        );
        Ok(body)
    }
}

/// Enough of an answer to see what is wrong.
pub(crate) fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(400).collect()
}
