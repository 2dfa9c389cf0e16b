//! What stands in the parentheses of an option: `option(first, key = value, …)`.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Error, Ident, Result, Token, parenthesized};

use crate::values::list;

/// The content of `option(key = value, …)`: calls `take` for each key, which is one of `known` and given once.
pub(crate) fn members(
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
pub(crate) fn parentheses<'a>(input: &ParseBuffer<'a>) -> Result<(ParseBuffer<'a>, Span)> {
    let content;
    let parentheses = parenthesized!(content in input);
    Ok((content, parentheses.span.join()))
}

/// The comma between what stands first in parentheses and the rest.
pub(crate) fn comma(content: ParseStream<'_>) -> Result<()> {
    if !content.is_empty() {
        content.parse::<Token![,]>()?;
    }
    Ok(())
}

/// A member that must be given.
pub(crate) fn needed<T>(member: Option<T>, span: Span, message: &str) -> Result<T> {
    member.ok_or_else(|| Error::new(span, message))
}

/// The variant that has this word as its name.
pub(crate) fn capitalised(word: &Ident) -> Ident {
    let name = word.to_string();
    let (first, rest) = name.split_at(1);
    Ident::new(&format!("{}{rest}", first.to_uppercase()), word.span())
}
