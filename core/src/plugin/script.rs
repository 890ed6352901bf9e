//! What a script says about itself, and how inputs reach it.

/// The interpreter that the first line names, if it names one.
pub fn interpreter(script: &str) -> Option<&str> {
    let line = script.lines().next()?.strip_prefix("#!")?;
    line.split_whitespace().next()
}

/// The env var of an input that says nothing else: its name in upper case with `-` turned into `_`.
pub fn default_env(input: &str) -> String {
    input.to_ascii_uppercase().replace('-', "_")
}
