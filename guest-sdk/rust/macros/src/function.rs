//! `#[function]`: an async function becomes a declared one.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, Ident, ItemFn, LitFloat, LitInt, LitStr, Result, ReturnType, Token, parenthesized,
};

/// How many triggers a function can have.
const MAX_TRIGGERS: usize = 10;
/// How often a step can be tried again.
const MAX_RETRIES: u32 = 20;
/// The longest id of a function.
const MAX_ID: usize = 128;
/// The longest name of an event.
const MAX_EVENT_NAME: usize = 256;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    check_signature(&function)?;
    let config = Config::parse.parse2(arguments)?;

    let (visibility, name) = (&function.vis, &function.sig.ident);
    let id = config.id.ok_or_else(|| {
        Error::new(
            name.span(),
            "the function needs an id: `#[abide::function(id = \"my-function\", …)]`",
        )
    })?;
    let settings = config.settings;
    let documentation = format!(
        "Carries the configuration of the durable function `{}` to `app!`.",
        id.value()
    );
    // A misfit between the function and `Workflow` is reported at the function's name.
    let new = quote_spanned!(name.span()=> ::abide_sdk::Function::new(#id, #name));
    Ok(quote! {
        #function

        #[doc = #documentation]
        #[allow(non_camel_case_types)]
        #visibility struct #name {}

        #[automatically_derived]
        impl ::abide_sdk::Declared for #name {
            fn function() -> ::abide_sdk::Function {
                #new #settings
            }
        }
    })
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let expected = "`async fn(ctx: Context, event: Event<T>) -> Result<Output>`";
    if signature.asyncness.is_none() {
        return Err(Error::new(
            signature.fn_token.span,
            format!("a durable function is async: {expected}"),
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a durable function cannot be generic: the host could not know for which types to run it",
        ));
    }
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        return Err(Error::new(
            receiver.span(),
            format!("a durable function is a free function, not a method: {expected}"),
        ));
    }
    if signature.inputs.is_empty() || signature.inputs.len() > 2 {
        return Err(Error::new(
            signature.paren_token.span.join(),
            format!("a durable function takes a context, and an event if it wants one: {expected}"),
        ));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(
            signature.paren_token.span.join(),
            format!("a durable function returns a `Result`, for example `Result<()>`: {expected}"),
        ));
    }
    Ok(())
}

/// What the attribute's arguments say.
struct Config {
    id: Option<LitStr>,
    /// The builder's calls, for example `.retries(3)`.
    settings: TokenStream,
}

impl Parse for Config {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut config = Self {
            id: None,
            settings: TokenStream::new(),
        };
        let mut triggers = 0;
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            let word = key.to_string();
            if word != "on" && seen.contains(&word) {
                return Err(Error::new(key.span(), format!("`{word}` is given twice")));
            }
            match word.as_str() {
                "id" => config.id = Some(function_id(input)?),
                "name" => {
                    let name: LitStr = value(input)?;
                    config.settings.extend(quote!(.name(#name)));
                }
                "on" => {
                    triggers += 1;
                    if triggers > MAX_TRIGGERS {
                        return Err(Error::new(
                            key.span(),
                            format!("a function has at most {MAX_TRIGGERS} triggers"),
                        ));
                    }
                    config.settings.extend(trigger(input)?);
                }
                "retries" => config.settings.extend(retries(input)?),
                "backoff" => config.settings.extend(backoff(input)?),
                _ => {
                    let message = format!(
                        "there is no option `{word}`; there are `id`, `name`, `on`, `retries` and `backoff`"
                    );
                    return Err(Error::new(key.span(), message));
                }
            }
            seen.push(word);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(config)
    }
}

/// `= value`
fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn function_id(input: ParseStream<'_>) -> Result<LitStr> {
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

/// `= "event"` or `("event", if = "expression")`
fn trigger(input: ParseStream<'_>) -> Result<TokenStream> {
    if input.peek(Token![=]) {
        let event = event_name(&value(input)?)?;
        return Ok(quote!(.on(#event)));
    }
    let content;
    parenthesized!(content in input);
    let event = event_name(&content.parse()?)?;
    let mut condition = TokenStream::new();
    if content.parse::<Option<Token![,]>>()?.is_some() && !content.is_empty() {
        let key = content.call(Ident::parse_any)?;
        if key != "if" {
            return Err(Error::new(
                key.span(),
                "a trigger is `on(\"event/name\", if = \"expression\")`",
            ));
        }
        let expression: LitStr = value(&content)?;
        condition = quote!(.when(#expression));
        content.parse::<Option<Token![,]>>()?;
    }
    if !content.is_empty() {
        return Err(content.error("a trigger is `on(\"event/name\", if = \"expression\")`; give another `on` for another event"));
    }
    Ok(quote!(.on(::abide_sdk::Trigger::event(#event)#condition)))
}

fn event_name(name: &LitStr) -> Result<LitStr> {
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
        return Ok(name.clone());
    };
    Err(Error::new(name.span(), problem))
}

fn retries(input: ParseStream<'_>) -> Result<TokenStream> {
    let retries: LitInt = value(input)?;
    if retries
        .base10_parse::<u32>()
        .is_ok_and(|number| number <= MAX_RETRIES)
    {
        return Ok(quote!(.retries(#retries)));
    }
    Err(Error::new(
        retries.span(),
        format!("`retries` is a number from 0 to {MAX_RETRIES}"),
    ))
}

/// `(exponential, base = "5s", …)`
fn backoff(input: ParseStream<'_>) -> Result<TokenStream> {
    let content;
    let parentheses = parenthesized!(content in input);
    let kind: Ident = content.parse()?;
    if !["exponential", "linear", "constant"]
        .iter()
        .any(|known| kind == known)
    {
        return Err(Error::new(
            kind.span(),
            "a backoff is `exponential`, `linear` or `constant`",
        ));
    }
    let mut base = None;
    let mut rest = TokenStream::new();
    while !content.is_empty() {
        content.parse::<Token![,]>()?;
        if content.is_empty() {
            break;
        }
        let key: Ident = content.parse()?;
        match key.to_string().as_str() {
            "base" => base = Some(duration(&value(&content)?)),
            "max" | "jitter" => {
                let length = duration(&value(&content)?);
                rest.extend(quote!(.#key(#length)));
            }
            "factor" => rest.extend(factor(&content)?),
            _ => {
                return Err(Error::new(
                    key.span(),
                    "a backoff has `base`, `factor`, `max` and `jitter`",
                ));
            }
        }
    }
    let base = base.ok_or_else(|| {
        Error::new(
            parentheses.span.join(),
            "a backoff needs a `base`: `backoff(constant, base = \"10s\")`",
        )
    })?;
    Ok(quote!(.backoff(::abide_sdk::Backoff::#kind(#base)#rest)))
}

fn factor(input: ParseStream<'_>) -> Result<TokenStream> {
    input.parse::<Token![=]>()?;
    let literal: syn::Lit = input.parse()?;
    let number: f64 = match &literal {
        syn::Lit::Float(number) => LitFloat::base10_parse(number)?,
        syn::Lit::Int(number) => LitInt::base10_parse(number)?,
        _ => return Err(Error::new(literal.span(), "`factor` is a number")),
    };
    if number < 1.0 {
        return Err(Error::new(literal.span(), "`factor` is at least 1"));
    }
    Ok(quote!(.factor(#number)))
}

/// A duration that is checked while the app is compiled, by the parser of the SDK itself.
fn duration(text: &LitStr) -> TokenStream {
    let message = format!(
        "`{}` is not a length of time: write it like `3 days`, `1h 30m` or `250ms`",
        text.value()
    );
    quote_spanned! {text.span()=> {
        const _: () = ::std::assert!(::abide_sdk::__private::parse_ms(#text).is_some(), #message);
        #text
    }}
}
