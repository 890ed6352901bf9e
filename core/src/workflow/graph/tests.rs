//! Which steps run when.
