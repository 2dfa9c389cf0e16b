//! The HTTP client over a server's API: one method a route, errors that say what to do.
//!
//! Answers are handed on as the text they came in (`--json` prints exactly that) and parsed by [`model`].

pub(crate) mod model;
mod sse;

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Body, Certificate, Method, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

use crate::outcome::Usage;
pub(crate) use sse::Stream;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long any ordinary answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a deployment may take: the server compiles it.
const DEPLOY_TIMEOUT: Duration = Duration::from_mins(5);
/// How much of a body goes out at once.
const PIECE_BYTES: usize = 64 << 10;
/// How much of an answer that nobody understands is shown.
const SHOWN_OF_ANSWER: usize = 300;

/// What can go wrong between here and the server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody answers.
    #[error(
        "no Abide server answers at {url} ({why}); start one with `abide dev`, or name another one with --url or ABIDE_URL"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// The system's words.
        why: String,
    },
    /// The server refused the request.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The server's words.
        message: String,
    },
    /// The answer is not what an Abide server says.
    #[error("{url} answered something unexpected: {problem}; is it an Abide server of version {}?", env!("CARGO_PKG_VERSION"))]
    Strange {
        /// Where.
        url: String,
        /// What.
        problem: String,
    },
}

impl ClientError {
    /// Whether the server answered, and the answer was no.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: Url,
    http: reqwest::Client,
}

impl Client {
    /// A client for the server at `base`.
    #[cfg(test)]
    pub(crate) fn new(base: &Url) -> Result<Self> {
        Self::with(base, None, None, None)
    }

    /// A client that shows this key, and asks for this environment.
    pub(crate) fn with(
        base: &Url,
        key: Option<&str>,
        environment: Option<&str>,
        authority: Option<&Path>,
    ) -> Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let mut value = HeaderValue::try_from(format!("Bearer {key}"))
                .map_err(|_| Usage("the key holds characters that no key has".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some(name) = environment {
            let value = HeaderValue::try_from(name).map_err(|_| {
                Usage(format!(
                    "--environment {name}: no environment has such a name"
                ))
            })?;
            headers.insert("x-abide-environment", value);
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .default_headers(headers)
            .user_agent(concat!("abide/", env!("CARGO_PKG_VERSION")));
        for certificate in authority.map_or(Ok(Vec::new()), trusted)? {
            builder = builder.add_root_certificate(certificate);
        }
        // A proxy that the environment names cannot reach this machine's loopback.
        if matches!(base.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            base: base.clone(),
            http: builder.build()?,
        })
    }

    /// Where the server is, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// `GET`: the answer's text.
    pub(crate) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let request = self.http.get(self.url(path, query)).timeout(ANSWER_TIMEOUT);
        self.text(request).await
    }

    /// How the server is, by `/health` or `/ready`. It says so itself when something is wrong, with 503.
    pub(crate) async fn health(&self, path: &str) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Health {
            #[serde(rename = "status")]
            _status: String,
        }
        let request = self.http.get(self.url(&[path], &[]));
        let answer = request.timeout(ANSWER_TIMEOUT).send().await;
        let answer = answer.map_err(|error| unreachable(self.base(), &error))?;
        if answer.status().is_success() {
            let text = answer.text().await;
            return text.map_err(|error| unreachable(self.base(), &error));
        }
        let unavailable = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        let (refused, body) = self.refusal(answer).await?;
        // Whatever stands in front of the server says 503 too, in other words.
        if unavailable && serde_json::from_str::<Health>(&body).is_ok() {
            return Ok(body);
        }
        Err(refused)
    }

    /// `GET` of something large: the answer's text. `came` is told how many bytes came.
    pub(crate) async fn download(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        mut came: impl FnMut(usize),
    ) -> Result<String, ClientError> {
        let request = self.http.get(self.url(path, query)).timeout(DEPLOY_TIMEOUT);
        let mut answer = self.answer(request).await?;
        let broken = |error| unreachable(self.base(), &error);
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(broken)? {
            came(piece.len());
            bytes.extend_from_slice(&piece);
        }
        String::from_utf8(bytes).map_err(|_| self.strange("its answer is no text"))
    }

    /// Sends events as `POST /e/{key}` takes them: one object or an array, as JSON text.
    pub(crate) async fn send_events(
        &self,
        key: &str,
        body: String,
    ) -> Result<Vec<String>, ClientError> {
        #[derive(Deserialize)]
        struct Accepted {
            ids: Vec<String>,
        }
        let request = self
            .http
            .post(self.url(&["e", key], &[]))
            .header("content-type", "application/json")
            .body(body)
            .timeout(ANSWER_TIMEOUT);
        Ok(self.parse::<Accepted>(&self.text(request).await?)?.ids)
    }

    /// Does something: `POST` below `/api/v1` with a JSON body. The answer's text.
    pub(crate) async fn act(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<String, ClientError> {
        let url = self.url(&[&["api", "v1"], path].concat(), &[]);
        self.text(self.http.post(url).json(body).timeout(ANSWER_TIMEOUT))
            .await
    }

    /// `PUT` of JSON text below `/api/v1`: the answer's text.
    pub(crate) async fn put(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        json: String,
    ) -> Result<String, ClientError> {
        let request = self
            .http
            .put(self.url(&[&["api", "v1"], path].concat(), query))
            .header("content-type", "application/json")
            .body(json)
            .timeout(ANSWER_TIMEOUT);
        self.text(request).await
    }

    /// `DELETE` below `/api/v1`: the answer's text.
    pub(crate) async fn delete(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let url = self.url(&[&["api", "v1"], path].concat(), query);
        self.text(self.http.delete(url).timeout(ANSWER_TIMEOUT))
            .await
    }

    /// Deploys a component: the answer's text. `sent` is told how many bytes are on their way.
    pub(crate) async fn deploy(
        &self,
        app: &str,
        options: &[(&str, &str)],
        wasm: Vec<u8>,
        sent: impl FnMut(u64) + Send + Sync + 'static,
    ) -> Result<String, ClientError> {
        let url = self.url(&["api", "v1", "apps", app], options);
        let request = self
            .http
            .request(Method::PUT, url)
            .header("content-type", "application/wasm")
            .timeout(DEPLOY_TIMEOUT);
        self.text(upload(request, wasm, sent)).await
    }

    /// Imports an exported run: the answer's text. `sent` is told how many bytes are on their way.
    pub(crate) async fn import(
        &self,
        document: String,
        check: bool,
        sent: impl FnMut(u64) + Send + Sync + 'static,
    ) -> Result<String, ClientError> {
        let check = if check { "true" } else { "false" };
        let url = self.url(&["api", "v1", "import"], &[("check", check)]);
        let request = self
            .http
            .post(url)
            .header("content-type", "application/json")
            .timeout(DEPLOY_TIMEOUT);
        self.text(upload(request, document.into_bytes(), sent))
            .await
    }

    /// Begins a backup: about how many bytes it will have, and where they come from.
    pub(crate) async fn backup(&self) -> Result<(u64, Response), ClientError> {
        let url = self.url(&["api", "v1", "backup"], &[]);
        let answer = self.answer(self.http.post(url)).await?;
        let estimate = answer.headers().get("x-abide-estimated-bytes");
        let estimate = estimate.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok((estimate.unwrap_or(0), answer))
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Stream, ClientError> {
        let request = self
            .http
            .get(self.url(path, query))
            .header("accept", "text/event-stream");
        Ok(Stream::new(
            self.answer(request).await?,
            self.base().to_owned(),
        ))
    }

    /// Reads an answer.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&self, text: &'a str) -> Result<T, ClientError> {
        serde_json::from_str(text)
            .map_err(|error| self.strange(&format!("{error} in {}", shown(text))))
    }

    fn strange(&self, problem: &str) -> ClientError {
        ClientError::Strange {
            url: self.base().to_owned(),
            problem: problem.to_owned(),
        }
    }

    async fn text(&self, request: RequestBuilder) -> Result<String, ClientError> {
        let answer = self.answer(request).await?;
        answer
            .text()
            .await
            .map_err(|error| unreachable(self.base(), &error))
    }

    /// Sends the request; an answer that is no success becomes an error in the server's own words.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let answer = request
            .send()
            .await
            .map_err(|error| unreachable(self.base(), &error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refusal(answer).await?.0)
    }

    /// What an answer that is no success says: the error, and its body.
    async fn refusal(&self, answer: Response) -> Result<(ClientError, String), ClientError> {
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = answer
            .text()
            .await
            .map_err(|error| unreachable(self.base(), &error))?;
        let mut message = problem_in(&body)
            .unwrap_or_else(|| format!("{} answered {status}: {}", self.base(), shown(&body)));
        if let Some(seconds) = retry_after {
            message = format!("{message} (try again in {seconds} s)");
        }
        if status == StatusCode::UNAUTHORIZED && !message.contains("ABIDE_API_KEY") {
            message = format!(
                "{message} (the key is taken from the variable ABIDE_API_KEY, or from the file that --key-file names)"
            );
        }
        // It repeats what guests and senders chose.
        let message = crate::terminal::visible(&message);
        Ok((ClientError::Refused { status, message }, body))
    }
}

/// The certificates of a file that the user trusts.
fn trusted(path: &Path) -> Result<Vec<Certificate>> {
    let unfit = |why: &dyn std::fmt::Display| {
        Usage(format!(
            "--ca-cert {}: {why}; it must hold certificates as PEM",
            path.display()
        ))
    };
    let pem = std::fs::read(path).map_err(|error| unfit(&error))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unfit(&error))?;
    if certificates.is_empty() {
        return Err(unfit(&"there is no certificate in it").into());
    }
    Ok(certificates)
}

/// What a problem document, or an answer in Inngest's form, says.
fn problem_in(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        detail: Option<String>,
        title: Option<String>,
        error: Option<String>,
        message: Option<String>,
    }
    let problem: Problem = serde_json::from_str(body).ok()?;
    problem
        .detail
        .or(problem.error)
        .or(problem.message)
        .or(problem.title)
        .filter(|text| !text.is_empty())
}

/// A request with this body, in pieces that are told as they go out.
fn upload(
    request: RequestBuilder,
    body: Vec<u8>,
    mut sent: impl FnMut(u64) + Send + Sync + 'static,
) -> RequestBuilder {
    let length = body.len();
    let mut rest = std::io::Cursor::new(body);
    let pieces = std::iter::from_fn(move || {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = (&mut rest).take(PIECE_BYTES as u64).read_to_end(&mut piece);
        sent(rest.position());
        // Reading memory fails nowhere.
        read.ok()
            .filter(|read| *read > 0)
            .map(|_| Ok::<_, std::io::Error>(piece))
    });
    request
        .header("content-length", length)
        .body(Body::wrap_stream(futures::stream::iter(pieces)))
}

fn shown(text: &str) -> String {
    match text.trim() {
        "" => "nothing".to_owned(),
        text => crate::terminal::shorten(&crate::terminal::one_line(text), SHOWN_OF_ANSWER),
    }
}

fn unreachable(url: &str, error: &reqwest::Error) -> ClientError {
    let why = if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        // The innermost source is what the system said; the rest repeats the URL.
        let mut inner: &dyn std::error::Error = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        in_words(&inner.to_string().to_lowercase())
    };
    ClientError::Unreachable {
        url: url.to_owned(),
        why,
    }
}

/// What the system or TLS said, with the way out where there is one.
fn in_words(why: &str) -> String {
    // What `openssl req -x509` makes unless it is told otherwise.
    if why.contains("causedasendentity") {
        return "its certificate is an authority's and no server's: it needs the extension basicConstraints=CA:FALSE".to_owned();
    }
    if why.contains("certificate") {
        return format!("{why}; --ca-cert names an authority to trust");
    }
    why.to_owned()
}

#[cfg(test)]
mod tests;
