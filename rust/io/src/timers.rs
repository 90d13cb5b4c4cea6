//! Which call is to be woken next.

use std::collections::{BTreeSet, HashMap};

use crate::link::CallId;

/// One time for each call.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    in_order: BTreeSet<(u64, CallId)>,
    due_ns: HashMap<CallId, u64>,
}

impl Timers {
    /// Sets a call's time in place of the one it had.
    pub(crate) fn set(&mut self, id: CallId, due_ns: Option<u64>) {
        let before = match due_ns {
            Some(due_ns) => self.due_ns.insert(id, due_ns),
            None => self.due_ns.remove(&id),
        };
        if before == due_ns {
            return;
        }
        if let Some(before) = before {
            self.in_order.remove(&(before, id));
        }
        if let Some(due_ns) = due_ns {
            self.in_order.insert((due_ns, id));
        }
    }

    /// The earliest time.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.in_order.first().map(|(due_ns, _)| *due_ns)
    }

    /// The call whose time is the earliest, if that is not after `now_ns`, and its time.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<(u64, CallId)> {
        let (due_ns, id) = *self.in_order.first().filter(|(due, _)| *due <= now_ns)?;
        self.set(id, None);
        Some((due_ns, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_in_the_order_of_the_times_they_have_now() {
        let mut timers = Timers::default();
        timers.set(1, Some(30));
        timers.set(2, Some(20));
        timers.set(3, Some(10));
        timers.set(1, Some(5));
        timers.set(3, None);
        assert_eq!(timers.next_ns(), Some(5));
        assert_eq!(timers.pop_due(19), Some((5, 1)));
        assert_eq!(timers.pop_due(19), None);
        assert_eq!(timers.pop_due(20), Some((20, 2)));
        assert_eq!(timers.next_ns(), None);
    }
}
