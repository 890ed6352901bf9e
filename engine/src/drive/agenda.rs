//! Which record is to be looked at when. One that is being looked at waits for the end of that.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

/// Names by due time; each name once, at its earliest.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    queue: BTreeSet<(Instant, String)>,
    due: BTreeMap<String, Instant>,
    /// Being looked at, and when to look again if somebody asked meanwhile.
    busy: BTreeMap<String, Option<Instant>>,
}

impl Agenda {
    /// Look at this record at that time at the latest.
    pub(super) fn add(&mut self, name: &str, at: Instant) {
        if let Some(again) = self.busy.get_mut(name) {
            *again = Some(again.map_or(at, |known| known.min(at)));
            return;
        }
        if let Some(known) = self.due.get(name) {
            if *known <= at {
                return;
            }
            self.queue.remove(&(*known, name.to_owned()));
        }
        self.queue.insert((at, name.to_owned()));
        self.due.insert(name.to_owned(), at);
    }

    /// When the next record is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes a record that is due; it is busy until [`Self::end`].
    pub(super) fn take(&mut self, now: Instant) -> Option<String> {
        self.queue.first().filter(|(at, _)| *at <= now)?;
        let (_, name) = self.queue.pop_first()?;
        self.due.remove(&name);
        self.busy.insert(name.clone(), None);
        Some(name)
    }

    /// The record is not being looked at any more.
    pub(super) fn end(&mut self, name: &str) {
        if let Some(Some(again)) = self.busy.remove(name) {
            self.add(name, again);
        }
    }

    /// Forgets all that is due.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.due.clear();
        self.busy.values_mut().for_each(|again| *again = None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_due_once_at_its_earliest_and_never_twice_at_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut agenda = Agenda::default();
        agenda.add("a", at(5));
        agenda.add("a", at(3));
        agenda.add("a", at(9));
        agenda.add("b", at(4));
        assert_eq!(agenda.next(), Some(at(3)));
        assert_eq!(agenda.take(at(2)), None);
        assert_eq!(agenda.take(at(6)).as_deref(), Some("a"));
        agenda.add("a", at(1));
        assert_eq!(agenda.take(at(6)).as_deref(), Some("b"));
        assert_eq!(agenda.take(at(6)), None, "a is being looked at");
        agenda.end("a");
        agenda.end("b");
        assert_eq!(agenda.take(at(6)).as_deref(), Some("a"));
        agenda.end("a");
        assert_eq!(agenda.next(), None);
    }
}
