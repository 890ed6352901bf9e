use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn span(authority: &str, since: i64, until: i64) -> Span {
    Span { authority: authority.into(), since: at(since), until: at(until) }
}

/// Authority 1000 s, leaf 300 s, lead 50 s.
fn lifetimes() -> Lifetimes {
    Lifetimes {
        authority: Duration::from_secs(1000),
        leaf: Duration::from_secs(300),
        lead: Duration::from_secs(50),
    }
}

#[test]
fn every_situation_has_its_one_next_action() {
    let issue = |authority: &str| Action::Issue { authority: authority.into() };
    let drop = |authority: &str| Action::DropAuthority { authority: authority.into() };
    let cases = [
        ("nothing yet", vec![], None, 0, Action::AddAuthority),
        ("an authority alone signs at once", vec![span("a", 0, 1000)], None, 1, issue("a")),
        ("all is well", vec![span("a", 0, 1000)], Some(span("a", 0, 300)), 199, Action::Rest),
        (
            "two thirds of the leaf are over",
            vec![span("a", 0, 1000)],
            Some(span("a", 0, 300)),
            200,
            issue("a"),
        ),
        ("the leaf is over", vec![span("a", 0, 1000)], Some(span("a", 0, 300)), 300, issue("a")),
        (
            "two thirds of the authority are over",
            vec![span("a", 0, 600)],
            Some(span("a", 390, 600)),
            400,
            Action::AddAuthority,
        ),
        (
            "a new authority waits until everybody trusts it",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("a", 500, 800)),
            709,
            issue("a"),
        ),
        (
            "and then signs the next leaf",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("a", 500, 800)),
            710,
            issue("b"),
        ),
        (
            "but not before that leaf is due",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("a", 600, 900)),
            720,
            Action::Rest,
        ),
        (
            "the old authority is trusted until nobody shows its leaf",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("b", 710, 1010)),
            759,
            Action::Rest,
        ),
        (
            "and no longer",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("b", 710, 1010)),
            760,
            drop("a"),
        ),
        (
            "an authority that is over goes",
            vec![span("a", 0, 1000), span("b", 660, 1660)],
            Some(span("b", 990, 1290)),
            1000,
            drop("a"),
        ),
        (
            "a leaf of an authority that is over is no leaf",
            vec![span("a", 0, 1000), span("b", 990, 1990)],
            Some(span("a", 900, 1200)),
            1000,
            issue("b"),
        ),
        (
            "a leaf of an unknown authority is no leaf",
            vec![span("a", 0, 1000)],
            Some(span("x", 0, 300)),
            10,
            issue("a"),
        ),
        ("all authorities are over", vec![span("a", 0, 1000)], None, 1000, Action::AddAuthority),
    ];
    for (what, authorities, leaf, now, expected) in cases {
        assert_eq!(next(&State { authorities, leaf }, &lifetimes(), at(now)), expected, "{what}");
    }
}

/// Plays `seconds` of an installation that looks every `period`, and calls `check` after each look.
fn play(lifetimes: &Lifetimes, seconds: i64, period: i64, mut check: impl FnMut(&State, Timestamp)) -> State {
    let mut state = State::default();
    let mut made = 0;
    for now in (0..seconds).step_by(usize::try_from(period).unwrap()).map(at) {
        for turn in 0.. {
            assert!(turn < 10, "no rest in {state:?}");
            match next(&state, lifetimes, now) {
                Action::AddAuthority => {
                    made += 1;
                    let until = now + lifetimes.authority;
                    state.authorities.push(Span { authority: format!("{made}"), since: now, until });
                }
                Action::Issue { authority } => {
                    let end = state.authorities.iter().find(|one| one.authority == authority).unwrap().until;
                    let until = (now + lifetimes.leaf).min(end);
                    state.leaf = Some(Span { authority, since: now, until });
                }
                Action::DropAuthority { authority } => {
                    state.authorities.retain(|one| one.authority != authority);
                }
                Action::Rest => break,
            }
        }
        check(&state, now);
    }
    state
}

#[test]
fn over_years_the_servers_are_always_certified_by_somebody_long_trusted() {
    for (authority, leaf, lead, period) in
        [(1000, 300, 50, 5), (180, 60, 10, 1), (120, 90, 20, 1), (31_536, 2_592, 300, 60)]
    {
        let lifetimes = Lifetimes {
            authority: Duration::from_secs(authority),
            leaf: Duration::from_secs(leaf),
            lead: Duration::from_secs(lead),
        };
        let mut leaves = std::collections::BTreeSet::new();
        let end = play(&lifetimes, 20 * i64::try_from(authority).unwrap(), period, |state, now| {
            let leaf = state.leaf.as_ref().expect("a leaf");
            assert!(!leaf.is_over(now));
            let signer =
                state.authorities.iter().find(|one| one.authority == leaf.authority).expect("its authority");
            assert!(!signer.is_over(now));
            let first = leaf.authority == "1";
            assert!(first || leaf.since.duration_since(signer.since) >= signed(lifetimes.lead), "{state:?}");
            assert!(state.authorities.len() <= 3, "{state:?}");
            leaves.insert(leaf.since);
        });
        assert!(leaves.len() > 40 && end.authorities.iter().all(|one| one.authority != "1"));
    }
}
