//! The options of the attribute, each of which becomes a call of the builder.
//!
//! What can be known from the literals is refused here, at the place of the mistake; what concerns the function as a whole is the builder's.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Error, Ident, LitStr, Path, Result, Token};

use crate::flow;
use crate::members::{capitalised, comma, members, needed, parentheses};
use crate::values::{
    call, duration, duration_within, event_pattern, expression, factor, list, number, schedule,
    value, word,
};

const OPTIONS: &[&str] = &[
    "id",
    "name",
    "on",
    "cron",
    "retries",
    "backoff",
    "concurrency",
    "throttle",
    "rate_limit",
    "debounce",
    "batch_events",
    "priority",
    "idempotency",
    "singleton",
    "cancel_on",
    "timeouts",
    "retention",
    "on_failure",
];
/// Options about single events.
const NOT_WITH_BATCHES: &[&str] = &[
    "cancel_on",
    "debounce",
    "singleton",
    "priority",
    "idempotency",
    "rate_limit",
];
const MAX_TRIGGERS: usize = 10;
const MAX_RETRIES: u32 = 20;

/// The options that were given so far.
#[derive(Default)]
pub(crate) struct Accepted(Vec<String>);

impl Accepted {
    /// Refuses an option that there is not, or not so often, or not beside the others.
    pub(crate) fn accept(&mut self, key: &Ident) -> Result<()> {
        let option = key.to_string();
        if !OPTIONS.contains(&option.as_str()) {
            let message = format!(
                "there is no option `{option}`; there are {}",
                list(OPTIONS, "and")
            );
            return Err(Error::new(key.span(), message));
        }
        let (kind, most): (&[&str], usize) = match option.as_str() {
            "on" | "cron" => (&["on", "cron"], MAX_TRIGGERS),
            "concurrency" => (&["concurrency"], 2),
            "cancel_on" => (&["cancel_on"], 5),
            _ => (&[], 1),
        };
        let before = self
            .0
            .iter()
            .filter(|it| **it == option || kind.contains(&it.as_str()))
            .count();
        if before >= most {
            let message = match option.as_str() {
                "on" | "cron" => format!("a function has at most {most} triggers"),
                "concurrency" | "cancel_on" => {
                    format!("`{option}` can be given at most {most} times")
                }
                _ => format!("`{option}` is given twice"),
            };
            return Err(Error::new(key.span(), message));
        }
        let conflicts = |other: &&String| {
            let beside = [option.as_str(), other.as_str()];
            beside.contains(&"batch_events")
                && beside.iter().any(|it| NOT_WITH_BATCHES.contains(it))
        };
        if let Some(other) = self.0.iter().find(conflicts) {
            let message = format!(
                "`{option}` cannot be combined with `{other}`: batches exclude what is about single events"
            );
            return Err(Error::new(key.span(), message));
        }
        self.0.push(option);
        Ok(())
    }
}

/// Reads what stands behind the option `key`, and makes the builder's call of it.
pub(crate) fn setting(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    let option = key.to_string();
    match option.as_str() {
        "name" => Ok(call(&option, &value::<LitStr>(input)?)),
        "on" => on(input),
        "cron" => cron(input),
        "retries" => Ok(call(&option, &number(input, key, 0, MAX_RETRIES)?)),
        "backoff" => backoff(input),
        "concurrency" => flow::concurrency(key, input),
        "throttle" => flow::throttle(input),
        "rate_limit" => flow::rate_limit(input),
        "debounce" => flow::debounce(input),
        "batch_events" => flow::batch_events(input),
        "priority" | "idempotency" => Ok(call(&option, &expression(input)?)),
        "singleton" => flow::singleton(input),
        "cancel_on" => flow::cancel_on(input),
        "timeouts" => flow::timeouts(input),
        "retention" => {
            let time = duration_within(
                &value(input)?,
                "RETENTION",
                "`retention` is 1 hour to 10 years",
            );
            Ok(quote!(.retention(#time)))
        }
        "on_failure" => on_failure(input),
        _ => unreachable!("`Accepted` knows the options"),
    }
}

/// `= "event"` or `("event", if = "expression")`
fn on(input: ParseStream<'_>) -> Result<TokenStream> {
    const FORM: &str = "a trigger is `on(\"event/name\", if = \"expression\")`";
    if input.peek(Token![=]) {
        let event: LitStr = value(input)?;
        event_pattern(&event)?;
        return Ok(call("on", &event));
    }
    let (content, _) = parentheses(input)?;
    let event: LitStr = content.parse()?;
    event_pattern(&event)?;
    comma(&content)?;
    let mut condition = TokenStream::new();
    while !content.is_empty() {
        if content.peek(LitStr) {
            return Err(content.error(format!("{FORM}; give another `on` for another event")));
        }
        let key = content.call(Ident::parse_any)?;
        if key != "if" || !condition.is_empty() {
            return Err(Error::new(key.span(), FORM));
        }
        condition = call("when", &expression(&content)?);
        comma(&content)?;
    }
    Ok(quote!(.on(::abide_sdk::Trigger::event(#event)#condition)))
}

/// `= "schedule"` or `("schedule", jitter = "30s", catchup = all)`
fn cron(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(Token![=]) {
        let times: LitStr = value(input)?;
        schedule(&times)?;
        return Ok(quote!(.on(::abide_sdk::Trigger::cron(#times))));
    }
    let (content, _) = parentheses(input)?;
    let times: LitStr = content.parse()?;
    schedule(&times)?;
    comma(&content)?;
    let mut rest = TokenStream::new();
    members(&content, "cron", &["jitter", "catchup"], |key, input| {
        rest.extend(if key == "jitter" {
            let jitter = duration_within(
                &value(input)?,
                "CRON_JITTER",
                "`cron.jitter` is 1 second to 5 minutes",
            );
            quote!(.jitter(#jitter))
        } else {
            input.parse::<Token![=]>()?;
            let word = word(input, "`catchup`", &["none", "last", "all"])?;
            let variant = capitalised(&word);
            quote!(.catchup(::abide_sdk::Catchup::#variant))
        });
        Ok(())
    })?;
    Ok(quote!(.on(::abide_sdk::Trigger::cron(#times)#rest)))
}

/// `(exponential, base = "5s", …)`
fn backoff(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let kind = word(
        &content,
        "a backoff",
        &["exponential", "linear", "constant"],
    )?;
    comma(&content)?;
    let (mut base, mut rest) = (None, TokenStream::new());
    let known = ["base", "factor", "max", "jitter"];
    members(&content, "backoff", &known, |key, input| {
        if key == "base" {
            base = Some(duration(&value(input)?));
        } else if key == "factor" {
            rest.extend(call("factor", &factor(input)?));
        } else {
            let length = duration(&value(input)?);
            rest.extend(quote!(.#key(#length)));
        }
        Ok(())
    })?;
    let base = needed(
        base,
        span,
        "a backoff needs a `base`: `backoff(constant, base = \"10s\")`",
    )?;
    Ok(quote!(.backoff(::abide_sdk::Backoff::#kind(#base)#rest)))
}

/// `= handler` or `(handler, retries = 10, backoff(…))`
fn on_failure(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(Token![=]) {
        return Ok(call("on_failure", &value::<Path>(input)?));
    }
    let (content, _) = parentheses(input)?;
    let handler: Path = content.parse()?;
    comma(&content)?;
    let mut rest = TokenStream::new();
    let known = [
        "name",
        "retries",
        "backoff",
        "concurrency",
        "throttle",
        "timeouts",
        "retention",
    ];
    members(&content, "on_failure", &known, |key, input| {
        rest.extend(setting(key, input)?);
        Ok(())
    })?;
    Ok(quote!(.on_failure_with(#handler, |handler| handler #rest)))
}
