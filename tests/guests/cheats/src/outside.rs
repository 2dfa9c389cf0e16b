//! Tricks with the world: variables, network, files, input, threads. Refusals are observations too: they must be the same again.

use std::io::Read as _;
use std::net::TcpStream;

use abide_sdk::prelude::*;

use crate::record::{Findings, Observer, Pace};

/// Variables and arguments. A body reads `CHEATS_VARIABLE`, if a test has configured it.
#[abide::function(id = "environment", on = "cheats/environment")]
pub(crate) async fn environment(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let look = || {
        let variables: Vec<_> = std::env::vars().collect();
        let arguments: Vec<_> = std::env::args().collect();
        let folder = said(std::env::current_dir());
        json!({"variables": variables, "arguments": arguments, "folder": folder})
    };
    let mut observer = Observer::default();
    observer.record(&ctx, look()).await?;
    let body = ctx
        .step("body")
        .run(async { Ok(json!(std::env::var("CHEATS_VARIABLE").ok())) });
    observer.body(body.await?);
    observer.record(&ctx, look()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

/// Requests and connections from workflow code, the former past the SDK's own refusal.
#[abide::function(id = "network", on = "cheats/network")]
pub(crate) async fn network(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let look =
        || json!({"tcp": said(TcpStream::connect("127.0.0.1:9").map(drop)), "http": request()});
    let mut observer = Observer::default();
    observer.record(&ctx, look()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

/// Hands a request to the host without asking the SDK.
fn request() -> String {
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

    let request = OutgoingRequest::new(Fields::new());
    let set = request.set_scheme(Some(&Scheme::Http)).is_ok()
        && request.set_authority(Some("127.0.0.1:9")).is_ok()
        && request.set_path_with_query(Some("/")).is_ok();
    if !set {
        return "the request was refused while it was written".to_owned();
    }
    let response = match handle(request, None) {
        Ok(response) => response,
        Err(code) => return format!("{code:?}"),
    };
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(answer))) => format!("status {}", answer.status()),
        Some(Ok(Err(code))) => format!("{code:?}"),
        Some(Err(())) | None => "no answer".to_owned(),
    }
}

/// Folders and files.
#[abide::function(id = "files", on = "cheats/files")]
pub(crate) async fn files(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let look = || {
        json!({
            "list": said(std::fs::read_dir("/").map(Iterator::count)),
            "read": said(std::fs::read_to_string("/etc/hostname")),
            "write": said(std::fs::write("left-behind", "x")),
        })
    };
    let mut observer = Observer::default();
    observer.record(&ctx, look()).await?;
    observer.body(ctx.step("body").run(async move { Ok(look()) }).await?);
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

/// Standard input.
#[abide::function(id = "stdin", on = "cheats/stdin")]
pub(crate) async fn stdin(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let look = || {
        let mut bytes = [0; 16];
        json!(said(std::io::stdin().read(&mut bytes)))
    };
    let mut observer = Observer::default();
    observer.record(&ctx, look()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

/// A thread that could race with the workflow code.
#[abide::function(id = "threads", on = "cheats/threads")]
pub(crate) async fn threads(ctx: Context, event: Event<Pace>) -> Result<Findings> {
    let look = || {
        let spawned = std::thread::Builder::new().spawn(|| 7);
        json!(said(
            spawned.map(|thread| thread.join().unwrap_or_default())
        ))
    };
    let mut observer = Observer::default();
    observer.record(&ctx, look()).await?;
    observer.rest(&ctx, &event).await?;
    observer.record(&ctx, look()).await?;
    Ok(observer.findings())
}

fn said<T: std::fmt::Debug>(result: std::io::Result<T>) -> String {
    match result {
        Ok(value) => format!("ok: {value:?}"),
        Err(error) => format!("error: {error}"),
    }
}
