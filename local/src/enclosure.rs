//! Enclosures: places for the scripts of a run where they are alone, as they are in step pods. Within each works one process of this
//! same program ([`serve`]); it takes jobs and gives results over its standard streams, and everything in there ends with it.

mod inside;
mod talk;
mod view;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use sandbind_step_agent::{script::Stop, states::States};
use serde::{Deserialize, Serialize};

pub use self::{
    inside::{EnclosureError, Inside},
    talk::serve,
    view::{ViewError, enter},
};
use crate::job::{Job, Ran};

/// Where the folders of scripts are in a container.
const FOLDERS: &str = "/run/sandbind";
/// Where this program is in a container.
const PROGRAM: &str = "/.sandbind";

/// A kind of enclosure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Enclosure {
    /// A view of this machine, with processes of its own. What is written is seen within it only, and goes with it. The network is
    /// the machine's.
    View,
    /// A container on the machine's network.
    #[serde(rename_all = "camelCase")]
    Container {
        /// The program that runs it: `podman`, `docker` or one with the same command line.
        engine: String,
        /// The image.
        image: String,
    },
}

/// Where scripts are run.
#[derive(Clone, Debug, Default)]
pub enum Scripts {
    /// On this machine as it is.
    #[default]
    Here,
    /// In an enclosure.
    Inside(Arc<Inside>),
}

impl Scripts {
    /// Runs it. Blocks until everything the script started is gone.
    pub(crate) fn run(&self, job: &Job, stop: Stop, states: Option<Arc<dyn States>>) -> Ran {
        match self {
            Self::Here => job.run(stop, states),
            Self::Inside(inside) => inside.run(job, &stop, states),
        }
    }
}

/// How this program is told to call [`enter`] where wanted, and then [`serve`].
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What is added to them, before a folder, when it is to work in a view.
    pub view: OsString,
}

impl Enclosure {
    /// Makes the enclosure of a run. `folder` is the run's own and exists; `name` is unique on this machine. Blocks until scripts can be
    /// run, which takes as long as the engine needs for its image.
    pub fn begin(&self, program: &Program, folder: &Path, name: &str) -> Result<Inside, EnclosureError> {
        match self {
            Self::View => Inside::begin(view(program, folder), None),
            Self::Container { engine, image } => {
                Inside::begin(container(program, engine, image, name), Some(FOLDERS.into()))
            }
        }
    }
}

fn view(program: &Program, folder: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--").arg(&program.path).args(&program.arguments).arg(&program.view).arg(folder);
    command
}

fn container(program: &Program, engine: &str, image: &str, name: &str) -> Command {
    let mut command = Command::new(engine);
    command.args(["run", "--rm", "--interactive", "--network", "host"]);
    command.args(["--name", &format!("sandbind-{name}"), "--entrypoint", PROGRAM]);
    // Whoever the image's user is, folders can be made; and what a tool puts there can be run.
    command.args(["--tmpfs", &format!("{FOLDERS}:rw,exec,mode=1777")]);
    // The program keeps its own label where files have labels.
    command.args(["--security-opt", "label=disable"]);
    command.arg("--volume").arg(format!("{}:{PROGRAM}:ro", program.path.display()));
    // A document names the image: it is not to be taken for a flag.
    command.args(["--", image]).args(&program.arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_an_image_whatever_it_looks_like() {
        let program = Program { path: "/bin/it".into(), arguments: vec!["go".into()], view: "--view".into() };
        let command = container(&program, "podman", "--privileged", "a");
        let arguments: Vec<_> = command.get_args().map(|one| one.to_string_lossy().into_owned()).collect();
        assert!(arguments.ends_with(&["--".to_owned(), "--privileged".to_owned(), "go".to_owned()]));
    }
}
