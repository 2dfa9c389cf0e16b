//! `app!`: the component's exports.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Result, Token};

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let functions = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(input)?;
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
    Ok(quote! {
        const _: () = {
            struct ThisApp;

            impl ::abide_sdk::__private::App for ThisApp {
                fn functions() -> ::std::vec::Vec<::abide_sdk::Function> {
                    ::std::vec![#(#functions),*]
                }
            }

            type Exports = ::abide_sdk::__private::Exports<ThisApp>;
            ::abide_sdk::__private::bindings::export!(Exports with_types_in ::abide_sdk::__private::bindings);
        };
    })
}
