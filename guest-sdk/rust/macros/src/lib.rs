//! The macros of `abide-sdk`; use them from there.
//!
//! They check at compile time what the host would refuse at deploy, and say so at the place of the mistake.

mod app;
mod function;
mod options;
mod values;

use proc_macro::TokenStream;

/// Declares a durable function of an app.
///
/// It goes on an `async fn` of a `Context` and an `Event<T>`, or of a `Context` alone, that returns a `Result`. The function itself stays as it is; a type of
/// the same name carries its configuration to `app!`.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[abide::function(
///     id = "nightly-report",                                       // required: kebab-case, unique in the app
///     name = "Nightly report",                                     // what people call it
///     on = "report/requested",                                     // what starts it; up to 10, none: only by `invoke`
///     on("order/*", if = "event.data.total > 1000"),               // with a CEL expression that must be true
///     retries = 6,                                                 // 0 to 20; default 4
///     backoff(exponential, base = "5s", factor = 3.0, max = "10m", jitter = "1s"),   // or linear, constant
/// )]
/// async fn nightly_report(ctx: Context, event: Event<Value>) -> Result<()> {
///     Ok(())
/// }
///
/// abide::app!(nightly_report);
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn function(arguments: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(arguments.into(), item.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

/// Exports the app: its functions, declared with the attribute `function` or made by an expression.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// #[abide::function(id = "greet", on = "user/arrived")]
/// async fn greet(ctx: Context) -> Result<()> {
///     Ok(())
/// }
///
/// abide::app!(greet, Function::new("part", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned())).on("user/left"));
/// # fn main() {}
/// ```
#[proc_macro]
pub fn app(functions: TokenStream) -> TokenStream {
    app::expand(functions.into())
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
