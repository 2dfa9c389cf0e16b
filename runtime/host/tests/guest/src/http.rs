//! A GET over WASI.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

/// The status and the body, as JSON.
pub fn get(url: &str) -> Result<String, String> {
    let rest = url.strip_prefix("http://").ok_or("an http URL")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Get).map_err(|()| "method")?;
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let response = handle(request, None).map_err(|e| format!("{e:?}"))?;
    response.subscribe().block();
    let response = response.get().ok_or("not ready")?.map_err(|()| "taken")?.map_err(|e| format!("{e:?}"))?;
    let status = response.status();
    let body = response.consume().map_err(|()| "body")?;
    let stream = body.stream().map_err(|()| "stream")?;
    let mut bytes = Vec::new();
    while let Ok(chunk) = stream.blocking_read(65_536) {
        bytes.extend(chunk);
    }
    Ok(format!("[{status},{:?}]", String::from_utf8_lossy(&bytes)))
}
