use super::*;

fn run(work: Work, attempt: u32) -> StepRun {
    StepRun {
        instance: "pr-1-db-x".into(),
        incarnation: "abcdefghijklmnop".into(),
        round: 1,
        work,
        step: "provision".into(),
        attempt,
    }
}

/// Outputs of runs in this order; what is current afterwards.
fn current(runs: &[(Work, u32, &str)]) -> String {
    let mut secret = Secret::default();
    for (work, attempt, value) in runs {
        let mut current = Current::of(&secret);
        let outputs = BTreeMap::from([("url".to_owned(), Bytes64::from(*value))]);
        current.merge(&[(run(*work, *attempt), outputs)]);
        current.into(&mut secret);
    }
    let data = secret.data.unwrap();
    String::from_utf8(data["provision.url"].0.clone()).unwrap()
}

#[test]
fn a_late_writer_never_takes_the_place_of_a_higher_rank() {
    use Work::{Create, Refresh};
    type Case<'a> = (&'a [(Work, u32, &'a str)], &'a str);
    let cases: &[Case<'_>] = &[
        (&[(Create, 1, "a")], "a"),
        (&[(Create, 1, "a"), (Create, 2, "b")], "b"),
        (&[(Create, 2, "b"), (Create, 1, "a")], "b"),
        (&[(Create, 7, "b"), (Refresh, 1, "c")], "c"),
        (&[(Refresh, 1, "c"), (Create, 7, "b")], "c"),
        (&[(Refresh, 2, "d"), (Refresh, 1, "c")], "d"),
    ];
    for (runs, expected) in cases {
        assert_eq!(current(runs), *expected, "{runs:?}");
    }
}

#[test]
fn the_same_again_changes_nothing() {
    let outputs = BTreeMap::from([("url".to_owned(), Bytes64::from("a"))]);
    let found = [(run(Work::Create, 1), outputs)];
    let mut current = Current::default();
    assert!(current.merge(&found));
    assert!(!current.merge(&found));
}
