//! What a server needs and no domain knows: TLS with reload, HTTP on its own accept loop, shutdown by signal, telemetry.
//!
//! [`serve::serve`] answers connections until the [`shutdown`] and lets open requests end; [`tls::Certificates`] swaps the shown
//! certificate without a restart; [`telemetry`] is logs, health and metrics. Webhook and plugin runner are made of these.

pub mod abrupt;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
