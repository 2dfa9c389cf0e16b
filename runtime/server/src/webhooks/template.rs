//! Templates: texts with places that a request fills.
//!
//! `{data.object.id}` is a value of the body by its path, `{header:x-github-event}` a header, `{body:sha256}` the digest of the raw
//! body. `{action|none}` says what stands there if there is no such value. `{{` and `}}` are braces.

use abide_core::expr::check_path;

use super::transform::Request;

/// A template, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place, Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Path(String),
    Header(String),
    BodySha256,
}

impl Template {
    /// Reads a template, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(behind) = after.strip_prefix(brace) {
                literal.push_str(brace);
                rest = behind;
                continue;
            }
            if brace == "}" {
                return Err("a `}` without its `{`; a brace is written twice".into());
            }
            let (inside, behind) = after
                .split_once('}')
                .ok_or("a `{` without its `}`; a brace is written twice")?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            let (name, otherwise) = match inside.split_once('|') {
                Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
                None => (inside, None),
            };
            parts.push(Part::Place(Place::parse(name.trim())?, otherwise));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// Fills it, or says what there is nothing for.
    pub(super) fn fill(&self, request: &Request<'_>) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Place(place, otherwise) => match (place.value(request), otherwise) {
                    (Some(value), _) => filled.push_str(&value),
                    (None, Some(otherwise)) => filled.push_str(otherwise),
                    (None, None) => return Err(place.missing()),
                },
            }
        }
        Ok(filled)
    }
}

impl Place {
    fn parse(name: &str) -> Result<Self, String> {
        if let Some(header) = name.strip_prefix("header:") {
            let header = http::HeaderName::from_bytes(header.as_bytes())
                .map_err(|_| format!("`{header}` cannot be a header's name"))?;
            return Ok(Self::Header(header.as_str().to_owned()));
        }
        match name.strip_prefix("body:") {
            Some("sha256") => Ok(Self::BodySha256),
            Some(other) => Err(format!(
                "there is no `{{body:{other}}}`; there is {{body:sha256}}"
            )),
            None => match check_path(name) {
                Ok(()) => Ok(Self::Path(name.to_owned())),
                Err(invalid) => Err(invalid.to_string()),
            },
        }
    }

    fn value(&self, request: &Request<'_>) -> Option<String> {
        match self {
            Self::Path(path) => request.text_at(path),
            Self::Header(name) => request.header(name).map(str::to_owned),
            Self::BodySha256 => Some(request.body_sha256()),
        }
    }

    fn missing(&self) -> String {
        match self {
            Self::Path(path) => format!("the body has no text or number at `{path}`"),
            Self::Header(name) => format!("there is no header `{name}`"),
            Self::BodySha256 => "the body has no digest".into(),
        }
    }
}
