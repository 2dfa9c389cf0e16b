//! What goes in and out of a run: events, signals, other programs, requests.

use super::{LONG_MS, Maker, Place};
use crate::program::{Form, Function, Outside, SPARE_ATTEMPTS, Statement, Sub};

impl Maker<'_> {
    /// How long to wait for something that comes: a time that lets it, or one that leaves open whether it does.
    pub(super) fn patience(&mut self) -> u64 {
        if self.rng.chance(25) && self.opens(2) {
            1 + self.time()
        } else {
            LONG_MS
        }
    }

    pub(super) fn form(&mut self) -> Form {
        if self.rng.chance(60) {
            Form::Match
        } else {
            Form::If
        }
    }

    pub(super) fn wait(&mut self, topic: &str, ms: u64, back: bool) -> Statement {
        Statement::Wait {
            id: self.id(),
            topic: topic.to_owned(),
            ms,
            form: self.form(),
            back,
        }
    }

    pub(super) fn told_event(&mut self, place: Place, block: &mut Vec<Statement>) {
        let topic = self.name("t");
        let tell = Statement::Tell {
            id: self.id(),
            topic: topic.clone(),
            value: self.constant(),
        };
        if self.rng.chance(30) && self.opens(2) {
            // Whether the wait has begun when it comes is open; it may have come before.
            let ms = 1 + self.time();
            let back = self.rng.chance(50);
            let waiter = vec![self.wait(&topic, ms, back)];
            let mut teller = vec![tell];
            if self.rng.chance(60) {
                teller.insert(0, self.sleep());
            }
            let mut branches = vec![waiter, teller];
            if self.rng.chance(50) {
                branches.reverse();
            }
            block.push(Statement::All {
                branches,
                hasty: false,
            });
            return;
        }
        block.push(tell);
        if self.rng.chance(40) {
            block.push(Statement::Run(self.step(place)));
        }
        let wait = self.wait(&topic, LONG_MS, true);
        block.push(wait);
    }

    pub(super) fn told_signal(&mut self, place: Place, block: &mut Vec<Statement>) {
        let topic = self.name("g");
        let send = Statement::SendSignal {
            id: self.id(),
            topic: topic.clone(),
            value: self.constant(),
        };
        let wait = Statement::Signal {
            id: self.id(),
            topic,
            ms: LONG_MS,
        };
        match self.rng.within(0..3) {
            0 if self.opens(2) => {
                let Statement::Signal { id, topic, .. } = wait else {
                    return;
                };
                let ms = 1 + self.time();
                let wait = Statement::Signal { id, topic, ms };
                let mut teller = vec![send];
                if self.rng.chance(60) {
                    teller.insert(0, self.sleep());
                }
                let mut branches = vec![vec![wait], teller];
                if self.rng.chance(50) {
                    branches.reverse();
                }
                block.push(Statement::All {
                    branches,
                    hasty: false,
                });
            }
            1 => {
                block.push(send);
                block.push(Statement::Run(self.step(place)));
                block.push(wait);
            }
            _ => block.extend([send, wait]),
        }
    }

    pub(super) fn outside(&mut self, topic: &str, signal: bool) {
        let after_ms = self.time();
        let value = self.constant().constant().unwrap_or_default();
        self.outside.push(Outside {
            after_ms,
            topic: topic.to_owned(),
            signal,
            value,
        });
    }

    pub(super) fn outside_event(&mut self, place: Place, block: &mut Vec<Statement>) {
        if place.repeated || place.inner {
            return block.push(self.sleep());
        }
        let topic = self.name("o");
        self.outside(&topic, false);
        let ms = self.patience();
        let wait = self.wait(&topic, ms, true);
        block.push(wait);
    }

    pub(super) fn outside_signal(&mut self, place: Place, block: &mut Vec<Statement>) {
        if place.repeated || place.inner {
            return block.push(self.sleep());
        }
        let topic = self.name("og");
        self.outside(&topic, true);
        let ms = self.patience();
        block.push(Statement::Signal {
            id: self.id(),
            topic,
            ms,
        });
    }

    pub(super) fn never_told(&mut self, block: &mut Vec<Statement>) {
        let topic = self.name("n");
        let ms = 1 + self.time();
        let statement = if self.rng.chance(50) {
            self.wait(&topic, ms, false)
        } else {
            let id = self.id();
            Statement::Signal { id, topic, ms }
        };
        block.push(statement);
    }

    /// A program within this one.
    pub(super) fn sub(&mut self, place: Place, function: Function) -> Sub {
        let outer = std::mem::replace(&mut self.function, function);
        let place = Place {
            inner: true,
            sure: true,
            caught: false,
            ..place.within()
        };
        let body = self.block(place);
        self.function = outer;
        Sub { function, body }
    }

    pub(super) fn spawn(&mut self, place: Place, block: &mut Vec<Statement>) {
        let id = self.id();
        let count = 1 + self.rng.within(0..3);
        let programs = (0..count)
            .map(|_| {
                let function = *self
                    .rng
                    .choice(&Function::STARTED)
                    .unwrap_or(&Function::Plain);
                self.sub(place, function)
            })
            .collect();
        let twice = self.rng.chance(30);
        block.push(Statement::Spawn {
            id,
            programs,
            twice,
        });
    }

    pub(super) fn invoke(&mut self, place: Place, block: &mut Vec<Statement>) {
        let id = self.id();
        let function = match self.rng.within(0..10) {
            0 => Function::Strict,
            1 => Function::Gated,
            2 => Function::Plain,
            // Not `Narrow`: one that waits for another of its kind could wait for ever.
            _ => Function::Called,
        };
        let program = self.sub(place, function);
        let ms = if self.rng.chance(80) {
            LONG_MS
        } else {
            self.patience()
        };
        block.push(Statement::Invoke { id, program, ms });
    }

    pub(super) fn fetch(&mut self, place: Place) -> Statement {
        let status = match self.rng.within(0..10) {
            0..=1 => 404,
            2..=3 if place.caught => 500,
            _ => 200,
        };
        let retries = match status {
            500 => self.few(3),
            _ => SPARE_ATTEMPTS + self.few(5),
        };
        Statement::Fetch {
            id: self.id(),
            status,
            value: self.expr(),
            retries,
        }
    }
}
