//! What the engine's effects do in a node. It decides nothing, and never blocks: it is called on the shard's and the committer's threads.

use std::sync::Weak;
use std::time::Instant;

use abide_core::engine::{Effect, Input, Notice};
use abide_core::function::Undecided;

use crate::changes::Change;
use crate::node::Inner;
use crate::shard::Act;

/// Carries out the engine's effects.
pub(crate) struct Actor(pub(crate) Weak<Inner>);

impl Act for Actor {
    fn now(&self, effect: Effect) {
        let Some(node) = self.0.upgrade() else { return };
        match effect {
            Effect::Execute {
                run,
                token,
                arrivals,
            } => node.executions.begin(&node, *run, token, arrivals),
            Effect::Deliver {
                run,
                token,
                op,
                arrival,
            } => node.executions.deliver(run, token, op, arrival),
            Effect::Stop { run, token } => node.executions.stop(run, token),
            Effect::Request {
                run,
                op,
                attempt,
                request,
            } => node.requests.begin(&node, &run, op, attempt, request),
            Effect::DropRequest { run, op } => node.requests.drop_request(run, op),
            Effect::Answer { reply, answer } => {
                if let Some(waiting) = node.replies.lock().remove(&reply) {
                    // Whoever asked has gone away.
                    let _ = waiting.sender.send(answer);
                }
            }
            Effect::Suspect(run) => {
                // The shard has ended: so has everything that could execute.
                let _ = node.shard.input(Input::SuspectRecorded(run));
            }
            Effect::Schemas(schemas) => *node.schemas.write() = schemas,
            Effect::Notice(notice) => {
                if let Some(change) = Change::of(&notice) {
                    node.changes.note(change);
                }
                // Those who watch runs have no use for events, which may be very many.
                if matches!(notice, Notice::Event(_)) {
                    return;
                }
                if let Notice::Undecided(undecided) = &notice
                    && node.warnings.note(undecided, node.clock.now_ms())
                {
                    let Undecided {
                        function,
                        option,
                        problem,
                    } = undecided;
                    tracing::warn!(%function, environment = &*node.environment, %option, %problem, "an expression could not be decided; further ones like it are only counted, and `abide functions show` tells how many");
                }
                if let Notice::Poisonous {
                    run,
                    function,
                    reason,
                } = &notice
                {
                    tracing::warn!(%run, %function, environment = &*node.environment, "the run is paused: {reason}");
                }
                // Nobody watches.
                let _ = node.notices.send(notice);
            }
        }
    }

    fn durable(&self, effect: Effect, decided: Instant) {
        if let Effect::Request { run, op, .. } = &effect
            && let Some(node) = self.0.upgrade()
            && let Some(steps) = node.metrics.timings.steps(run.id)
        {
            steps.request_began(*op, decided.elapsed());
        }
        self.now(effect);
    }

    fn fail(&self, error: String) {
        let Some(node) = self.0.upgrade() else { return };
        let first = node.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            if first {
                *failure = Some(error.clone());
            }
            first
        });
        if first {
            tracing::error!(%error, environment = &*node.environment, "the store failed: nothing is acknowledged any more");
        }
        // Whoever waits learns that nobody will answer.
        node.replies.lock().clear();
    }
}
