//! Model requests.
// pub fn to_fetch(infer: &AiInfer, key: Option<&str>) -> Result<Fetch, Failure>
// pub fn result(response: &FetchResponse) -> Result<Json, Failure>
