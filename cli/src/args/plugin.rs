//! `plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `sandbind plugin`.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Say everything that is wrong with a plugin, with line and column
    Validate(PluginValidateArgs),
    /// Turn a plugin document into a ResourcePlugin object, or back
    Render(PluginRenderArgs),
    /// Write a plugin to start from
    Init(PluginInitArgs),
    /// Make a resource on this machine, refresh it and remove it
    Test(super::TestArgs),
    /// Publish a version, or change a draft
    Apply(PluginApplyArgs),
    /// List plugins
    #[command(visible_alias = "ls")]
    List(PluginListArgs),
    /// List the versions of a plugin, the highest first
    Versions(PluginVersionsArgs),
    /// Show a plugin
    Get(PluginGetArgs),
    /// Delete a version that nothing uses
    Delete(PluginDeleteArgs),
}

/// Where a plugin is read from.
#[derive(Debug, Args)]
pub struct PluginFile {
    /// A plugin document or a ResourcePlugin object; `-` is standard input
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: String,
    /// How it is read.
    #[command(flatten)]
    pub template: super::TemplateArgs,
}

/// `sandbind plugin init`.
#[derive(Debug, Args)]
pub struct PluginInitArgs {
    /// Name of the plugin: small letters, digits and hyphens
    pub name: String,
    /// What it starts from
    #[arg(long, value_enum, value_name = "KIND", default_value_t = Starter::Shell)]
    pub from: Starter,
    /// Where the files are written; left out, a folder of the plugin's name
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Plugins to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Starter {
    /// Two scripts and an output.
    Shell,
    /// A database and a role on a `PostgreSQL` server.
    Postgres,
    /// An `OpenTofu` or Terraform module.
    Opentofu,
    /// A Helm release.
    Helm,
    /// Objects applied by `kubectl`.
    Kubernetes,
}

/// `sandbind plugin validate`.
#[derive(Debug, Args)]
pub struct PluginValidateArgs {
    /// The plugin.
    #[command(flatten)]
    pub file: PluginFile,
}

/// `sandbind plugin render`.
#[derive(Debug, Args)]
pub struct PluginRenderArgs {
    /// The plugin.
    #[command(flatten)]
    pub file: PluginFile,
    /// What to print
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = PluginForm::Object)]
    pub form: PluginForm,
}

/// The two ways to write a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PluginForm {
    /// The published document: `name: postgres@1.2.0` and `spec`.
    Document,
    /// A ResourcePlugin object.
    Object,
}

/// `sandbind plugin apply`.
#[derive(Debug, Args)]
pub struct PluginApplyArgs {
    /// The plugin.
    #[command(flatten)]
    pub file: PluginFile,
    /// Run its steps in this namespace, whatever the plugin says
    #[arg(long, value_name = "NS")]
    pub step_namespace: Option<String>,
}

/// `sandbind plugin list`.
#[derive(Debug, Args)]
pub struct PluginListArgs {
    /// Every version, not only the highest
    #[arg(short = 'A', long)]
    pub all_versions: bool,
}

/// `sandbind plugin versions`.
#[derive(Debug, Args)]
pub struct PluginVersionsArgs {
    /// Name of the plugin
    pub name: String,
}

/// `sandbind plugin get`.
#[derive(Debug, Args)]
pub struct PluginGetArgs {
    /// Name, or name and version: postgres, postgres@1.2.0, postgres@^1, postgres@draft
    #[arg(value_name = "NAME[@VERSION]")]
    pub plugin: String,
}

/// `sandbind plugin delete`.
#[derive(Debug, Args)]
pub struct PluginDeleteArgs {
    /// Name and version; the version may be left out while there is only one
    #[arg(value_name = "NAME[@VERSION]")]
    pub plugin: String,
    /// Every version
    #[arg(long)]
    pub all_versions: bool,
    /// Delete even if resources made from it still exist: they carry their own copy of it
    #[arg(long)]
    pub force: bool,
}
