//! Which questions are due, and what was answered.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use sandbind_core::plugin::references::{Presence, Reference};

use super::Patience;

/// What one plugin needs.
#[derive(Clone, Debug)]
pub struct Need {
    /// UID of the plugin.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// The objects that its step pods cannot start without.
    pub objects: BTreeSet<Reference>,
}

/// The answers that still hold.
#[derive(Debug)]
pub(super) struct Answers {
    patience: Patience,
    /// By question: the answer, and until when it holds.
    given: HashMap<Reference, (Presence, Instant)>,
    /// By UID of a plugin: the generation that was looked at.
    seen: HashMap<String, i64>,
}

impl Answers {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, given: HashMap::new(), seen: HashMap::new() }
    }

    /// What is to be asked now. A plugin that is new or has changed asks anew for what was lacking: its author may have seen to it just
    /// before, and is not to be told what was so minutes ago.
    pub(super) fn due(&mut self, needs: &[Need], now: Instant) -> Vec<Reference> {
        let all: BTreeSet<&Reference> = needs.iter().flat_map(|need| &need.objects).collect();
        self.given.retain(|one, _| all.contains(one));
        for need in needs.iter().filter(|need| self.seen.get(&need.uid) != Some(&need.generation)) {
            for one in &need.objects {
                if self.given.get(one).is_some_and(|(presence, _)| *presence != Presence::There) {
                    self.given.remove(one);
                }
            }
        }
        self.seen = needs.iter().map(|need| (need.uid.clone(), need.generation)).collect();
        let holds = |one: &Reference| self.given.get(one).is_some_and(|(_, until)| *until > now);
        all.into_iter().filter(|one| !holds(one)).cloned().collect()
    }

    /// Takes in an answer.
    pub(super) fn take(&mut self, one: Reference, presence: Presence, now: Instant) {
        let holds = match presence {
            Presence::There => self.patience.there,
            Presence::Absent | Presence::Unknown(_) => self.patience.lacking,
        };
        self.given.insert(one, (presence, now + holds));
    }

    /// What was answered last.
    pub(super) fn presence(&self, one: &Reference) -> Presence {
        let given = self.given.get(one).map(|(presence, _)| presence.clone());
        given.unwrap_or_else(|| Presence::Unknown("it was not asked yet".to_owned()))
    }

    /// When the first of the answers ends to hold.
    pub(super) fn next(&self) -> Option<Instant> {
        self.given.values().map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sandbind_core::plugin::references::Kind;

    use super::*;

    fn secret(name: &str) -> Reference {
        Reference { kind: Kind::Secret, namespace: "steps".into(), name: name.into() }
    }

    fn need(uid: &str, generation: i64, names: &[&str]) -> Need {
        Need { uid: uid.into(), generation, objects: names.iter().map(|name| secret(name)).collect() }
    }

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    fn lost() -> Presence {
        Presence::Unknown("no answer".into())
    }

    #[test]
    fn what_is_there_is_believed_for_long_and_what_is_lacking_asked_for_soon() {
        let begin = Instant::now();
        let needs = [need("p", 1, &["a"])];
        for (presence, holds) in [(Presence::There, 300), (Presence::Absent, 15), (lost(), 15)] {
            let mut answers = Answers::new(Patience::default());
            assert!(matches!(answers.presence(&secret("a")), Presence::Unknown(_)));
            assert_eq!(answers.due(&needs, begin), [secret("a")]);
            answers.take(secret("a"), presence.clone(), begin);
            assert_eq!(answers.presence(&secret("a")), presence);
            assert_eq!(answers.next(), Some(after(begin, holds)));
            assert_eq!(answers.due(&needs, after(begin, holds - 1)), [], "{presence:?}");
            assert_eq!(answers.due(&needs, after(begin, holds)), [secret("a")], "{presence:?}");
        }
    }

    #[test]
    fn an_answer_that_was_known_gives_way_to_not_knowing() {
        let (begin, mut answers) = (Instant::now(), Answers::new(Patience::default()));
        answers.due(&[need("p", 1, &["a"])], begin);
        answers.take(secret("a"), Presence::There, begin);
        answers.take(secret("a"), lost(), after(begin, 300));
        assert_eq!(answers.presence(&secret("a")), lost());
        assert_eq!(answers.next(), Some(after(begin, 315)));
    }

    #[test]
    fn a_plugin_that_is_new_or_changed_asks_anew_for_what_was_lacking_and_only_for_that() {
        let begin = Instant::now();
        for (needs, expected) in [
            (vec![need("p", 1, &["a", "b", "c"])], vec![]),
            (vec![need("p", 2, &["a", "b", "c"])], vec![secret("b"), secret("c")]),
            (vec![need("p", 1, &["a", "b", "c"]), need("q", 1, &["a", "b"])], vec![secret("b")]),
            (vec![need("p", 1, &["a", "b", "c"]), need("q", 1, &["d"])], vec![secret("d")]),
        ] {
            let mut answers = Answers::new(Patience::default());
            answers.due(&[need("p", 1, &["a", "b", "c"])], begin);
            for (name, presence) in [("a", Presence::There), ("b", Presence::Absent), ("c", lost())] {
                answers.take(secret(name), presence, begin);
            }
            assert_eq!(answers.due(&needs, after(begin, 1)), expected, "{needs:?}");
        }
    }

    #[test]
    fn what_no_plugin_needs_any_more_is_forgotten() {
        let (begin, mut answers) = (Instant::now(), Answers::new(Patience::default()));
        answers.due(&[need("p", 1, &["a"])], begin);
        answers.take(secret("a"), Presence::There, begin);
        assert_eq!(answers.due(&[], after(begin, 1)), []);
        assert_eq!(answers.next(), None);
        assert_eq!(answers.due(&[need("p", 1, &["a"])], after(begin, 2)), [secret("a")]);
    }
}
