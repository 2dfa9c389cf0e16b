//! What OpenTelemetry's variables say, as far as this node heeds it.
//!
//! A variable that names something else than what this node can do is an error at the start, not something that is passed over.

use std::path::PathBuf;
use std::time::Duration;

use abide_core::trace::{InvalidSampler, Sampling};
use reqwest::Url;

/// Settings of the exporter.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where spans are posted to.
    pub endpoint: Url,
    /// Where log records are posted to, if they are.
    pub lines: Option<Url>,
    pub sampling: Sampling,
    pub timeout: Duration,
    pub certificate: Option<PathBuf>,
    /// The most spans that wait; more are dropped.
    pub queue: usize,
    /// The most spans of one request.
    pub batch: usize,
    /// The longest that a span waits for others.
    pub delay: Duration,
}

/// Why traces cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The endpoint is none.
    #[error(
        "{name}: `{shown}` is not the address of a collector; write one like http://127.0.0.1:4318"
    )]
    Endpoint {
        /// Who said it.
        name: &'static str,
        /// What it said, without secrets.
        shown: String,
    },
    /// A variable names what is not there.
    #[error("{name}: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The sampler is none.
    #[error("OTEL_TRACES_SAMPLER: {0}")]
    Sampler(#[from] InvalidSampler),
    /// The certificate cannot be used.
    #[error("OTEL_EXPORTER_OTLP_CERTIFICATE: cannot use {}: {reason}", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The exporter cannot be made.
    #[error("traces cannot be exported: {0}")]
    Exporter(String),
    /// There is no thread for it.
    #[error("cannot start the thread that exports traces: {0}")]
    Thread(std::io::Error),
}

impl Settings {
    /// What the variables say; `None`: no traces.
    pub(super) fn read(
        endpoint: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TelemetryError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        // What is said of traces goes before what is said of all signals.
        let of_traces = |name: &str| {
            let special = name.replacen("OTLP_", "OTLP_TRACES_", 1);
            variable(&special).or_else(|| variable(name))
        };
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        if !TRACES.is_wanted(&variable)? {
            return Ok(None);
        }
        let Some(traces) = TRACES.endpoint(endpoint, &variable)? else {
            return Ok(None);
        };
        let lines = if LOGS.is_wanted(&variable)? {
            LOGS.endpoint(endpoint, &variable)?
        } else {
            None
        };
        if let Some(protocol) = of_traces("OTEL_EXPORTER_OTLP_PROTOCOL")
            && protocol != "http/protobuf"
        {
            return Err(TelemetryError::Variable {
                name: "OTEL_EXPORTER_OTLP_PROTOCOL",
                reason: format!(
                    "`{protocol}` is not spoken here; write http/protobuf, and the port for it, which is usually 4318"
                ),
            });
        }
        if let Some(compression) = of_traces("OTEL_EXPORTER_OTLP_COMPRESSION")
            && compression != "none"
        {
            return Err(TelemetryError::Variable {
                name: "OTEL_EXPORTER_OTLP_COMPRESSION",
                reason: format!("`{compression}` is not done here; leave it away, or write none"),
            });
        }
        let sampler = variable("OTEL_TRACES_SAMPLER");
        let sampling = match &sampler {
            Some(name) => Sampling::parse(name, variable("OTEL_TRACES_SAMPLER_ARG").as_deref())?,
            None => Sampling::default(),
        };
        if !sampling.is_ever() {
            return Ok(None);
        }
        let millis = |name, value: Option<String>, default| {
            Ok::<_, TelemetryError>(Duration::from_millis(number(name, value, default)?))
        };
        let count = |name, default| -> Result<usize, TelemetryError> {
            let count = number(name, variable(name), default)?;
            Ok(usize::try_from(count.max(1)).unwrap_or(usize::MAX))
        };
        let timeout = of_traces("OTEL_EXPORTER_OTLP_TIMEOUT");
        Ok(Some(Self {
            endpoint: traces,
            lines,
            sampling,
            timeout: millis("OTEL_EXPORTER_OTLP_TIMEOUT", timeout, 10_000)?,
            certificate: of_traces("OTEL_EXPORTER_OTLP_CERTIFICATE").map(PathBuf::from),
            queue: count("OTEL_BSP_MAX_QUEUE_SIZE", 16_384)?,
            batch: count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)?,
            delay: millis(
                "OTEL_BSP_SCHEDULE_DELAY",
                variable("OTEL_BSP_SCHEDULE_DELAY"),
                1_000,
            )?,
        }))
    }

    /// The endpoint without what may be secret in it.
    pub(super) fn shown_endpoint(&self) -> String {
        shown(&self.endpoint)
    }
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Only a URL that cannot have them refuses this.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn number(name: &'static str, value: Option<String>, default: u64) -> Result<u64, TelemetryError> {
    let Some(value) = value else {
        return Ok(default);
    };
    value.trim().parse().map_err(|_| TelemetryError::Variable {
        name,
        reason: format!("`{value}` is not a whole number"),
    })
}

/// One kind of what is sent.
struct Signal {
    exporter: &'static str,
    endpoint: &'static str,
    path: &'static str,
}

const TRACES: Signal = Signal {
    exporter: "OTEL_TRACES_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    path: "v1/traces",
};

const LOGS: Signal = Signal {
    exporter: "OTEL_LOGS_EXPORTER",
    endpoint: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    path: "v1/logs",
};

impl Signal {
    /// Whether it is to be sent.
    fn is_wanted(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<bool, TelemetryError> {
        match variable(self.exporter).as_deref() {
            None | Some("otlp") => Ok(true),
            Some("none") => Ok(false),
            Some(other) => Err(TelemetryError::Variable {
                name: self.exporter,
                reason: format!("there is no exporter `{other}`; write otlp or none"),
            }),
        }
    }

    /// Where it is posted to.
    fn endpoint(
        &self,
        endpoint: Option<&str>,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Url>, TelemetryError> {
        const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        if let Some(endpoint) = endpoint {
            return collector("otlp_endpoint", endpoint).map(|url| Some(self.below(url)));
        }
        if let Some(endpoint) = variable(self.endpoint) {
            return collector(self.endpoint, &endpoint).map(Some);
        }
        match variable(ALL) {
            Some(endpoint) => collector(ALL, &endpoint).map(|url| Some(self.below(url))),
            None => Ok(None),
        }
    }

    /// Where a collector with this address takes it.
    fn below(&self, mut url: Url) -> Url {
        let path = format!("{}/{}", url.path().trim_end_matches('/'), self.path);
        url.set_path(&path);
        url
    }
}

fn collector(name: &'static str, text: &str) -> Result<Url, TelemetryError> {
    let url = Url::parse(text.trim()).ok();
    let right = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    match url {
        Some(url) if right(&url) => Ok(url),
        _ => Err(TelemetryError::Endpoint {
            name,
            shown: without_secrets(text),
        }),
    }
}

/// What can be shown of a text that is no address: not what may be a password or a key.
fn without_secrets(text: &str) -> String {
    let after = text.rsplit('@').next().unwrap_or_default();
    let before = after.split(['?', '#']).next().unwrap_or_default();
    before.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        endpoint: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Settings>, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(endpoint, variable).map_err(|error| error.to_string())
    }

    fn endpoint(given: Option<&str>, variables: &[(&str, &str)]) -> Option<String> {
        let settings = read(given, variables).expect("right");
        settings.map(|settings| settings.endpoint.to_string())
    }

    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

    #[test]
    fn no_endpoint_is_no_traces_and_the_nearest_one_counts() {
        assert_eq!(endpoint(None, &[]), None);
        assert_eq!(endpoint(None, &[(ALL, " ")]), None);
        let of_all = (ALL, "http://c:4318/otlp/");
        assert_eq!(
            endpoint(None, &[of_all]).as_deref(),
            Some("http://c:4318/otlp/v1/traces")
        );
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/here");
        assert_eq!(
            endpoint(None, &[of_all, of_traces]).as_deref(),
            Some("http://t:1/here")
        );
        assert_eq!(
            endpoint(Some("https://own"), &[of_all, of_traces]).as_deref(),
            Some("https://own/v1/traces")
        );
    }

    #[test]
    fn log_records_go_to_the_same_collector_unless_they_are_not_wanted() {
        let lines = |given: Option<&str>, variables: &[(&str, &str)]| {
            let settings = read(given, variables).expect("right").expect("on");
            settings.lines.map(|url| url.to_string())
        };
        let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l:1/here");
        let of_all = (ALL, "http://c:4318");
        let below = Some("http://c:4318/v1/logs".to_owned());
        assert_eq!(lines(None, &[of_all]), below);
        assert_eq!(lines(Some("http://c:4318"), &[own]), below);
        assert_eq!(
            lines(None, &[of_all, own]).as_deref(),
            Some("http://l:1/here")
        );
        assert_eq!(lines(None, &[of_all, ("OTEL_LOGS_EXPORTER", "none")]), None);
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/here");
        assert_eq!(lines(None, &[of_traces]), None);
        let error = read(Some("http://c"), &[("OTEL_LOGS_EXPORTER", "console")]);
        assert!(error.expect_err("no").contains("OTEL_LOGS_EXPORTER"));
    }

    #[test]
    fn what_switches_traces_off_goes_before_an_endpoint() {
        for off in [
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
        ] {
            assert_eq!(endpoint(Some("http://c"), &[off]), None, "{off:?}");
        }
    }

    #[test]
    fn what_this_node_cannot_do_is_refused_and_told_without_secrets() {
        for (variable, value, says) in [
            ("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"),
            (
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                "http/json",
                "http/protobuf",
            ),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "none"),
            ("OTEL_TRACES_SAMPLER", "sometimes", "always_on"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "whole number"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "whole number"),
        ] {
            let error = read(Some("http://c"), &[(variable, value)]).expect_err(variable);
            assert!(error.contains(says), "{error}");
        }
        for wrong in ["collector:4318", "ftp://user:secret@c", "user:secret@c", ""] {
            let error = read(Some(wrong), &[]).expect_err(wrong);
            assert!(!error.contains("secret@"), "{error}");
            assert!(error.contains("http://127.0.0.1:4318"), "{error}");
        }
        let settings = read(Some("http://user:secret@c/?key=secret"), &[]).expect("right");
        let shown = settings.expect("on").shown_endpoint();
        assert_eq!(shown, "http://c/v1/traces");
    }
}
