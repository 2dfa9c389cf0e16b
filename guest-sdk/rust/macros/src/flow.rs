//! The options that pace, merge and end runs, each of which becomes a call of the builder.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Error, Ident, LitStr, Result, Token};

use crate::members::{capitalised, comma, members, needed, parentheses};
use crate::values::{
    call, duration, duration_within, event_name, expression, number, path, value, word,
};

/// `= 5` or `(limit = 5, key = "expression", scope = env, per = run)`
pub(crate) fn concurrency(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
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
pub(crate) fn throttle(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut limit, mut period, mut rest) = (None, None, TokenStream::new());
    let known = ["limit", "period", "burst", "key"];
    members(&content, "throttle", &known, |key, input| {
        match key.to_string().as_str() {
            "limit" => limit = Some(number(input, key, 1, u32::MAX)?),
            "period" => {
                let words = "`throttle.period` is 1 second to 7 days";
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
pub(crate) fn rate_limit(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut limit, mut period, mut rest) = (None, None, TokenStream::new());
    let known = ["limit", "period", "key"];
    members(&content, "rate_limit", &known, |key, input| {
        match key.to_string().as_str() {
            "limit" => limit = Some(number(input, key, 1, u32::MAX)?),
            "period" => {
                let words = "`rate_limit.period` is 1 second to 24 hours";
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
pub(crate) fn debounce(input: ParseStream<'_>) -> Result<TokenStream> {
    let bounded = |period| {
        duration_within(
            &period,
            "DEBOUNCE_PERIOD",
            "`debounce.period` is 1 second to 7 days",
        )
    };
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
pub(crate) fn batch_events(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let (mut size, mut timeout, mut rest) = (None, None, TokenStream::new());
    let known = ["max_size", "timeout", "key", "if"];
    members(&content, "batch_events", &known, |key, input| {
        match key.to_string().as_str() {
            "max_size" => size = Some(number(input, key, 2, 1_000)?),
            "timeout" => {
                let words = "`batch_events.timeout` is 1 second to 1 hour";
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
pub(crate) fn singleton(input: ParseStream<'_>) -> Result<TokenStream> {
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
pub(crate) fn cancel_on(input: ParseStream<'_>) -> Result<TokenStream> {
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
                let timeout = duration_within(
                    &value(input)?,
                    "ANY_TIME",
                    "a timeout is longer than nothing",
                );
                rest.extend(quote!(.timeout(#timeout)));
            }
            condition => {
                which += 1;
                rest.extend(match condition {
                    "matching" => call("matching", &path(input)?),
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
pub(crate) fn timeouts(input: ParseStream<'_>) -> Result<TokenStream> {
    let (content, span) = parentheses(input)?;
    let mut rest = TokenStream::new();
    members(&content, "timeouts", &["start", "finish"], |key, input| {
        let timeout = duration_within(
            &value(input)?,
            "ANY_TIME",
            "a timeout is longer than nothing",
        );
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
