//! The pages without a cluster: no link leads nowhere, no example is unmarked, every code a user may see is explained.

mod blocks;
mod codes;
mod links;
