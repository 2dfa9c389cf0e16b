//! Why a request is not taken. What is said of one whose signature is not right is the same whatever is wrong with it.

/// Why a request is refused. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A header that must be there is not.
    #[error("header `{0}`: is missing; requests without it are not the provider's")]
    Missing(String),
    /// A header is there several times, so that nobody can say which one counts.
    #[error("header `{0}`: is there several times; it must be there once")]
    Repeated(String),
    /// A header does not have the form that the provider gives it.
    #[error("header `{header}`: must be {expected}")]
    Malformed {
        /// Which.
        header: String,
        /// Its form.
        expected: &'static str,
    },
    /// No signature fits.
    #[error(
        "the signature does not match the body; check that both sides have the same secret, and that nothing between them changes the body"
    )]
    Forged,
    /// The signature fits, but it is too old, or from the future.
    #[error(
        "the request was signed more than 5 minutes before or after it arrived; it may be a replay, or one of the two clocks is wrong"
    )]
    Stale,
    /// A body of a kind that is not taken, whatever its signature.
    #[error("{0}")]
    UnsupportedBody(String),
    /// The signature fits, but the body cannot be read.
    #[error("the body is not {0}")]
    UnreadableBody(String),
    /// The request is the provider's, but the webhook's settings make no event of it.
    #[error(
        "{field}: {problem}; change the webhook's settings with `abide webhooks add --replace`"
    )]
    Unmapped {
        /// Which setting.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}
