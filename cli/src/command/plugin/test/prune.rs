//! A plugin cut down to one create step and what it needs.

use std::collections::BTreeSet;

use sandbind_core::api::plugin::{ResourcePluginSpec, Step};

/// Keeps the create step of this name and those it takes inputs from, also by others. Delete steps stay, and get what then is
/// not made as unset, as after a create that failed. False: there is no such create step.
pub(super) fn keep_only(plugin: &mut ResourcePluginSpec, name: &str) -> bool {
    if plugin.create.iter().all(|step| step.name != name) {
        return false;
    }
    let mut kept = BTreeSet::from([name.to_owned()]);
    loop {
        let needed: Vec<String> = plugin
            .create
            .iter()
            .filter(|step| kept.contains(&step.name))
            .flat_map(sources)
            .filter(|source| !kept.contains(*source))
            .map(str::to_owned)
            .collect();
        if needed.is_empty() {
            break;
        }
        kept.extend(needed);
    }
    plugin.create.retain(|step| kept.contains(&step.name));
    let others: BTreeSet<String> = plugin.delete.iter().map(|step| step.name.clone()).collect();
    if let Some(refresh) = &mut plugin.refresh {
        refresh.steps.retain(|step| kept.contains(&step.name));
        if refresh.steps.is_empty() {
            plugin.refresh = None;
        }
    }
    let refresh = plugin.refresh.iter_mut().flat_map(|refresh| &mut refresh.steps);
    for step in plugin.delete.iter_mut().chain(refresh) {
        step.inputs.retain(|input| {
            let from = input.value_from_step.as_ref().map(|from| &from.name);
            from.is_none_or(|from| kept.contains(from) || others.contains(from))
        });
    }
    true
}

fn sources(step: &Step) -> impl Iterator<Item = &str> {
    step.inputs.iter().filter_map(|input| input.value_from_step.as_ref()).map(|from| from.name.as_str())
}

#[cfg(test)]
mod tests {
    use sandbind_core::api::plugin::{Input, Runner, ValueFromStep};

    use super::*;

    fn step(name: &str, from: &[&str]) -> Step {
        let input = |from: &&str| Input {
            name: (*from).to_owned(),
            value_from_step: Some(ValueFromStep { name: (*from).to_owned(), output: "x".into() }),
            ..Input::default()
        };
        Step { name: name.to_owned(), inputs: from.iter().map(input).collect(), ..Step::default() }
    }

    #[test]
    fn a_step_keeps_what_it_needs_and_delete_loses_what_is_not_made() {
        let mut plugin = ResourcePluginSpec {
            name: "x".into(),
            version: None,
            description: None,
            runner: Runner::default(),
            params: None,
            create: vec![step("a", &[]), step("b", &["a"]), step("c", &["b"]), step("d", &[])],
            delete: vec![step("drop", &["c", "a"]), step("sweep", &["drop"])],
            refresh: None,
            allowed_namespaces: None,
            limits: None,
        };
        assert!(!keep_only(&mut plugin, "drop"));
        assert!(keep_only(&mut plugin, "b"));
        let names = |steps: &[Step]| steps.iter().map(|step| step.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&plugin.create), ["a", "b"]);
        assert_eq!(names(&plugin.delete), ["drop", "sweep"]);
        assert_eq!(sources(&plugin.delete[0]).collect::<Vec<_>>(), ["a"]);
        assert_eq!(sources(&plugin.delete[1]).collect::<Vec<_>>(), ["drop"]);
    }
}
