//! How a trick shows itself: what the workflow code saw goes into the journal, and beside it into the output.

use abide_sdk::prelude::*;

/// The data of this app's events.
#[derive(Deserialize)]
pub(crate) struct Pace {
    /// How long each run sleeps in its middle, so that a test can evict it or kill the host there.
    #[serde(default)]
    pub(crate) sleep_ms: u64,
}

/// What every function returns.
#[derive(Serialize)]
pub(crate) struct Findings {
    /// What the workflow code of the instance that ended the run saw.
    seen: Vec<Value>,
    /// What it saw when each observation was made first, as the journal has it.
    recorded: Vec<Value>,
    /// Whether they are the same: they must be.
    same: bool,
    /// What a body saw where that may differ, and matters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bodies: Vec<Value>,
}

/// The observations of one run.
#[derive(Default)]
pub(crate) struct Observer {
    seen: Vec<Value>,
    recorded: Vec<Value>,
    bodies: Vec<Value>,
}

impl Observer {
    /// Journals an observation of the workflow code. It is the step's input as well, so that strict replay compares it, and so that
    /// a twin that saw something else is noticed.
    pub(crate) async fn record(&mut self, ctx: &Context, seen: Value) -> Result<()> {
        let journaled = seen.clone();
        let step = ctx.step("observe").input(&seen);
        self.recorded
            .push(step.run(async move { Ok(journaled) }).await?);
        self.seen.push(seen);
        Ok(())
    }

    /// Notes what a body returned.
    pub(crate) fn body(&mut self, returned: Value) {
        self.bodies.push(returned);
    }

    /// Sleeps as the event says. What comes after it may happen in another instance, process, or on another machine.
    pub(crate) async fn rest(&self, ctx: &Context, event: &Event<Pace>) -> Result<()> {
        ctx.sleep("rest", Duration::from_millis(event.data.sleep_ms))
            .await?;
        Ok(())
    }

    pub(crate) fn findings(self) -> Findings {
        Findings {
            same: self.seen == self.recorded,
            seen: self.seen,
            recorded: self.recorded,
            bodies: self.bodies,
        }
    }
}
