//! The five kinds of `sandbind.dev/v1alpha1`: schemas here, value rules in the modules above.

pub mod binding;
pub mod crd;
pub mod duration;
pub mod instance;
pub mod member;
pub mod plugin;
pub mod sandbox;

pub use binding::{ResourceBinding, ResourceBindingSpec};
pub use duration::Span;
pub use instance::{ResourceInstance, ResourceInstanceSpec, ResourceInstanceStatus};
pub use member::{MemberCluster, MemberClusterSpec, MemberClusterStatus};
pub use plugin::{ResourcePlugin, ResourcePluginSpec};
pub use sandbox::{Sandbox, SandboxSpec, SandboxStatus};
