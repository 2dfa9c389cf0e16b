//! Which parked runs stay in memory: a budget of bytes, and the least recently used go first.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc::WeakUnboundedSender;

use crate::execute::Message;

/// The parked runs of a host.
pub(crate) struct Residents {
    budget: usize,
    set: Arc<Mutex<Set>>,
}

#[derive(Default)]
struct Set {
    /// In the order in which they parked.
    parked: BTreeMap<u64, (usize, WeakUnboundedSender<Message>)>,
    next: u64,
    bytes: usize,
}

/// One run's place among them; dropping it gives the place up.
pub(crate) struct Parked {
    number: u64,
    set: Arc<Mutex<Set>>,
}

impl Residents {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            set: Arc::default(),
        }
    }

    /// A run parks with this many bytes. Asks others to leave if that is too much together.
    pub(crate) fn park(&self, bytes: usize, address: WeakUnboundedSender<Message>) -> Parked {
        let mut leaving = Vec::new();
        let number = {
            let mut set = self.set.lock();
            let number = set.next;
            set.next += 1;
            set.bytes += bytes;
            set.parked.insert(number, (bytes, address));
            while set.bytes > self.budget
                && let Some((_, (bytes, address))) = set.parked.pop_first()
            {
                set.bytes -= bytes;
                leaving.push(address);
            }
            number
        };
        ask(leaving);
        Parked {
            number,
            set: self.set.clone(),
        }
    }

    /// Asks the run that parked first to leave: the machine has no room for an instance that somebody needs now.
    pub(crate) fn make_room(&self) {
        let first = {
            let mut set = self.set.lock();
            let first = set.parked.pop_first();
            first.map(|(_, (bytes, address))| {
                set.bytes -= bytes;
                address
            })
        };
        ask(first);
    }

    /// How many are parked, and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let set = self.set.lock();
        (set.parked.len(), set.bytes)
    }
}

/// Asks runs to leave. One that is over by now needs no asking.
fn ask(leaving: impl IntoIterator<Item = WeakUnboundedSender<Message>>) {
    for address in leaving {
        if let Some(sender) = address.upgrade() {
            let _ = sender.send(Message::Evict);
        }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let mut set = self.set.lock();
        if let Some((bytes, _)) = set.parked.remove(&self.number) {
            set.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::Mailbox;

    #[test]
    fn the_least_recently_parked_leave_when_the_budget_is_full() {
        let residents = Residents::new(100);
        let runs: Vec<_> = (0..3).map(|_| Mailbox::new()).collect();
        let places: Vec<_> = runs
            .iter()
            .map(|(mailbox, _)| residents.park(40, mailbox.downgrade()))
            .collect();
        let mut asked: Vec<_> = runs
            .into_iter()
            .map(|(mailbox, mut mail)| (mail.try_recv().is_ok(), mailbox))
            .collect();
        assert_eq!(
            asked.drain(..).map(|(asked, _)| asked).collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(residents.size(), (2, 80));
        residents.make_room();
        assert_eq!(residents.size(), (1, 40));
        drop(places);
        assert_eq!(residents.size(), (0, 0));
    }
}
