//! The admission webhook: AdmissionReviews in, AdmissionReviews out. What is decided is decided in
//! [`sandbind_engine::admission`] and in `sandbind_core`; here are the routes, the form of the answers, and the metrics.
//!
//! [`app::router`] is the whole of it without sockets; [`server::Server::run`] gives it listeners, certificates and an end.

pub mod app;
pub mod args;
pub mod metrics;
pub mod server;
pub mod trace;

mod mutate;
mod review;
mod timeout;
mod validate;
