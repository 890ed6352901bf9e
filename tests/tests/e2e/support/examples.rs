//! The project's own examples, as users find them.

use super::{kubectl::sandbind_with, unique};

/// A file below `examples/`.
pub fn example(path: &str) -> String {
    let path = format!("{}/../examples/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Applies the postgres plugin as it is.
pub fn postgres() {
    let applied = sandbind_with(&["plugin", "apply", "-f", "-"], &example("postgres/plugin.yaml"));
    assert!(applied.code == 0 || applied.stderr.contains("exists"), "{applied:?}");
}

/// Applies it as a draft of another name that refreshes this often; answers the name.
pub fn postgres_refreshing(every: &str) -> String {
    let name = format!("pg-{}", unique());
    let text = example("postgres/plugin.yaml");
    let draft = text.replacen("name: postgres@1.0.0", &format!("name: {name}"), 1).replacen(
        "every: 30m",
        &format!("every: {every}"),
        1,
    );
    assert!(draft.contains(&name) && draft.contains(every), "the example has changed");
    let applied = sandbind_with(&["plugin", "apply", "-f", "-"], &draft);
    assert_eq!(applied.code, 0, "{applied:?}");
    name
}
