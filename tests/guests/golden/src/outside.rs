//! A connection to somewhere, over WASI.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

/// Asks for `http://AUTHORITY/`; the status, or what went wrong.
pub(crate) fn get(authority: &str) -> Result<String, &'static str> {
    let request = OutgoingRequest::new(Fields::new());
    let set = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some("/")));
    set.map_err(|()| "no such address")?;
    let response = handle(request, None).map_err(|_| "the host refuses")?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(Ok(response))) => Ok(response.status().to_string()),
        _ => Err("nobody answers"),
    }
}
