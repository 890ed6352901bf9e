//! `sandbind sandbox create`.

use std::collections::BTreeMap;

use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use sandbind_core::api::{
    Sandbox, SandboxSpec,
    sandbox::{Lifetime, Ttl},
};
use serde_json::json;

use super::{api, place};
use crate::{
    args::CreateArgs,
    client::Cluster,
    exit::{Failure, Outcome},
    output::{Format, Shell},
};

/// Makes it; one that a pod made before (WhileUsed) becomes what is asked.
pub(super) async fn run(cluster: &Cluster, args: CreateArgs, shell: &Shell) -> Outcome {
    let CreateArgs { name, lifetime, ttl, ttl_from, prepare, param, routing_key, or_update } = args;
    let spec = SandboxSpec {
        lifetime,
        ttl: ttl.map(|duration| Ttl { duration, offset_from: ttl_from.unwrap_or_default() }),
        params: params(&param)?,
        prepare,
        routing_key,
    };
    let api: Api<Sandbox> = api(cluster);
    let wanted = Sandbox::new(&name, spec);
    let (made, verb) = match api.create(&PostParams::default(), &wanted).await {
        Ok(made) => (made, "created"),
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => {
            let there = super::read(cluster, &name).await?;
            if !or_update && there.spec.lifetime != Lifetime::WhileUsed {
                return Err(Failure::failed(
                    "AlreadyExists",
                    place(cluster, &name),
                    "the sandbox exists",
                    "give --or-update to change it, or delete it first",
                ));
            }
            let patch = json!({"spec": wanted.spec});
            (api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?, "changed")
        }
        Err(error) => return Err(error.into()),
    };
    shell.note(&format!("{verb} {}", place(cluster, &name)));
    if shell.format() != Format::Human {
        shell.show(&made, String::new)?;
    }
    Ok(())
}

/// `db.seed=large` and its like, by resource.
fn params(typed: &[String]) -> Outcome<BTreeMap<String, BTreeMap<String, String>>> {
    let mut params: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for text in typed {
        let parts = text.split_once('=').and_then(|(path, value)| Some((path.split_once('.')?, value)));
        let Some(((resource, param), value)) =
            parts.filter(|((resource, param), _)| !resource.is_empty() && !param.is_empty())
        else {
            // The text may hold a sensitive value: it is not repeated.
            return Err(Failure::usage(
                "WrongParam",
                "--param",
                "it is not of the form `RESOURCE.PARAM=VALUE`",
                "write for example `--param db.seed=large`",
            ));
        };
        params.entry(resource.to_owned()).or_default().insert(param.to_owned(), value.to_owned());
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_param_names_resource_and_param_and_may_hold_anything() {
        let params = params(&["db.seed=a=b.c".to_owned(), "db.size=".to_owned()]).unwrap();
        assert_eq!(params["db"]["seed"], "a=b.c");
        assert_eq!(params["db"]["size"], "");
    }

    #[test]
    fn a_wrong_param_is_wrong_usage_and_not_repeated() {
        for text in ["seed=secret", "db.seed", ".seed=secret", "db.=secret", ""] {
            let failure = params(&[text.to_owned()]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(!format!("{failure:?}").contains("secret"));
        }
    }
}
