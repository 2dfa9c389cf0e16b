//! `app!`: the component's exports.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Result, Token};

/// `function, function; schemas: [schema, schema]`
struct App {
    functions: Punctuated<Expr, Token![,]>,
    schemas: Option<Expr>,
}

impl Parse for App {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut functions = Punctuated::new();
        while !input.is_empty() && !input.peek(Token![;]) {
            functions.push_value(input.parse()?);
            if input.is_empty() || input.peek(Token![;]) {
                break;
            }
            functions.push_punct(input.parse()?);
        }
        let mut schemas = None;
        if input.parse::<Option<Token![;]>>()?.is_some() && !input.is_empty() {
            let key: Ident = input.parse()?;
            if key != "schemas" {
                let message = "behind the functions an app has `schemas: [EventSchema::new(…)]`";
                return Err(Error::new(key.span(), message));
            }
            input.parse::<Token![:]>()?;
            schemas = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(Self { functions, schemas })
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let App { functions, schemas } = App::parse.parse2(input)?;
    if functions.is_empty() {
        return Err(Error::new(
            Span::call_site(),
            "an app needs at least one function: `app!(my_function)`",
        ));
    }
    let functions = functions.iter().map(|function| match function {
        Expr::Path(declared) => {
            let name = &declared.path;
            quote!(<#name as ::abide_sdk::Declared>::function())
        }
        made => quote!(::abide_sdk::Function::from(#made)),
    });
    let schemas = schemas.map(|schemas| {
        quote! {
            fn schemas() -> ::std::vec::Vec<::abide_sdk::EventSchema> {
                ::std::iter::IntoIterator::into_iter(#schemas).collect()
            }
        }
    });
    Ok(quote! {
        const _: () = {
            struct ThisApp;

            impl ::abide_sdk::__private::App for ThisApp {
                fn functions() -> ::std::vec::Vec<::abide_sdk::Function> {
                    ::std::vec![#(#functions),*]
                }

                #schemas
            }

            type Exports = ::abide_sdk::__private::Exports<ThisApp>;
            ::abide_sdk::__private::bindings::export!(Exports with_types_in ::abide_sdk::__private::bindings);
        };
    })
}
