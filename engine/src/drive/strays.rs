//! Step pods whose record is gone: left by a writer that slept for long. They can win no claim; here they go.

use crate::{
    ports::{Answer, Records, Steps, World},
    trace::{Point, at},
};

/// Removes the step pods of records, or of lives of records, that are no more. Where it does not succeed the others are gone through
/// all the same; the last error is answered.
pub(super) async fn sweep<W: World>(world: &W) -> Answer<()> {
    let mut done = Ok(());
    for run in world.steps().hint_all() {
        let lives = |incarnation: &str| incarnation == run.incarnation;
        if world.records().hint(&run.instance).is_some_and(|record| lives(&record.spec.incarnation)) {
            continue;
        }
        let swept = async {
            let record = world.records().read(&run.instance).await?;
            if record.is_none_or(|record| !lives(&record.spec.incarnation)) {
                tracing::info!(
                    record = run.instance,
                    pod = run.pod_name(),
                    "removing a step pod without a record"
                );
                at(world.tracer(), Point::Reap, &run.instance, world.steps().reap(&run)).await?;
            }
            Ok(())
        };
        done = swept.await.and(done);
    }
    done
}
