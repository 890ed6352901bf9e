//! The small languages: references to plugins, identities, versions, durations, quantities, `$(…)`.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use sandbind_core::{
    api::Span,
    binding::{
        bounds,
        substitute::{self, Names},
    },
    version::{self, Identity, PluginRef},
};
use sandbind_wire::{signal, state};

/// The law.
pub fn law(data: &[u8]) {
    let Some(text) = super::parts(data).next() else { return };
    shown_as_itself::<PluginRef>(text);
    shown_as_itself::<Identity>(text);
    shown_as_itself::<Span>(text);
    if let Ok(version) = version::lenient(text) {
        super::same(&version::lenient(&version.to_string()).as_ref(), &Ok(&version), text);
    }
    if let (Ok(identity), Ok(reference)) = (text.parse::<Identity>(), text.parse::<PluginRef>()) {
        let chosen = reference.choose([(identity.version.clone(), ())]);
        assert!(chosen.is_some(), "`{text}` does not mean itself");
    }
    let _ = (bounds::milli(text), state::is_state_name(text), signal::number(text));
    substituted(text);
}

/// What can be read is shown so that it is read as the same.
fn shown_as_itself<T: FromStr<Err: Debug + Display> + Display + PartialEq + Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => {
            let shown = read.to_string();
            let again =
                shown.parse::<T>().unwrap_or_else(|error| panic!("`{text}` is shown as `{shown}`: {error}"));
            super::same(&again, &read, &shown);
            super::same(&again.to_string(), &shown, text);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// `$(…)`: what admission and kubelet make of a text one after the other is what they make of it together.
fn substituted(text: &str) {
    let names = Names { sandbox: "pr-1", namespace: "shop", workload: Some("orders") };
    let other = |name: &str| (name == "A").then(|| "$(sandbox)$$".to_owned());
    let together = substitute::expand(text, |name| match name {
        "sandbox" => Some("pr-1".to_owned()),
        "namespace" => Some("shop".to_owned()),
        name => other(name),
    });
    super::same(&substitute::expand(&substitute::env(text, names), other), &together, text);
    let shielded = substitute::shield(text);
    let later = substitute::expand(&substitute::env(&shielded, names), other);
    super::same(&later, &substitute::expand(text, other), &shielded);
    let known = |name: &str| matches!(name, "sandbox" | "namespace" | "workload");
    let unknown: Vec<&str> = substitute::used(text).filter(|name| !known(name)).collect();
    match substitute::param(text, names) {
        Ok(value) => {
            assert!(unknown.is_empty(), "{unknown:?} stand for nothing");
            assert!(text.contains('$') || value == text, "`{text}` became `{value}`");
        }
        Err(name) => super::same(&Some(&name), &unknown.first(), text),
    }
}
