//! The options of the attribute, each of which becomes a call of the builder.
//!
//! What can be known from the literals is refused here, at the place of the mistake; what concerns the function as a whole is the builder's.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Error, Ident, LitStr, Path, Result, Token, parenthesized};

use crate::values::{
    call, duration, duration_within, event_name, event_pattern, expression, factor, list, number,
    schedule, value, word,
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
        "concurrency" => concurrency(key, input),
        "throttle" => throttle(input),
        "rate_limit" => rate_limit(input),
        "debounce" => debounce(input),
        "batch_events" => batch_events(input),
        "priority" | "idempotency" => Ok(call(&option, &expression(input)?)),
        "singleton" => singleton(input),
        "cancel_on" => cancel_on(input),
        "timeouts" => timeouts(input),
        "retention" => {
            let time = duration_within(&value(input)?, "RETENTION", "1 hour to 10 years");
            Ok(quote!(.retention(#time)))
        }
        "on_failure" => on_failure(input),
        _ => unreachable!("`Accepted` knows the options"),
    }
}

/// The content of `option(key = value, …)`: calls `take` for each key, which is one of `known` and given once.
fn members(
    content: ParseStream<'_>,
    option: &str,
    known: &[&str],
    mut take: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    while !content.is_empty() {
        let key = content.call(Ident::parse_any)?;
        let name = key.to_string();
        if !known.contains(&name.as_str()) {
            let message = format!("`{option}` has {}", list(known, "and"));
            return Err(Error::new(key.span(), message));
        }
        if seen.contains(&name) {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        seen.push(name);
        take(&key, content)?;
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// `(…)`, and where it stands.
fn parentheses<'a>(input: &ParseBuffer<'a>) -> Result<(ParseBuffer<'a>, Span)> {
    let content;
    let parentheses = parenthesized!(content in input);
    Ok((content, parentheses.span.join()))
}

/// The comma between what stands first in parentheses and the rest.
fn comma(content: ParseStream<'_>) -> Result<()> {
    if !content.is_empty() {
        content.parse::<Token![,]>()?;
    }
    Ok(())
}

/// A member that must be given.
fn needed<T>(member: Option<T>, span: Span, message: &str) -> Result<T> {
    member.ok_or_else(|| Error::new(span, message))
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
            let jitter = duration_within(&value(input)?, "CRON_JITTER", "1 second to 5 minutes");
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

/// `= 5` or `(limit = 5, key = "expression", scope = env, per = run)`
fn concurrency(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(Token![=]) {
        return Ok(call("concurrency", &number(input, key, 1, u32::MAX)?));
    }
    let (content, span) = parentheses(input)?;
    let (mut limit, mut keyed, mut wide, mut rest) = (None, false, None, TokenStream::new());
    let known = ["limit", "key", "scope", "per"];
    members(&content, "concurrency", &known, |key, input| {
        match key.to_string().as_str() {
            "limit" => limit = Some(number(input, key, 1, u32::MAX)?),
            "key" => {
                keyed = true;
                rest.extend(call("key", &expression(input)?));
            }
            "scope" => {
                input.parse::<Token![=]>()?;
                let scope = word(input, "`scope`", &["fn", "env", "account"])?;
                let variant = capitalised(&scope);
                rest.extend(quote!(.scope(::abide_sdk::Scope::#variant)));
                wide = (scope != "fn").then_some(scope);
            }
            _ => {
                input.parse::<Token![=]>()?;
                let unit = word(input, "`per`", &["step", "run"])?;
                let method = Ident::new(&format!("per_{unit}"), unit.span());
                rest.extend(quote!(.#method()));
            }
        }
        Ok(())
    })?;
    if let (Some(scope), false) = (wide, keyed) {
        let message = format!("the scope `{scope}` needs a `key`, which says who shares the limit");
        return Err(Error::new(scope.span(), message));
    }
    let limit = needed(
        limit,
        span,
        "`concurrency` needs a `limit`: `concurrency(limit = 5)`",
    )?;
    Ok(quote!(.concurrency(::abide_sdk::Concurrency::new(#limit)#rest)))
}

/// `(limit = 10, period = "1m", burst = 5, key = "expression")`
fn throttle(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut limit, mut period, mut rest) = (None, None, TokenStream::new());
    let known = ["limit", "period", "burst", "key"];
    members(&content, "throttle", &known, |key, input| {
        match key.to_string().as_str() {
            "limit" => limit = Some(number(input, key, 1, u32::MAX)?),
            "period" => {
                let words = "1 second to 7 days";
                period = Some(duration_within(&value(input)?, "THROTTLE_PERIOD", words));
            }
            "burst" => rest.extend(call("burst", &number(input, key, 0, u32::MAX)?)),
            _ => rest.extend(call("key", &expression(input)?)),
        }
        Ok(())
    })?;
    let form = "`throttle` needs a `limit` and a `period`: `throttle(limit = 10, period = \"1m\")`";
    let (limit, period) = (needed(limit, span, form)?, needed(period, span, form)?);
    Ok(quote!(.throttle(::abide_sdk::Throttle::new(#limit, #period)#rest)))
}

/// `(limit = 10, period = "1h", key = "expression")`
fn rate_limit(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut limit, mut period, mut rest) = (None, None, TokenStream::new());
    let known = ["limit", "period", "key"];
    members(&content, "rate_limit", &known, |key, input| {
        match key.to_string().as_str() {
            "limit" => limit = Some(number(input, key, 1, u32::MAX)?),
            "period" => {
                let words = "1 second to 24 hours";
                period = Some(duration_within(&value(input)?, "RATE_LIMIT_PERIOD", words));
            }
            _ => rest.extend(call("key", &expression(input)?)),
        }
        Ok(())
    })?;
    let form =
        "`rate_limit` needs a `limit` and a `period`: `rate_limit(limit = 10, period = \"1h\")`";
    let (limit, period) = (needed(limit, span, form)?, needed(period, span, form)?);
    Ok(quote!(.rate_limit(::abide_sdk::RateLimit::new(#limit, #period)#rest)))
}

/// `= "5s"` or `(period = "5s", key = "expression", timeout = "1m")`
fn debounce(input: ParseStream<'_>) -> Result<TokenStream> {
    let bounded = |period| duration_within(&period, "DEBOUNCE_PERIOD", "1 second to 7 days");
    if input.peek(Token![=]) {
        let period = bounded(value(input)?);
        return Ok(quote!(.debounce(::abide_sdk::Debounce::new(#period))));
    }
    let (content, span) = parentheses(input)?;
    let (mut period, mut rest) = (None, TokenStream::new());
    let known = ["period", "key", "timeout"];
    members(&content, "debounce", &known, |key, input| {
        match key.to_string().as_str() {
            "period" => period = Some(bounded(value(input)?)),
            "key" => rest.extend(call("key", &expression(input)?)),
            _ => {
                let timeout = duration(&value(input)?);
                rest.extend(quote!(.timeout(#timeout)));
            }
        }
        Ok(())
    })?;
    let period = needed(
        period,
        span,
        "`debounce` needs a `period`: `debounce(period = \"5s\")`",
    )?;
    Ok(quote!(.debounce(::abide_sdk::Debounce::new(#period)#rest)))
}

/// `(max_size = 100, timeout = "10s", key = "expression", if = "expression")`
fn batch_events(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut size, mut timeout, mut rest) = (None, None, TokenStream::new());
    let known = ["max_size", "timeout", "key", "if"];
    members(&content, "batch_events", &known, |key, input| {
        match key.to_string().as_str() {
            "max_size" => size = Some(number(input, key, 2, 1_000)?),
            "timeout" => {
                let words = "1 second to 1 hour";
                timeout = Some(duration_within(&value(input)?, "BATCH_TIMEOUT", words));
            }
            "key" => rest.extend(call("key", &expression(input)?)),
            _ => rest.extend(call("when", &expression(input)?)),
        }
        Ok(())
    })?;
    let form = "`batch_events` needs a `max_size` and a `timeout`: `batch_events(max_size = 100, timeout = \"10s\")`";
    let (size, timeout) = (needed(size, span, form)?, needed(timeout, span, form)?);
    Ok(quote!(.batch_events(::abide_sdk::Batch::new(#size, #timeout)#rest)))
}

/// `= skip` or `(skip, key = "expression")`
fn singleton(input: ParseStream<'_>) -> Result<TokenStream> {
    const MODES: &[&str] = &["skip", "cancel"];
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        let mode = word(input, "a singleton", MODES)?;
        return Ok(quote!(.singleton(::abide_sdk::Singleton::#mode())));
    }
    let (content, _) = parentheses(input)?;
    let mode = word(&content, "a singleton", MODES)?;
    comma(&content)?;
    let mut rest = TokenStream::new();
    members(&content, "singleton", &["key"], |_, input| {
        rest.extend(call("key", &expression(input)?));
        Ok(())
    })?;
    Ok(quote!(.singleton(::abide_sdk::Singleton::#mode()#rest)))
}

/// `(event = "order/cancelled", matching = "data.orderId", timeout = "1h")`, with `if = "expression"` or `all` in place of `matching`
fn cancel_on(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut event, mut which, mut rest) = (None, 0, TokenStream::new());
    let known = ["event", "matching", "if", "all", "timeout"];
    members(&content, "cancel_on", &known, |key, input| {
        match key.to_string().as_str() {
            "event" => {
                let name: LitStr = value(input)?;
                event_name(&name)?;
                event = Some(name);
            }
            "timeout" => {
                let timeout = duration_within(&value(input)?, "ANY_TIME", "longer than nothing");
                rest.extend(quote!(.timeout(#timeout)));
            }
            condition => {
                which += 1;
                rest.extend(match condition {
                    "matching" => call("matching", &expression(input)?),
                    "if" => call("when", &expression(input)?),
                    _ => quote!(.all()),
                });
            }
        }
        Ok(())
    })?;
    let form = "`cancel_on` needs an `event`: `cancel_on(event = \"order/cancelled\", matching = \"data.orderId\")`";
    let event = needed(event, span, form)?;
    if which != 1 {
        let message = "`cancel_on` needs exactly one of `matching`, `if` and `all`, to say which runs the event cancels";
        return Err(Error::new(span, message));
    }
    Ok(quote!(.cancel_on(::abide_sdk::CancelOn::event(#event)#rest)))
}

/// `(start = "10m", finish = "2h")`
fn timeouts(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let mut rest = TokenStream::new();
    members(&content, "timeouts", &["start", "finish"], |key, input| {
        let timeout = duration_within(&value(input)?, "ANY_TIME", "longer than nothing");
        rest.extend(quote!(.#key(#timeout)));
        Ok(())
    })?;
    if rest.is_empty() {
        return Err(Error::new(
            span,
            "`timeouts` needs `start`, `finish` or both",
        ));
    }
    Ok(quote!(.timeouts(::abide_sdk::Timeouts::new()#rest)))
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

/// The variant that has this word as its name.
fn capitalised(word: &Ident) -> Ident {
    let name = word.to_string();
    let (first, rest) = name.split_at(1);
    Ident::new(&format!("{}{rest}", first.to_uppercase()), word.span())
}
