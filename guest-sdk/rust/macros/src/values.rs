//! Values of options: what a literal must look like, checked where the author wrote it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Error, Ident, LitFloat, LitInt, LitStr, Result, Token};

/// The longest id of a function.
const MAX_ID: usize = 128;
/// The longest name of an event.
const MAX_EVENT_NAME: usize = 256;

/// `= value`
pub(crate) fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `= "kebab-case"`
pub(crate) fn function_id(input: ParseStream<'_>) -> Result<LitStr> {
    let id: LitStr = value(input)?;
    let text = id.value();
    let parts_are_fine = text.split('-').all(|part| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    });
    if !parts_are_fine || text.len() > MAX_ID {
        let message = format!(
            "`{text}` is not a function id: it is kebab-case (`welcome-drip`), at most {MAX_ID} characters"
        );
        return Err(Error::new(id.span(), message));
    }
    Ok(id)
}

/// The name of an event, or a pattern of names.
pub(crate) fn event_pattern(name: &LitStr) -> Result<()> {
    let text = name.value();
    let problem = if text.is_empty() {
        "the event has no name"
    } else if text.chars().count() > MAX_EVENT_NAME {
        "the name of an event has at most 256 characters"
    } else if text
        .strip_suffix("/*")
        .or_else(|| text.strip_suffix(".*"))
        .unwrap_or(&text)
        .contains('*')
    {
        "`*` can only be the last part of a pattern: `order/*` or `order/paid.*`"
    } else {
        return Ok(());
    };
    Err(Error::new(name.span(), problem))
}

/// The name of one event.
pub(crate) fn event_name(name: &LitStr) -> Result<()> {
    event_pattern(name)?;
    if name.value().contains('*') {
        let problem = "the exact name of an event is needed here, not a pattern";
        return Err(Error::new(name.span(), problem));
    }
    Ok(())
}

/// Text that says something: an expression, a path.
pub(crate) fn expression(input: ParseStream<'_>) -> Result<LitStr> {
    let text: LitStr = value(input)?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), "the expression is empty"));
    }
    Ok(text)
}

/// `= "data.orderId"`
pub(crate) fn path(input: ParseStream<'_>) -> Result<LitStr> {
    let path: LitStr = value(input)?;
    let text = path.value();
    let outside = text.starts_with("event.") || text.starts_with("async.");
    if outside || text.split('.').any(str::is_empty) {
        let message =
            format!("`{text}` must be names between dots, inside the event: `data.orderId`");
        return Err(Error::new(path.span(), message));
    }
    Ok(path)
}

/// Five fields after an optional `TZ=Area/City`. What they say is the host's to read.
pub(crate) fn schedule(schedule: &LitStr) -> Result<()> {
    let text = schedule.value();
    let mut words = text.split_whitespace().peekable();
    let zone = words.next_if(|word| word.starts_with("TZ="));
    if words.count() == 5 && zone != Some("TZ=") {
        return Ok(());
    }
    let message = format!(
        "`{text}` is not a schedule: five fields (minute, hour, day of month, month, day of week), after an optional `TZ=Area/City `"
    );
    Err(Error::new(schedule.span(), message))
}

/// `= number` from `least` to `most`
pub(crate) fn number(
    input: ParseStream<'_>,
    option: &Ident,
    least: u32,
    most: u32,
) -> Result<LitInt> {
    let number: LitInt = value(input)?;
    let fits = |number: u32| least <= number && number <= most;
    if number.base10_parse::<u32>().is_ok_and(fits) {
        return Ok(number);
    }
    let range = if most == u32::MAX {
        format!(", {least} or more")
    } else {
        format!(" from {least} to {most}")
    };
    let message = format!("`{option}` is a number{range}");
    Err(Error::new(number.span(), message))
}

/// `= number`, from 1 to 1000
pub(crate) fn factor(input: ParseStream<'_>) -> Result<f64> {
    input.parse::<Token![=]>()?;
    let literal: syn::Lit = input.parse()?;
    let number: f64 = match &literal {
        syn::Lit::Float(number) => LitFloat::base10_parse(number)?,
        syn::Lit::Int(number) => LitInt::base10_parse(number)?,
        _ => return Err(Error::new(literal.span(), "`factor` is a number")),
    };
    if !(1.0..=1000.0).contains(&number) {
        return Err(Error::new(
            literal.span(),
            "`factor` is a number from 1 to 1000",
        ));
    }
    Ok(number)
}

/// One of these words.
pub(crate) fn word(input: ParseStream<'_>, option: &str, words: &[&str]) -> Result<Ident> {
    use syn::ext::IdentExt;

    let word = input.call(Ident::parse_any)?;
    if words.iter().any(|known| word == known) {
        return Ok(word);
    }
    Err(Error::new(
        word.span(),
        format!("{option} is {}", list(words, "or")),
    ))
}

/// ```text
/// `a`, `b` and `c`
/// ```
pub(crate) fn list(words: &[&str], last: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// A duration that is checked while the app is compiled, by the parser of the SDK itself.
pub(crate) fn duration(text: &LitStr) -> TokenStream {
    let check = says_a_length(text);
    quote_spanned! {text.span()=> {
        #check
        #text
    }}
}

/// A duration that lies within the bounds that the SDK has under the name `bounds`. `words` says which those are, and of what.
pub(crate) fn duration_within(text: &LitStr, bounds: &str, words: &str) -> TokenStream {
    let check = says_a_length(text);
    let bounds = Ident::new(bounds, text.span());
    let message = format!("`{}` is out of bounds: {words}", text.value());
    quote_spanned! {text.span()=> {
        #check
        const _: () = ::std::assert!(::abide_sdk::__private::limits::#bounds.hold_for(#text), #message);
        #text
    }}
}

fn says_a_length(text: &LitStr) -> TokenStream {
    let message = format!(
        "`{}` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
        text.value()
    );
    quote_spanned! {text.span()=>
        const _: () = ::std::assert!(::abide_sdk::__private::parse_ms(#text).is_some(), #message);
    }
}

/// `.key(value)`
pub(crate) fn call(method: &str, value: &impl quote::ToTokens) -> TokenStream {
    let method = Ident::new(method, value.span());
    quote!(.#method(#value))
}
