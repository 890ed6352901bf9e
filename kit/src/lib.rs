//! What a server needs and no domain knows: TLS with reload, HTTP on its own accept loop, shutdown by signal, telemetry.

pub mod abrupt;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
