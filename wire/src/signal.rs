//! Signal names, as plugins and bindings write them.

/// Names and Linux numbers of the signals that may be sent to scripts and apps.
pub const SIGNALS: [(&str, i32); 10] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGABRT", 6),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGUSR2", 12),
    ("SIGTERM", 15),
    ("SIGCONT", 18),
    ("SIGWINCH", 28),
];

/// The Linux number of a name such as `SIGTERM`; `None` for one that may not be sent.
pub fn number(name: &str) -> Option<i32> {
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_numbers_and_unknown_names_none() {
        assert_eq!(number("SIGTERM"), Some(15));
        assert_eq!(number("SIGHUP"), Some(1));
        assert_eq!(number("sigterm"), None);
        assert_eq!(number("SIGSTOP"), None);
    }
}
