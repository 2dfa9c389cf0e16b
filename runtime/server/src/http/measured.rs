//! What is counted of each request: its route, the class of its answer's status, how long that took, and the problem that it tells of.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::gate::place_of_route;
use crate::metrics::HttpMetrics;

/// The route of an answer, by its place in the table.
#[derive(Debug, Clone, Copy)]
struct Route(usize);

/// The code of the problem that an answer tells of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told(pub(super) &'static str);

/// Before everything else: counts the request when its answer begins.
pub(super) async fn request(
    State(http): State<Arc<HttpMetrics>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let under_way = http.begin();
    let answer = next.run(request).await;
    drop(under_way);
    let route = answer.extensions().get::<Route>().map(|route| route.0);
    http.answered(route, answer.status().as_u16(), began.elapsed());
    if let Some(Told(code)) = answer.extensions().get::<Told>() {
        http.told(code);
    }
    answer
}

/// Where the route is known: notes it on the answer.
pub(super) async fn route(request: Request, next: Next) -> Response {
    let pattern = request.extensions().get::<MatchedPath>();
    let place = pattern.and_then(|it| place_of_route(request.method(), it.as_str()));
    let mut answer = next.run(request).await;
    if let Some(place) = place {
        answer.extensions_mut().insert(Route(place));
    }
    answer
}
