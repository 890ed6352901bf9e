//! What several tests share that needs no cluster: how the project's pages are read.

pub mod pages;
