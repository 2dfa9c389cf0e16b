//! The HTTP client (signatures first; the bodies follow).
// pub struct FetchRequest { pub method: String, pub url: String, pub headers: Vec<(String, String)>, pub body: Option<Bytes>, pub timeout: Duration, pub max_response_bytes: usize }
// pub struct FetchResponse { pub status: u16, pub headers: Vec<(String, String)>, pub body: Bytes, pub url: String (after redirects) }
// pub enum FetchError { Denied(..), Dns(..), Connect(..), Tls(..), Timeout(..), TooLarge(..), Invalid(..), Http(..) }   fn to_failure(&self) -> Failure
// impl HttpClient { pub async fn fetch(&self, policy: &EgressPolicy, request: FetchRequest) -> Result<FetchResponse, FetchError> }
// impl From<&core::operation::Fetch> for FetchRequest; impl FetchResponse { fn to_json(&self) -> Json /* {"status","headers","body"|"body_base64"} */ }
