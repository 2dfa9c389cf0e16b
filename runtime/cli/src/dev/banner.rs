//! What `abide dev` says when it is ready.

use std::fmt::Write;
use std::path::Path;

use crate::client::model::{App, Function, Trigger};
use crate::dev::invocation::quoted;
use crate::terminal::Look;

/// What there is to say.
pub(crate) struct Ready<'a> {
    /// Where it serves.
    pub(crate) url: &'a str,
    /// Where its data is.
    pub(crate) data: &'a Path,
    /// What is served.
    pub(crate) apps: &'a [App],
    /// Where the stand-in service is.
    pub(crate) stand_in: Option<&'a str>,
    /// How the user calls this binary.
    pub(crate) name: &'a str,
    /// A file with an event that starts something.
    pub(crate) event: Option<&'a Path>,
    /// Whether other commands find the server without being told.
    pub(crate) usual_port: bool,
}

/// The text.
pub(crate) fn banner(look: Look, ready: &Ready<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "\n{} at {}",
        look.bold("Abide serves"),
        look.live(ready.url)
    );
    let _ = writeln!(
        out,
        "{} at {}/",
        look.bold("Its dashboard"),
        look.live(ready.url)
    );
    let _ = writeln!(
        out,
        "{}",
        look.dim(format!(
            "data in {}; sources are watched; Ctrl-C stops",
            ready.data.display()
        ))
    );
    for app in ready.apps {
        let _ = writeln!(out, "\n  {}", look.bold(&app.id));
        let names: Vec<_> = app
            .functions
            .iter()
            .map(|function| function.id.as_str())
            .collect();
        let width = names
            .iter()
            .map(|name| name.len())
            .max()
            .unwrap_or_default();
        for function in &app.functions {
            let _ = writeln!(
                out,
                "    {:<width$}  {}",
                function.id,
                look.dim(triggers(function))
            );
        }
    }
    if let Some(url) = ready.stand_in {
        let _ = writeln!(
            out,
            "\n  The stand-in for the outside world is at {}",
            look.live(url)
        );
    }
    let name = ready.name;
    let url = if ready.usual_port {
        String::new()
    } else {
        format!(" --url {}", ready.url)
    };
    let event = match ready.event {
        Some(path) => format!("--event {}", quoted(&path.display().to_string())),
        None => first_event(ready.apps),
    };
    let _ = writeln!(out, "\nIn a second terminal:");
    for (command, what) in [
        (
            format!("{name} send {event} --wait{url}"),
            "send an event, and watch what it starts",
        ),
        (
            format!("{name} runs list{url}"),
            "what ran; then: runs show RUN",
        ),
    ] {
        let _ = writeln!(out, "  {}\n    {}", look.bold(command), look.dim(what));
    }
    out
}

/// What starts a function, in words.
pub(crate) fn triggers(function: &Function) -> String {
    if function.triggers.is_empty() {
        return "started by invoke only".to_owned();
    }
    let words = function.triggers.iter().map(|trigger| match trigger {
        Trigger::Event {
            event,
            condition: Some(condition),
        } => format!("{event} if {condition}"),
        Trigger::Event {
            event,
            condition: None,
        } => event.clone(),
        Trigger::Cron { cron } => format!("the schedule {cron}"),
        Trigger::FailureOf { failure_of } => format!("a failure of {failure_of}"),
    });
    format!("on {}", words.collect::<Vec<_>>().join(", "))
}

fn first_event(apps: &[App]) -> String {
    let mut triggers = apps
        .iter()
        .flat_map(|app| &app.functions)
        .flat_map(|function| &function.triggers);
    let name = triggers.find_map(Trigger::event).unwrap_or("demo/hello");
    format!("{} --data '{{}}'", quoted(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_what_is_served_and_commands_that_work() {
        let apps: Vec<App> = serde_json::from_str(
            r#"[{"id":"shop","digest":"d","functions":[
                {"id":"shop/pay","triggers":[{"event":"payment/requested","if":"event.data.amount > 0"}]},
                {"id":"shop/refund-all","triggers":[]}]}]"#,
        )
        .unwrap();
        let ready = Ready {
            url: "http://127.0.0.1:8289",
            data: Path::new(".abide"),
            apps: &apps,
            stand_in: Some("http://127.0.0.1:4000"),
            name: "cargo run --release --",
            event: Some(Path::new("examples/my shop/event.json")),
            usual_port: false,
        };
        insta::assert_snapshot!(banner(Look::plain(80), &ready), @r#"
    Abide serves at http://127.0.0.1:8289
    Its dashboard at http://127.0.0.1:8289/
    data in .abide; sources are watched; Ctrl-C stops

      shop
        shop/pay         on payment/requested if event.data.amount > 0
        shop/refund-all  started by invoke only

      The stand-in for the outside world is at http://127.0.0.1:4000

    In a second terminal:
      cargo run --release -- send --event 'examples/my shop/event.json' --wait --url http://127.0.0.1:8289
        send an event, and watch what it starts
      cargo run --release -- runs list --url http://127.0.0.1:8289
        what ran; then: runs show RUN
    "#);
    }
}
