//! The way to a node: its HTTP API, over a socket or within this process.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// The way to a node. Clones lead to the same one.
#[derive(Clone)]
pub enum Door {
    /// Over a socket: a client, and `http://ADDR:PORT`.
    Socket(reqwest::Client, String),
    /// In this process.
    Inside(Router),
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` if it is not JSON.
    pub json: Value,
}

impl Door {
    /// The node at this address.
    pub fn socket(url: &str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .context("no HTTP client")?;
        Ok(Self::Socket(client, url.to_owned()))
    }

    /// Asks; an error when no whole answer came.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Reply> {
        let asked = async {
            match self {
                Self::Socket(client, base) => {
                    over_socket(client, method, &format!("{base}{path}"), headers, body).await
                }
                Self::Inside(router) => inside(router.clone(), method, path, headers, body).await,
            }
        };
        let (status, bytes) = tokio::time::timeout(ANSWER, asked)
            .await
            .context("no answer in time")??;
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Reply { status, json })
    }

    /// `GET PATH`.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.call(Method::GET, path, &[], Vec::new()).await
    }

    /// Deploys a component.
    pub async fn deploy(&self, app: &str, wasm: Vec<u8>, query: &str) -> Result<Reply> {
        let headers = [("content-type", "application/wasm")];
        self.call(
            Method::PUT,
            &format!("/api/v1/apps/{app}?{query}"),
            &headers,
            wasm,
        )
        .await
    }
}

async fn over_socket(
    client: &reqwest::Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<(u16, Vec<u8>)> {
    let mut request = client.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await?.to_vec()))
}

async fn inside(
    router: Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<(u16, Vec<u8>)> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(Body::from(body))?).await?;
    let status = response.status().as_u16();
    Ok((
        status,
        response.into_body().collect().await?.to_bytes().to_vec(),
    ))
}
