//! A task that runs beside another one: what it says comes when it has ended, so that the two do not talk at once.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::Child,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    image,
    process::{self, note},
};

/// A running task of this very program.
pub(crate) struct Beside {
    child: Child,
    name: String,
    said: PathBuf,
}

impl Beside {
    /// Starts `cargo xtask …` with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let name = format!("xtask {}", arguments.join(" "));
        let folder = image::target_dir().join("beside");
        fs::create_dir_all(&folder)?;
        let said = folder.join(name.replace(' ', "-"));
        let output = File::create(&said)?;
        note(&format!("$ {name} (beside what follows)"));
        let mut command = process::command(env::current_exe()?, &[]);
        command.args(arguments).stdout(output.try_clone()?).stderr(output);
        let child = process::start(&mut command)?;
        Ok(Self { child, name, said })
    }

    /// Waits until it has ended, and shows what it said.
    pub(crate) fn end(mut self) -> Result<()> {
        let status = self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        note(&format!("{} said:", self.name));
        note(&String::from_utf8_lossy(&fs::read(&self.said)?));
        if !status.success() {
            bail!("{} ended with {status}", self.name);
        }
        Ok(())
    }
}
