//! The metric that an alert on certificates needs.

use std::sync::Arc;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::Registry,
};

use crate::tls::Certificates;

#[derive(Debug)]
struct Expiry(Arc<Certificates>);

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // Absent rather than zero while there is no certificate: readiness tells that.
        let Some(not_after) = self.0.not_after() else { return Ok(()) };
        let gauge = ConstGauge::new(not_after);
        let metric = encoder.encode_descriptor(
            "certificate_not_after_seconds",
            "End of the shown certificate, in seconds since 1970",
            None,
            prometheus_client::metrics::MetricType::Gauge,
        )?;
        gauge.encode(metric)
    }
}

/// Adds `certificate_not_after_seconds`, read from the certificate that is shown at each scrape.
pub fn register_certificate(registry: &mut Registry, certificates: Arc<Certificates>) {
    registry.register_collector(Box::new(Expiry(certificates)));
}
