//! What the commands that list have in common: pages, limits, `--json`.

use anyhow::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::cli::Output;
use crate::client::Client;
use crate::client::model::Page;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, print, print_json};

/// The most that one answer of the server holds.
const MOST_AT_ONCE: u32 = 200;

/// A list that the server gives in one answer.
pub(crate) struct Whole<'a> {
    /// What of, as the API's path has it.
    pub(crate) kind: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// What to say where there is none.
    pub(crate) none: &'a str,
}

impl Whole<'_> {
    /// Shows it as a table, or as it came where JSON is asked for.
    pub(crate) async fn show<T: DeserializeOwned, const N: usize>(
        &self,
        client: &Client,
        output: &Output,
        head: [&str; N],
        row: impl Fn(&T) -> [Cell; N],
    ) -> Result<Outcome> {
        let text = client.get(&["api", "v1", self.kind], self.query).await?;
        if output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let listed: Page<T> = client.parse(&text)?;
        if listed.data.is_empty() {
            eprintln!("{}", self.none);
            return Ok(Outcome::Done);
        }
        let rows: Vec<_> = listed.data.iter().map(row).collect();
        print(&table(Look::stdout(), head, &rows))?;
        Ok(Outcome::Done)
    }
}

/// Items as they came, so that `--json` shows all of them.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    data: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl Listed {
    /// Asks for pages until there are `limit` items, or no more.
    pub(crate) async fn gather(
        client: &Client,
        path: &[&str],
        query: &[(&str, &str)],
        limit: u32,
    ) -> Result<Self> {
        let mut listed = Self {
            data: Vec::new(),
            next_cursor: None,
        };
        loop {
            let left = limit - u32::try_from(listed.data.len()).unwrap_or(limit).min(limit);
            let at_once = left.min(MOST_AT_ONCE).to_string();
            let mut query = query.to_vec();
            query.push(("limit", &at_once));
            if let Some(cursor) = &listed.next_cursor {
                query.push(("cursor", cursor));
            }
            let text = client.get(path, &query).await?;
            let page: Page<Box<RawValue>> = client.parse(&text)?;
            listed.data.extend(page.data);
            listed.next_cursor = page.next_cursor;
            if listed.next_cursor.is_none() || listed.data.len() >= limit as usize {
                return Ok(listed);
            }
        }
    }

    /// The items, as far as they are understood.
    pub(crate) fn items<T: DeserializeOwned>(&self, client: &Client) -> Result<Vec<T>> {
        self.data
            .iter()
            .map(|raw| Ok(client.parse(raw.get())?))
            .collect()
    }

    /// Whether there is more.
    pub(crate) fn is_cut(&self) -> bool {
        self.next_cursor.is_some()
    }

    /// All of it, for programs.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}
