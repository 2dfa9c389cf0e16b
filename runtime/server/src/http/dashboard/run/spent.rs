//! Where the time of a run, or of a step, went: in the queue, replaying, in the guest's code, at the host, at the disk.

use maud::{Markup, html};

use super::scale::WIDTH;
use crate::http::dashboard::components as ui;
use crate::view::{RunDetail, StepTimingsView};

/// A share of the time: what it is called, what it means, how long it was, what it looks like.
struct Share {
    name: &'static str,
    means: &'static str,
    us: u64,
    look: &'static str,
}

/// The shares of a run that started, as a bar, and in figures. Time in which it slept or waited is none of it.
pub(super) fn split(run: &RunDetail) -> Markup {
    let Some(queue_ms) = run.timings.queue_ms else {
        return html! {};
    };
    let mut shares = vec![Share {
        name: "Queue",
        means: "from its creation to the start of its code",
        us: queue_ms.saturating_mul(1_000),
        look: "line-calm",
    }];
    if let Some(spent) = &run.timings.execution {
        let more = [
            (
                "Replay",
                "reading its journal and repeating it in a new instance",
                spent.replay_us,
                "line-far",
            ),
            (
                "Guest",
                "its own code; steps that execute at once count each",
                spent.guest_us,
                "line-good",
            ),
            (
                "Host",
                "the server's own work, and what steps asked of the outside",
                spent.host_us,
                "line-main",
            ),
            (
                "Sync",
                "until what happened was on the disk",
                spent.sync_us,
                "line-warm",
            ),
        ];
        shares.extend(more.map(|(name, means, us, look)| Share {
            name,
            means,
            us,
            look,
        }));
    }
    let rest = html! {
        @if run.timings.execution.is_none() {
            div { dt { "Execution" } dd.dim { "not known any more: the server was started again since, or ran many others" } }
        }
    };
    shown(&shares, "split", &rest)
}

/// The shares of a step of which an attempt began. Time between attempts is none of it.
pub(super) fn of_step(spent: &StepTimingsView) -> Markup {
    let shares = [
        (
            "Queue",
            "from when it was asked for, or due again, until an attempt began",
            spent.queue_us,
            "line-calm",
        ),
        (
            "Replay",
            "coming to this step again: the journal, a new instance, the code before the step",
            spent.replay_us,
            "line-far",
        ),
        ("Guest", "its own code", spent.guest_us, "line-good"),
        (
            "Host",
            "the server's work for it, and what it asked of the outside",
            spent.host_us,
            "line-main",
        ),
        (
            "Sync",
            "until what had happened was on the disk, before something left for it",
            spent.sync_us,
            "line-warm",
        ),
    ];
    let shares = shares.map(|(name, means, us, look)| Share {
        name,
        means,
        us,
        look,
    });
    shown(&shares, "step-split", &html! {})
}

/// A bar, the figures, and what else is to be said.
fn shown(shares: &[Share], testid: &str, rest: &Markup) -> Markup {
    html! {
        div.split data-testid=(testid) {
            (drawing(shares))
            dl.facts {
                @for share in shares {
                    div title=(share.means) {
                        dt { span.swatch.(share.look) {} (share.name) }
                        dd { (ui::short_duration(share.us)) }
                    }
                }
                (rest)
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a picture is no more exact")]
fn drawing(shares: &[Share]) -> Markup {
    let all: u64 = shares.iter().map(|share| share.us).sum();
    let mut left = 0.0;
    let mut parts = Vec::new();
    for share in shares.iter().filter(|share| share.us > 0) {
        let width = share.us as f64 / all as f64 * WIDTH;
        parts.push((share.look, left, width));
        left += width;
    }
    html! {
        svg.bar viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true" {
            @for (look, left, width) in &parts {
                rect class=(look) x=(format!("{left:.1}")) width=(format!("{width:.1}")) y="3" height="8" {}
            }
        }
    }
}
