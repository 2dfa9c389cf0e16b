//! A client of whichever process serves at the moment: it waits while none does, and tries again what got no answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::sync::watch;

use crate::findings::Findings;
use crate::node::Life;

/// How long one answer may take: deploying compiles, and the machine may be busy.
const ANSWER: Duration = Duration::from_secs(60);

/// How long something is tried before that counts as a broken promise.
const INSIST: Duration = Duration::from_secs(180);

/// The pause before something is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// Connections that are kept for later requests. Few: the node's descriptors are measured, and must not follow the peaks of the load for long.
const IDLE_CONNECTIONS: usize = 8;

/// A client. Clones share everything.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    life: watch::Receiver<Option<Life>>,
    findings: Arc<Findings>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

/// What is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Vec<u8>,
}

impl<'a> Question<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self {
            method: Method::GET,
            path,
            headers: &[],
            body: Vec::new(),
        }
    }

    pub(crate) fn post(path: &'a str, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: body.to_string().into_bytes(),
            ..Self::get(path)
        }
    }
}

impl Client {
    pub(crate) fn new(
        life: watch::Receiver<Option<Life>>,
        findings: Arc<Findings>,
    ) -> Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            http,
            life,
            findings,
        })
    }

    /// The process that serves now, as soon as one does.
    pub(crate) async fn life(&self) -> Result<Life> {
        let mut life = self.life.clone();
        let found = life.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|life| life.clone());
        found.context("the soak is over")
    }

    /// Whether this process still serves.
    pub(crate) fn is_current(&self, life: &Life) -> bool {
        let current = self.life.borrow();
        current
            .as_ref()
            .is_some_and(|now| now.number == life.number)
    }

    /// Begins a request to the process that serves now.
    pub(crate) async fn open(&self, question: &Question<'_>) -> Result<(Life, Response)> {
        let life = self.life().await?;
        let url = format!("{}{}", life.url, question.path);
        let mut request = self.http.request(question.method.clone(), url);
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        let response = request.body(question.body.clone()).send().await?;
        Ok((life, response))
    }

    /// Asks once; an error when no whole answer came.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Result<Reply> {
        let asked = async {
            let (_, response) = self.open(question).await?;
            let status = response.status().as_u16();
            anyhow::Ok((status, response.bytes().await?))
        };
        let (status, bytes) = tokio::time::timeout(ANSWER, asked)
            .await
            .context("no answer in time")??;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status == 500 {
            let path = question.path;
            self.findings
                .violated(format!("{path} is answered with 500: {json}"));
        }
        Ok(Reply { status, json })
    }

    /// `GET`, once.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        self.ask(&Question::get(path)).await
    }

    /// Asks until there is an answer that does not say "later".
    pub(crate) async fn insist(&self, question: &Question<'_>) -> Result<Reply> {
        let began = Instant::now();
        loop {
            match self.ask(question).await {
                Ok(reply) if reply.status < 500 && reply.status != 429 => return Ok(reply),
                Ok(reply) if began.elapsed() > INSIST => {
                    bail!(
                        "{} is answered with {} for minutes: {}",
                        question.path,
                        reply.status,
                        reply.json
                    )
                }
                Err(error) if began.elapsed() > INSIST => {
                    return Err(
                        error.context(format!("{} is not answered for minutes", question.path))
                    );
                }
                Ok(_) => self.findings.count("requests that were put off"),
                Err(_) => self.findings.count("requests without an answer"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
