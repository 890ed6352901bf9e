//! Where the scripts of a run run, when not on this machine as it is.

use std::{path::Path, sync::Arc};

use sandbind_engine::ports::chain;
use sandbind_local::enclosure::{Enclosure, EnclosureError, Inside, Program, Scripts};

use crate::exit::{Failure, Outcome};

/// Makes the enclosure of a run, whose folder and id these are.
pub(super) async fn enclose(enclosure: &Enclosure, folder: &Path, id: &str) -> Outcome<Scripts> {
    let inside = begin(enclosure, folder, id).await?.map_err(|error| no_enclosure(enclosure, &error))?;
    Ok(Scripts::Inside(Arc::new(inside)))
}

/// That this kind of enclosure can be made, before anything depends on it. An engine gets its image now.
pub(crate) async fn enclosable(enclosure: &Enclosure) -> Outcome<Result<(), Failure>> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let id = folder.path().file_name().unwrap_or_default().to_string_lossy().replace('.', "");
    let begun = begin(enclosure, folder.path(), &id).await?;
    Ok(begun.map(drop).map_err(|error| no_enclosure(enclosure, &error)))
}

fn no_enclosure(enclosure: &Enclosure, error: &EnclosureError) -> Failure {
    let way_out = match enclosure {
        Enclosure::View => "`--no-isolation` runs scripts on this machine as it is",
        Enclosure::Container { .. } => {
            "the image must be there, or be pulled, and have the C library that this program needs; a static build needs none"
        }
    };
    Failure::failed("NoEnclosure", "the place for scripts", chain(error), way_out)
}

async fn begin(enclosure: &Enclosure, folder: &Path, id: &str) -> Outcome<Result<Inside, EnclosureError>> {
    let program = Program {
        path: std::env::current_exe().map_err(anyhow::Error::from)?,
        arguments: ["internal", "scripts"].map(Into::into).into(),
        view: "--view".into(),
    };
    let (enclosure, folder, id) = (enclosure.clone(), folder.to_owned(), id.to_owned());
    let begin = move || enclosure.begin(&program, &folder, &id);
    Ok(tokio::task::spawn_blocking(begin).await.map_err(anyhow::Error::from)?)
}
