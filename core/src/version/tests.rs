use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn choose(reference: &str, available: &[&str]) -> Option<String> {
    let reference: PluginRef = reference.parse().unwrap();
    reference.choose(available.iter().map(|text| match *text {
        "draft" => (None, "draft".to_owned()),
        text => (Some(version(text)), text.to_owned()),
    }))
}

#[test]
fn versions_are_read_leniently_and_become_canonical() {
    for (written, canonical) in [
        ("1.2.0", "1.2.0"),
        ("v1.0", "1.0.0"),
        ("1", "1.0.0"),
        ("v2", "2.0.0"),
        ("01.02.03", "1.2.3"),
        ("1.0-beta", "1.0.0-beta"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
    ] {
        assert_eq!(lenient(written).unwrap().to_string(), canonical, "{written}");
    }
    for bad in ["", "v", "1.", "1.2.3.4", "a", "1.a", "-1", "1-", "1.2.3-01", "latest", "^1", "1 ", "１"] {
        assert_eq!(lenient(bad), Err(VersionError::Version(bad.into())));
    }
    assert_eq!(lenient("1.0.0+b"), Err(VersionError::Build("1.0.0+b".into())));
}

#[test]
fn identities_name_their_object() {
    for (identity, object, shown) in [
        ("Postgres@v1.2", "postgres-1.2.0", "Postgres@1.2.0"),
        ("postgres", "postgres", "postgres"),
        ("postgres@0.0.0", "postgres", "postgres"),
        ("a-b@1.0.0-RC.1", "a-b-1.0.0-rc.1", "a-b@1.0.0-RC.1"),
    ] {
        let identity: Identity = identity.parse().unwrap();
        assert_eq!((identity.object_name().as_str(), identity.to_string().as_str()), (object, shown));
    }
    let long = "a".repeat(254);
    for bad in ["", "1a", "a-", "-a", "a_b", "a.b", "ä", "a b", "@1.0.0", &long] {
        assert!(bad.parse::<Identity>().is_err(), "{bad}");
    }
    assert!("a@latest".parse::<Identity>().is_err(), "`latest` is never published");
}

#[test]
fn references_say_which_version() {
    for (reference, available, chosen) in [
        ("p", &["1.0.0", "1.10.0", "1.9.0", "draft"][..], Some("1.10.0")),
        ("p@latest", &["1.0.0", "2.0.0-rc.1"], Some("1.0.0")),
        ("p", &["2.0.0-rc.1", "2.0.0-rc.2"], Some("2.0.0-rc.2")),
        ("p", &["draft"], Some("draft")),
        ("p", &[], None),
        ("p@^1", &["1.0.0", "1.9.9", "2.0.0"], Some("1.9.9")),
        ("p@>=1, <1.5", &["1.0.0", "1.9.9", "1.4.2"], Some("1.4.2")),
        ("p@^3", &["1.0.0", "draft"], None),
        ("p@^3", &["draft"], Some("draft")),
        ("p@v1.0", &["1.0.0", "1.0.1"], Some("1.0.0")),
        ("p@1.0.0", &["draft"], None),
        ("p@draft", &["1.0.0", "draft"], Some("draft")),
        ("p@draft", &["1.0.0"], None),
        ("p@0.0.0", &["1.0.0", "draft"], Some("draft")),
        ("p@2.0.0-rc.1", &["2.0.0-rc.1", "2.0.0"], Some("2.0.0-rc.1")),
    ] {
        assert_eq!(choose(reference, available).as_deref(), chosen, "{reference} of {available:?}");
    }
    for bad in ["", "p@", "p@ ", "p@stable", "p@1.0.0+b", "p@^a", "@latest", "p@1@2", "P_1@latest"] {
        assert!(bad.parse::<PluginRef>().is_err(), "{bad}");
    }
}

fn versions() -> impl Strategy<Value = Vec<Version>> {
    let one = (0u64..3, 0u64..3, 0u64..3, prop::sample::select(vec!["", "rc.1", "rc.2"])).prop_map(
        |(major, minor, patch, pre)| Version {
            major,
            minor,
            patch,
            pre: Prerelease::new(pre).unwrap(),
            build: BuildMetadata::EMPTY,
        },
    );
    prop::collection::vec(one, 0..8)
}

fn wanted() -> impl Strategy<Value = PluginRef> {
    let texts = ["p", "p@^1", "p@~1.1", "p@*", "p@>=0.1, <2", "p@1.0.0", "p@=1.1.1-rc.1", "p@draft"];
    prop::sample::select(texts.to_vec()).prop_map(|text| text.parse().unwrap())
}

fn pick(reference: &PluginRef, versions: &[Version]) -> Option<Version> {
    reference.choose(versions.iter().map(|version| (Some(version.clone()), version.clone())))
}

proptest! {
    #[test]
    fn the_choice_satisfies_and_nothing_better_was_there(reference in wanted(), versions in versions()) {
        match pick(&reference, &versions) {
            Some(chosen) => {
                prop_assert!(reference.wanted.admits(&chosen) && versions.contains(&chosen));
                let better = versions.iter().any(|v| reference.wanted.admits(v) && rank(v) > rank(&chosen));
                prop_assert!(!better);
            }
            None => prop_assert!(!versions.iter().any(|v| reference.wanted.admits(v))),
        }
    }

    #[test]
    fn a_worse_candidate_never_changes_the_choice(reference in wanted(), versions in versions(), more in versions()) {
        let chosen = pick(&reference, &versions);
        for worse in more {
            let is_worse = !reference.wanted.admits(&worse)
                || chosen.as_ref().is_some_and(|chosen| rank(&worse) < rank(chosen));
            if is_worse {
                let mut all = versions.clone();
                all.insert(0, worse);
                prop_assert_eq!(&pick(&reference, &all), &chosen);
            }
        }
    }

    #[test]
    fn order_does_not_matter(reference in wanted(), versions in versions()) {
        let mut reversed = versions.clone();
        reversed.reverse();
        prop_assert_eq!(pick(&reference, &versions), pick(&reference, &reversed));
    }

    #[test]
    fn references_read_back_as_written(reference in wanted()) {
        prop_assert_eq!(reference.to_string().parse::<PluginRef>().unwrap(), reference);
    }
}
