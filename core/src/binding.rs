//! Which pods get which resources, with which params.

pub mod bounds;
pub mod declared;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod outputs;
pub mod plan;
mod resolve;
pub mod select;
pub mod substitute;
pub mod validate;
pub mod view;
pub mod warnings;

pub use bounds::Bounds;
pub use declared::Binding;
pub use plan::{plan_key, preparable};
pub use select::{Selected, Selection, Taken, Wanted, select};
pub use validate::validate;
pub use view::{Namespace, Plugins, View};
pub use warnings::warnings;

/// Stands for every delivered output among wanted keys.
pub const ALL_KEYS: &str = "*";
