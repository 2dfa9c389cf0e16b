//! Outgoing HTTP of bodies.
//!
//! Before the first request of a body leaves, everything that the run did so far is made durable: what the outside can
//! notice must never be forgotten.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use abide_core::state::LogLevel;
use http_body_util::BodyExt;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks};

use crate::execute::Run;
use crate::guest::{Guest, Role, Signal};
use crate::http_client::{FetchError, Timeouts};

/// The interface whose only function is defined here.
const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

type Sent = wasmtime_wasi_http::Result<(
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>,
)>;

/// How long a body's request may take to connect, and how long its response may pause.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// The way out of one guest.
pub(crate) struct Outgoing {
    role: Role,
    run: Option<Arc<Run>>,
    signal: Arc<Signal>,
    /// Whether this body's way here is durable.
    reached_out: Arc<AtomicBool>,
}

impl Outgoing {
    pub(crate) fn new(role: Role, run: Option<Arc<Run>>, signal: Arc<Signal>) -> Self {
        Self {
            role,
            run,
            signal,
            reached_out: Arc::default(),
        }
    }

    /// Another body begins.
    pub(crate) fn begin_body(&mut self) {
        // Always a new one: a request that the body before left behind still holds the old one, and must not open the way for this.
        self.reached_out = Arc::default();
    }

    /// Why a request may not leave now, if it may not.
    fn refusal(&self, target: &str) -> Option<String> {
        match (&self.run, self.role) {
            (Some(_), Role::Twin(_)) if self.signal.in_body() => None,
            (None, _) | (_, Role::Describe) => Some(format!(
                "`describe` asked for {target}; it may only describe, without the network"
            )),
            (Some(_), Role::Workflow | Role::Twin(_)) => Some(format!(
                "the workflow code sent a request to {target}; only the body of a step may use the network: move this into a \
                 step"
            )),
        }
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let way = match (&self.run, self.role) {
            (Some(run), Role::Twin(slot)) => Some((run.clone(), slot)),
            (_, Role::Workflow | Role::Twin(_) | Role::Describe) => None,
        };
        let reached_out = self.reached_out.clone();
        let signal = self.signal.clone();
        let body = signal.turns.body();
        let options = options.unwrap_or_default();
        let timeouts = Timeouts {
            connect: options
                .connect_timeout
                .unwrap_or(CONNECT_TIMEOUT)
                .min(CONNECT_TIMEOUT),
            first_byte: options.first_byte_timeout.unwrap_or(IDLE_TIMEOUT),
            between_bytes: options.between_bytes_timeout.unwrap_or(IDLE_TIMEOUT),
        };
        Box::new(async move {
            let Some((run, slot)) = way else {
                return Err(wasmtime_wasi_http::Error::HttpRequestDenied);
            };
            if let Some(trace) = run.trace_of_body(slot) {
                crate::trace::add(&trace, request.headers_mut());
            }
            if !reached_out.load(Ordering::Relaxed) {
                let began = Instant::now();
                let barrier = run.flush_for_barrier(slot);
                barrier.await.map_err(|broken| {
                    wasmtime_wasi_http::Error::InternalError(Some(broken.to_string()))
                })?;
                let took = began.elapsed();
                run.timings().synced(took);
                signal.turns.synced(body, took);
                reached_out.store(true, Ordering::Relaxed);
            }
            let host = run.host();
            let response = host
                .http
                .send(run.egress(), request, timeouts)
                .await
                .map_err(|error| to_wasi(&error))?;
            let response =
                response.map(|body| body.map_err(|error| to_wasi(&error)).boxed_unsync());
            let done: Box<dyn Future<Output = Result<(), wasmtime_wasi_http::Error>> + Send> =
                Box::new(std::future::ready(Ok(())));
            Ok((response, done))
        })
    }
}

fn to_wasi(error: &FetchError) -> wasmtime_wasi_http::Error {
    use wasmtime_wasi_http::Error;
    match error {
        // The kind alone would not tell the author what to allow.
        FetchError::Denied(_)
        | FetchError::Invalid(_)
        | FetchError::Tls(_)
        | FetchError::Http(_) => Error::InternalError(Some(error.to_string())),
        FetchError::Dns(problem) => Error::DnsError {
            rcode: Some(problem.clone()),
            info_code: None,
        },
        FetchError::Connect(_) => Error::ConnectionRefused,
        FetchError::Timeout(_) => Error::ConnectionTimeout,
        FetchError::TooLarge(limit) => Error::HttpResponseBodySize(u64::try_from(*limit).ok()),
    }
}

fn view(guest: &mut Guest) -> WasiHttpCtxView<'_> {
    WasiHttpCtxView {
        hooks: &mut guest.outgoing,
        table: &mut guest.table,
        ctx: &mut guest.http,
    }
}

type Handled = Result<Resource<HostFutureIncomingResponse>, types::ErrorCode>;

/// `outgoing-handler.handle`, defined here because a request of workflow code must not even be looked at. Its refusal is an
/// error that says what to do, and a log line, for code that swallows the error.
fn handle(
    mut store: StoreContextMut<'_, Guest>,
    (request, options): (
        Resource<HostOutgoingRequest>,
        Option<Resource<types::RequestOptions>>,
    ),
) -> wasmtime::Result<(Handled,)> {
    let guest = store.data_mut();
    let authority = guest.table.get(&request)?.authority.clone();
    let target = authority.as_deref().unwrap_or("an unnamed host");
    // The guest gave them away with the request, but below they are only read: without an end here a run could send as many requests
    // as its table has places.
    let given: Option<Resource<RequestOptions>> = options
        .as_ref()
        .map(|options| Resource::new_own(options.rep()));
    if let Some(why) = guest.outgoing.refusal(target) {
        guest.table.delete(request)?;
        forget(guest, given)?;
        guest.sink.log(LogLevel::Warn, &why);
        return Ok((Err(types::ErrorCode::InternalError(Some(why))),));
    }
    let handled = outgoing_handler::Host::handle(&mut view(guest), request, options);
    forget(guest, given)?;
    match handled {
        Ok(response) => Ok((Ok(response),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

fn forget(guest: &mut Guest, options: Option<Resource<RequestOptions>>) -> wasmtime::Result<()> {
    if let Some(options) = options {
        guest.table.delete(options)?;
    }
    Ok(())
}

pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker
        .instance(OUTGOING_HANDLER)?
        .func_wrap("handle", handle)?;
    let options = types::LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &options, view)
}
