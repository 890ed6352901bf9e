//! Where the scripts of a run run, when not on this machine as it is.

use std::{path::Path, sync::Arc};

use sandbind_engine::ports::chain;
use sandbind_local::{
    Scripts,
    enclosure::{Enclosure, EnclosureError, Inside, Program},
};

use crate::exit::{Failure, Outcome};

/// Makes the enclosure of a run, whose folder and id these are.
pub(super) async fn enclose(enclosure: Enclosure, folder: &Path, id: &str) -> Outcome<Scripts> {
    let way_out = match &enclosure {
        Enclosure::View => "`--no-isolation` runs scripts on this machine as it is",
        Enclosure::Container { .. } => {
            "the image must be there, or be pulled, and have the C library that this program needs; a static build needs none"
        }
    };
    let begun = begin(enclosure, folder, id).await?;
    let inside = begun
        .map_err(|error| Failure::failed("NoEnclosure", "the place for scripts", chain(&error), way_out))?;
    Ok(Scripts::Inside(Arc::new(inside)))
}

/// Why scripts cannot have a view of this machine of their own. None: they can.
pub(crate) async fn no_view() -> Outcome<Option<String>> {
    let folder = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let begun = begin(Enclosure::View, folder.path(), "").await?;
    Ok(begun.err().map(|error| chain(&error)))
}

async fn begin(enclosure: Enclosure, folder: &Path, id: &str) -> Outcome<Result<Inside, EnclosureError>> {
    let program = Program {
        path: std::env::current_exe().map_err(anyhow::Error::from)?,
        arguments: ["internal", "scripts"].map(Into::into).into(),
        view: "--view".into(),
    };
    let (folder, id) = (folder.to_owned(), id.to_owned());
    let begin = move || enclosure.begin(&program, &folder, &id);
    Ok(tokio::task::spawn_blocking(begin).await.map_err(anyhow::Error::from)?)
}
