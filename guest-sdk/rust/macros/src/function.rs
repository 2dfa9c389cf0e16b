//! `#[function]`: an async function becomes a declared one.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, LitStr, Result, ReturnType, Token};

use crate::options::{self, Accepted};
use crate::values::function_id;

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
        // A durable function is async, whether or not this one has something to wait for.
        #[allow(clippy::unused_async)]
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
        let mut accepted = Accepted::default();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            accepted.accept(&key)?;
            if key == "id" {
                config.id = Some(function_id(input)?);
            } else {
                config.settings.extend(options::setting(&key, input)?);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(config)
    }
}
