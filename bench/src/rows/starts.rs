//! How long pods take to start: plain, with an init container, bound to what is Ready, gated. And the sidecars that are idle then.

use std::time::Duration;

use serde_json::json;

use super::Means;
use crate::{
    bed::{self, Bed},
    figure::median,
    machine::{processes, processor_seconds, status_mib},
    row::Row,
};

const RUNS: usize = 5;
/// How long idle sidecars are looked at.
const IDLE: Duration = Duration::from_secs(20);

/// In seconds.
#[derive(Default)]
struct Seen {
    plain: Vec<f64>,
    with_init: Vec<f64>,
    bound: Vec<f64>,
    step: Vec<f64>,
    opened: Vec<f64>,
    idle: Option<Idle>,
}

/// The largest sidecar, and the processor time of all of them together.
struct Idle {
    resident: f64,
    anonymous: f64,
    millicores: f64,
    count: usize,
}

/// One pod after the other.
pub(crate) fn measure(means: &Means) -> anyhow::Result<Vec<Row>> {
    let Some(kubeconfig) = &means.kubeconfig else { return Ok(Vec::new()) };
    let seen = bed::with(kubeconfig, async |bed| look(bed).await)?;
    let added = median(&seen.bound) - median(&seen.plain);
    let step = median(&seen.step) - median(&seen.with_init);
    let opened = median(&seen.opened);
    let mut rows = vec![
        Row {
            what: "added to a pod's start, resource Ready",
            figure: format!(
                "{added:.2} s ({:.2} s against {:.2} s, medians of {RUNS})",
                median(&seen.bound),
                median(&seen.plain)
            ),
            goal: "≤ 1.1 s",
            met: Some(added <= 1.1),
        },
        Row {
            what: "step on a cold pod, from the create call of the pod that wants it, against a pod with one init container",
            figure: format!(
                "{step:+.2} s ({:.2} s against {:.2} s, medians of {RUNS})",
                median(&seen.step),
                median(&seen.with_init)
            ),
            goal: "≤ +0.2 s",
            met: Some(step <= 0.2),
        },
        Row {
            what: "end of the step's script → the gated pod's app starts",
            figure: format!("{opened:.2} s (median of {RUNS})"),
            goal: "≤ 1 s",
            met: Some(opened <= 1.0),
        },
    ];
    rows.extend(seen.idle.map(|idle| Row {
        what: "sidecar idle in a pod",
        figure: format!(
            "{:.1} MiB resident, {:.2} MiB of it anonymous, {:.2} m processor (the largest of {}; mean over {} s)",
            idle.resident,
            idle.anonymous,
            idle.millicores,
            idle.count,
            IDLE.as_secs()
        ),
        goal: "≤ 4 MiB, ≤ 1.5 MiB, ≤ 1 m",
        met: Some(idle.resident <= 4.0 && idle.anonymous <= 1.5 && idle.millicores <= 1.0),
    }));
    Ok(rows)
}

async fn look(bed: &Bed) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let none = json!({});
    let init =
        json!({"initContainers": [{"name": "init", "image": "localhost/test:1", "command": ["true"]}]});
    bed.create(&bed::pod("first", Some("ready"), &none)?).await?;
    bed.said("first").await?;
    for nth in 0..RUNS {
        for (name, sandbox, more, times) in [
            ("plain", None, &none, &mut seen.plain),
            ("init", None, &init, &mut seen.with_init),
            ("bound", Some("ready"), &none, &mut seen.bound),
        ] {
            let name = format!("{name}-{nth}");
            let (at, _) = bed.create(&bed::pod(&name, sandbox, more)?).await?;
            let said = bed.said(&name).await?;
            times.extend(said.first().map(|began| began - at));
            bed.delete(&name).await?;
        }
        let name = format!("gated-{nth}");
        let (at, _) = bed.create(&bed::pod(&name, Some(&name), &none)?).await?;
        if let [began, step_began, step_ended] = bed.said(&name).await?[..] {
            seen.step.push(step_began - at);
            seen.opened.push(began - step_ended);
        }
    }
    seen.idle = idle().await;
    Ok(seen)
}

/// None: none can be seen from here.
async fn idle() -> Option<Idle> {
    let sidecars = processes("sandbind-binder-sidecar");
    let used = |pids: &[u32]| pids.iter().filter_map(|pid| processor_seconds(*pid).ok()).sum::<f64>();
    let before = used(&sidecars);
    tokio::time::sleep(IDLE).await;
    let used = used(&sidecars) - before;
    let most = |field: &str| {
        let all = sidecars.iter().filter_map(|pid| status_mib(*pid, field).ok());
        all.max_by(f64::total_cmp)
    };
    let count = sidecars.len();
    let each = f64::from(u32::try_from(count).ok()?);
    Some(Idle {
        resident: most("VmRSS")?,
        anonymous: most("RssAnon")?,
        millicores: used / IDLE.as_secs_f64() / each * 1e3,
        count,
    })
}
