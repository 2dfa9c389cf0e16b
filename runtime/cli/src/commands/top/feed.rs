//! Where `abide top` gets its data: lists first, then the server's stream, and again when that breaks.

use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::hour::{Hour, SHOWN};
use super::model::{Deployed, Health};
use crate::client::model::{Function, Page, Run};
use crate::client::{Client, ClientError};

/// How often the server is asked how it is, and how often for what it measures by ten seconds.
const HEALTH: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_secs(10);
/// How long to wait before it is asked again after it went away.
const AGAIN: Duration = Duration::from_secs(1);

/// Pages of runs that are read, each of the latest and of those that are under way.
const PAGES: usize = 10;

/// Every status of a run that has not ended.
const UNDER_WAY: &str = "Queued,Running,Sleeping,Waiting,Paused";

/// What has come.
pub(super) enum News {
    /// Everything, anew.
    Lists(Box<Lists>),
    /// A run stands elsewhere.
    Run(Box<Run>),
    Health(Health),
    Measured(Option<Hour>, Vec<Deployed>),
    /// The server is gone, and why.
    Lost(String),
    /// The run that was opened, or why it could not be read.
    Opened(String, Result<Box<Run>, String>),
}

/// What the lists say.
pub(super) struct Lists {
    pub(super) health: Health,
    pub(super) hour: Option<Hour>,
    pub(super) functions: Vec<Deployed>,
    /// Newest first, some of them twice.
    pub(super) runs: Vec<Run>,
    /// Whether more are under way.
    pub(super) more: bool,
}

/// Reads everything.
pub(super) async fn lists(client: &Client) -> Result<Lists, ClientError> {
    let health = health(client).await?;
    let hour = hour(client).await?;
    let functions = functions(client).await?;
    let (mut runs, _) = pages(client, &[]).await?;
    let (under_way, more) = pages(client, &[("status", UNDER_WAY)]).await?;
    runs.extend(under_way);
    Ok(Lists {
        health,
        hour,
        functions,
        runs,
        more,
    })
}

async fn health(client: &Client) -> Result<Health, ClientError> {
    let text = client.get(&["health"], &[]).await?;
    client.parse(&text)
}

async fn functions(client: &Client) -> Result<Vec<Deployed>, ClientError> {
    let text = client.get(&["api", "v1", "functions"], &[]).await?;
    let functions: Page<Function> = client.parse(&text)?;
    Ok(functions.data.into_iter().map(Deployed::from).collect())
}

/// The last hour; nothing of a server that keeps no time series.
async fn hour(client: &Client) -> Result<Option<Hour>, ClientError> {
    let names = SHOWN.map(|(name, _)| name).join(",");
    let query = [("name", names.as_str()), ("range", "hour")];
    match client.get(&["api", "v1", "series"], &query).await {
        Ok(text) => client.parse(&text).map(Some),
        Err(error) if error.is_refusal() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Some pages of runs, and whether there are more.
async fn pages(client: &Client, filter: &[(&str, &str)]) -> Result<(Vec<Run>, bool), ClientError> {
    let mut runs = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let mut query = vec![("limit", "200")];
        query.extend_from_slice(filter);
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let text = client.get(&["api", "v1", "runs"], &query).await?;
        let page: Page<Run> = client.parse(&text)?;
        runs.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok((runs, false));
        }
    }
    Ok((runs, true))
}

/// One run with its steps.
pub(super) async fn open(client: &Client, id: String) -> News {
    let path = ["api", "v1", "runs", &id];
    let read = match client.get(&path, &[]).await {
        Ok(text) => client.parse::<Run>(&text),
        Err(error) => Err(error),
    };
    News::Opened(id, read.map(Box::new).map_err(|error| error.to_string()))
}

/// Tells what changes, until nobody listens.
pub(super) async fn follow(client: &Client, news: &Sender<News>) {
    loop {
        let why = match round(client, news).await {
            Ok(()) => return,
            Err(error) => error.to_string(),
        };
        if news.send(News::Lost(why)).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Until nobody listens (nothing), or the stream breaks (why).
async fn round(client: &Client, news: &Sender<News>) -> Result<(), ClientError> {
    let mut stream = client
        .stream(&["api", "v1", "stream"], &[("show", "runs")])
        .await?;
    // Opened before the lists are read: nothing falls in between.
    let all = News::Lists(Box::new(lists(client).await?));
    if news.send(all).await.is_err() {
        return Ok(());
    }
    let mut asked = tokio::time::interval(HEALTH);
    let mut measured = tokio::time::interval(HOUR);
    loop {
        let what = tokio::select! {
            message = stream.next() => match message? {
                None => {
                    let url = client.base().to_owned();
                    let why = "it ended the stream".to_owned();
                    return Err(ClientError::Unreachable { url, why });
                }
                Some(message) if message.name == "run" => {
                    News::Run(Box::new(client.parse(&message.data)?))
                }
                // Too much happened to be told one by one.
                Some(message) if message.name == "reset" => {
                    News::Lists(Box::new(lists(client).await?))
                }
                Some(_) => continue,
            },
            _ = asked.tick() => News::Health(health(client).await?),
            _ = measured.tick() => News::Measured(hour(client).await?, functions(client).await?),
        };
        if news.send(what).await.is_err() {
            return Ok(());
        }
    }
}
