//! `abide webhooks add`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum, ValueHint};
use serde_json::{Map, Value, json};

use super::model::Webhook;
use crate::cli::{Output, Server};
use crate::commands::read_text;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{print_json, print_line};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Provider {
    /// Stripe.
    Stripe,
    /// GitHub.
    Github,
    /// Whoever follows the Standard Webhooks specification.
    Standard,
    /// Anybody else who signs with HMAC.
    Generic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verify {
    /// The signature.
    Signature,
    /// Nothing: everybody who knows the URL can send.
    None,
}

/// Adds a webhook: requests of a third party to /hooks/NAME become events once their signature is found to be right.
#[derive(Args)]
#[command(after_help = "\
Examples:
  abide webhooks add stripe --provider stripe --secret-file stripe.secret
  abide webhooks add github --provider github --secret-file github.secret --if 'headers[\"x-github-event\"] == \"push\"'
  abide webhooks add shop --provider generic --secret-file shop.secret --signature-header x-shop-signature \\
      --event-name 'shop/{topic}' --id '{header:x-shop-delivery}'

A text for --event-name, --id or --data that begins with `cel:` is an expression over `body` and `headers`.")]
pub(crate) struct Add {
    /// The webhook's name, part of its URL: kebab-case.
    #[arg(value_name = "NAME")]
    name: String,
    /// Who sends.
    #[arg(long, value_enum)]
    provider: Provider,
    /// The file that holds the secret, as the provider shows it; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: Option<PathBuf>,
    /// The event's name, with {path.in.body} and {header:NAME}; `{path|text}` gives a default.
    #[arg(long, value_name = "TEMPLATE")]
    event_name: Option<String>,
    /// The event's data: a path into the body; the whole body unless given.
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// The id by which a repeated delivery is known, as a template; `none` takes each request as a new one.
    #[arg(long, value_name = "TEMPLATE")]
    id: Option<String>,
    /// Only requests for which this CEL expression over `body` and `headers` holds.
    #[arg(long = "if", value_name = "CEL")]
    condition: Option<String>,
    /// Where in the body the text is that the provider wants back when it tries the URL out.
    #[arg(long, value_name = "PATH")]
    challenge: Option<String>,
    #[command(flatten)]
    scheme: SchemeArgs,
    /// Take no requests yet.
    #[arg(long)]
    disabled: bool,
    /// Replace a webhook of this name. Without --secret-file it keeps its secret.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// How a generic sender signs.
#[derive(Args)]
struct SchemeArgs {
    /// What is verified of a generic sender.
    #[arg(long, value_enum, default_value = "signature")]
    verify: Verify,
    /// Generic: the header that holds the signature.
    #[arg(long, value_name = "HEADER")]
    signature_header: Option<String>,
    /// Generic: the hash function under HMAC; sha256 unless given.
    #[arg(long, value_name = "NAME", value_parser = ["sha256", "sha1", "sha512"])]
    algorithm: Option<String>,
    /// Generic: how the signature is written; hex unless given.
    #[arg(long, value_name = "NAME", value_parser = ["hex", "base64"])]
    encoding: Option<String>,
    /// Generic: what stands before the signature in its header.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// Generic: the header that holds the time of signing.
    #[arg(long, value_name = "HEADER")]
    timestamp_header: Option<String>,
    /// Generic: what is signed; {body}, or {timestamp}.{body} with --timestamp-header.
    #[arg(long, value_name = "TEMPLATE")]
    signed: Option<String>,
}

impl Add {
    pub(super) async fn run(self) -> Result<Outcome> {
        let fields = self.fields()?;
        let client = self.server.client()?;
        let text = if self.replace {
            let json = Value::Object(fields).to_string();
            client.put(&["webhooks", &self.name], &[], json).await?
        } else {
            client.act(&["webhooks"], &fields).await?
        };
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let webhook: Webhook = client.parse(&text)?;
        let url = format!("{}{}", client.base(), webhook.path);
        print_line(&format!("{} takes requests at {url}", webhook.name))?;
        let sample = format!("webhooks test {} --dry-run", webhook.name);
        eprintln!("try it out: {}", self.server.command(&sample));
        if !webhook.verified {
            eprintln!("nothing is verified: everybody who knows the URL can send");
        }
        Ok(Outcome::Done)
    }

    /// The request's fields.
    fn fields(&self) -> Result<Map<String, Value>> {
        let mut fields = Map::new();
        let provider = self.provider.to_possible_value();
        let provider = provider.map(|it| it.get_name().to_owned());
        let texts = [
            ("provider", &provider),
            ("event_name", &self.event_name),
            ("data", &self.data),
            ("id", &self.id),
            ("if", &self.condition),
            ("challenge", &self.challenge),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                fields.insert(name.into(), json!(text));
            }
        }
        if !self.replace {
            fields.insert("name".into(), json!(self.name));
        }
        if self.disabled {
            fields.insert("enabled".into(), json!(false));
        }
        if let Some(scheme) = self.scheme.json(self.provider)? {
            fields.insert("scheme".into(), scheme);
        }
        if let Some(path) = &self.secret_file {
            fields.insert("secret".into(), json!(read_text(path)?.trim()));
        } else if !self.replace && self.scheme.verify == Verify::Signature {
            return Err(Usage(
                "--secret-file is missing: the file with the secret that the provider shows".into(),
            )
            .into());
        }
        Ok(fields)
    }
}

impl SchemeArgs {
    /// The scheme in the API's shape, for a generic sender.
    fn json(&self, provider: Provider) -> Result<Option<Value>> {
        let texts = [
            ("header", "--signature-header", &self.signature_header),
            ("algorithm", "--algorithm", &self.algorithm),
            ("encoding", "--encoding", &self.encoding),
            ("prefix", "--prefix", &self.prefix),
            (
                "timestamp_header",
                "--timestamp-header",
                &self.timestamp_header,
            ),
            ("signed", "--signed", &self.signed),
        ];
        let given = texts.iter().find(|(_, _, text)| text.is_some());
        if let Some((_, option, _)) = given
            && (provider != Provider::Generic || self.verify == Verify::None)
        {
            let problem = format!("{option} says how a generic sender signs; it has no place here");
            return Err(Usage(problem).into());
        }
        match (provider, self.verify) {
            (Provider::Generic, Verify::None) => Ok(Some(json!("none"))),
            (Provider::Generic, Verify::Signature) => {
                if self.signature_header.is_none() {
                    return Err(Usage(
                        "--signature-header is missing: the header that holds the sender's signature; --verify none takes requests without any".into(),
                    )
                    .into());
                }
                let given = texts.iter().filter_map(|(name, _, text)| {
                    Some(((*name).to_owned(), json!((*text).as_ref()?)))
                });
                Ok(Some(json!({ "hmac": Value::Object(given.collect()) })))
            }
            (_, Verify::Signature) => Ok(None),
            (_, Verify::None) => Err(Usage(
                "--verify none is only for --provider generic: the others sign what they send"
                    .into(),
            )
            .into()),
        }
    }
}
