//! Pages of lists: limits, cursors, and how much one answer holds.

use std::str::FromStr;

use abide_core::state::ReadError;
use abide_store::Page;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;

/// Items of a page where the client does not say.
const USUAL: usize = 50;

/// The most items of a page.
const MOST: usize = 200;

/// A page ends early when its payloads have more bytes than this: answers are built in memory.
const MOST_BYTES: usize = 8 << 20;

/// Items that are read from the store at once, for the same reason.
const READ_AT_ONCE: usize = 20;

/// Which part of a list a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<C> {
    pub(super) limit: usize,
    pub(super) after: Option<C>,
}

/// A whole list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct All<T> {
    pub(super) data: Vec<T>,
}

/// One page of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct Listed<T> {
    data: Vec<T>,
    /// The `cursor` of the next page; `null` on the last one.
    next_cursor: Option<String>,
}

impl<C: FromStr> Wanted<C> {
    /// From the query's `limit` and `cursor`.
    pub(super) fn parse(limit: Option<&str>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let limit = match limit {
            None | Some("") => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| {
                    ApiError::invalid("invalid_limit", format!("limit: must be 1 to {MOST}"))
                })?,
        };
        let after = match cursor {
            None | Some("") => None,
            Some(text) => Some(text.parse().map_err(|_| {
                ApiError::invalid(
                    "invalid_cursor",
                    "cursor: must be the `next_cursor` of an earlier answer",
                )
            })?),
        };
        Ok(Self { limit, after })
    }
}

impl<C: Copy> Wanted<C> {
    /// Gathers the page from smaller ones, until it is full or heavy.
    pub(super) fn gather<T>(
        self,
        mut read: impl FnMut(Option<C>, usize) -> Result<Page<T, C>, ReadError>,
        weigh: impl Fn(&T) -> (C, usize),
    ) -> Result<Page<T, C>, ReadError> {
        let mut items = Vec::new();
        let mut next = self.after;
        let mut bytes = 0;
        loop {
            let part = read(next, READ_AT_ONCE.min(self.limit - items.len()))?;
            let looked_far = part.items.is_empty();
            for item in part.items {
                let (cursor, weight) = weigh(&item);
                bytes += weight;
                items.push(item);
                if bytes > MOST_BYTES {
                    return Ok(Page {
                        items,
                        next: Some(cursor),
                    });
                }
            }
            next = part.next;
            // A part that found nothing has looked at many rows: the client decides whether to look on.
            if next.is_none() || items.len() >= self.limit || looked_far {
                return Ok(Page { items, next });
            }
        }
    }
}

impl<T> Listed<T> {
    /// A page as the client gets it.
    pub(super) fn new<S, C: ToString>(page: &Page<S, C>, view: impl Fn(&S) -> T) -> Self {
        Self {
            data: page.items.iter().map(view).collect(),
            next_cursor: page.next.as_ref().map(C::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of the numbers 100, 99, … 1, each of this weight.
    fn numbers(wanted: Wanted<u32>, weight: usize) -> Page<u32, u32> {
        let read = |after: Option<u32>, limit: usize| {
            let items: Vec<u32> = (1..after.unwrap_or(101)).rev().take(limit).collect();
            let next = items.last().copied().filter(|_| items.len() == limit);
            Ok(Page { items, next })
        };
        wanted
            .gather(read, |item| (*item, weight))
            .expect("it reads")
    }

    #[test]
    fn a_page_is_gathered_from_parts() {
        let page = numbers(
            Wanted {
                limit: 50,
                after: None,
            },
            1,
        );
        assert_eq!(page.items.len(), 50);
        assert_eq!(page.next, Some(51));
        let rest = numbers(
            Wanted {
                limit: 200,
                after: page.next,
            },
            1,
        );
        assert_eq!(rest.items.last(), Some(&1));
        assert_eq!(rest.next, None);
    }

    #[test]
    fn a_heavy_page_ends_early() {
        let page = numbers(
            Wanted {
                limit: 50,
                after: None,
            },
            3 << 20,
        );
        assert_eq!(page.items, [100, 99, 98]);
        assert_eq!(page.next, Some(98));
    }

    #[test]
    fn limits_and_cursors_are_checked() {
        let parse = |limit, cursor| Wanted::<u32>::parse(limit, cursor);
        assert_eq!(
            parse(None, None),
            Ok(Wanted {
                limit: 50,
                after: None
            })
        );
        assert_eq!(
            parse(Some("7"), Some("9")),
            Ok(Wanted {
                limit: 7,
                after: Some(9)
            })
        );
        for wrong in ["0", "201", "-1", "x"] {
            assert_eq!(
                parse(Some(wrong), None).expect_err("it is wrong").code,
                "invalid_limit"
            );
        }
        assert_eq!(
            parse(None, Some("x")).expect_err("it is wrong").code,
            "invalid_cursor"
        );
    }
}
