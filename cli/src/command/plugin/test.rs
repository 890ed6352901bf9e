//! `sandbind plugin test`: a plugin's whole life on this machine, attempt by attempt.

mod cluster;
mod conformance;
mod findings;
mod life;
mod look;
mod plan;
mod prune;
mod report;
mod suite;

use sandbind_core::{api::ResourcePlugin, problem::Problem};
use sandbind_local::enclosure::Enclosure;

use super::source;
use crate::{
    args::{ExecutorKind, Global, TestArgs},
    client,
    command::run::{Signals, show_logs, signaled},
    exit::{Exit, Failure, Outcome},
    output::Shell,
    stack,
};
use life::{Setting, Ways};
use report::{Report, Told};
use suite::Suite;

/// Creates, refreshes where the plugin can, and deletes: once for each test, and as often as its conformance takes.
pub(super) async fn run(global: &Global, args: TestArgs, shell: &Shell) -> Outcome {
    let plugin = plugin(&args, shell)?;
    let suite = Suite::of(&args)?;
    match args.executor {
        ExecutorKind::Process | ExecutorKind::Podman | ExecutorKind::Docker => {
            Box::pin(test(&plugin, &suite, &args, shell)).await
        }
        ExecutorKind::Cluster => {
            let of_here = args.twice || args.kill_at.is_some() || args.show_outputs || args.no_isolation;
            if of_here || !args.env.is_empty() {
                return Err(Failure::usage(
                    "OnlyHere",
                    "--executor cluster",
                    "--twice, --kill-at, --show-outputs, --no-isolation and --env are for scripts of this machine",
                    "leave them out, or use another executor",
                ));
            }
            let cluster = client::connect(global).await?;
            Box::pin(cluster::run(&cluster, plugin, &suite, args.keep, shell)).await
        }
    }
}

/// Where the scripts run; none: on this machine as it is.
async fn enclosure(plugin: &ResourcePlugin, args: &TestArgs, shell: &Shell) -> Outcome<Option<Enclosure>> {
    let container = |engine: &str| {
        let image = plugin.spec.runner.image.clone();
        Enclosure::Container { engine: engine.to_owned(), image }
    };
    let wanted = match args.executor {
        ExecutorKind::Podman => container("podman"),
        ExecutorKind::Docker => container("docker"),
        ExecutorKind::Process | ExecutorKind::Cluster if args.no_isolation || args.keep => return Ok(None),
        ExecutorKind::Process | ExecutorKind::Cluster => Enclosure::View,
    };
    match stack::enclosable(&wanted).await? {
        Ok(()) => Ok(Some(wanted)),
        Err(failure) if wanted == Enclosure::View => {
            let reason = failure.problems.first().map(|problem| problem.reason.as_str()).unwrap_or_default();
            shell.note(&format!(
                "the scripts share this machine's files, for they cannot be isolated: {reason}"
            ));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// The plugin of the file, cut down to one step where that is asked for.
fn plugin(args: &TestArgs, shell: &Shell) -> Outcome<ResourcePlugin> {
    let read = source::checked(&args.file)?;
    read.warnings.iter().for_each(|warning| shell.problem(warning));
    let mut plugin = ResourcePlugin::new(&read.object_name, read.plugin);
    if let Some(step) = &args.step
        && !prune::keep_only(&mut plugin.spec, step)
    {
        return Err(Failure::usage(
            "NoSuchStep",
            "--step",
            format!("the plugin has no create step `{step}`"),
            "name one of its create steps",
        ));
    }
    Ok(plugin)
}

async fn test(plugin: &ResourcePlugin, suite: &Suite, args: &TestArgs, shell: &Shell) -> Outcome {
    let env = stack::env(&args.env)?;
    let enclosure = enclosure(plugin, args, shell).await?;
    let mut signals = Signals::listen()?;
    let (mut problems, mut tests, mut conformance) = (Vec::new(), Vec::new(), None);
    let (mut exit, mut kept) = (Exit::Failed, None);
    for (index, test) in suite.tests.iter().enumerate() {
        let setting = Setting {
            plugin,
            test,
            observe: suite.observe.as_deref(),
            list: suite.list.as_deref(),
            sandbox: &args.sandbox,
            env: &env,
            enclosure: enclosure.as_ref(),
        };
        let ways = Ways { twice: args.twice, keep: args.keep, ..Ways::default() };
        let mut lived = Box::pin(life::live(&setting, ways, shell, &mut signals)).await?;
        show_logs(&lived.attempts, shell);
        let mut found = lived.problems();
        for finding in lived.attempts.iter().flat_map(findings::of) {
            if finding.is_error() {
                found.push(finding);
            } else {
                shell.problem(&finding);
            }
        }
        let ok = found.is_empty() && lived.signal.is_none();
        tests.push(Told::of(&plugin.spec, &test.name, &lived.attempts, ok, args.show_outputs));
        problems.extend(found);
        kept = lived.kept.or(kept);
        if ok && index == 0 && args.kill_at.is_some() {
            let (trials, found, signal) =
                Box::pin(tried(&setting, &lived.attempts, args, shell, &mut signals)).await?;
            conformance = trials;
            problems.extend(found);
            lived.signal = signal;
        }
        if let Some(signal) = lived.signal {
            exit = Exit::Code(signaled(signal));
            break;
        }
    }
    let ok = problems.is_empty() && exit == Exit::Failed;
    let report = Report { tests, conformance, ok };
    shell.show(&report, || report::human(&report))?;
    if let Some(id) = kept {
        shell.note(&format!("the resource stays; `sandbind local gc {id}` removes it"));
    }
    if ok { Ok(()) } else { Err(Failure { exit, problems }) }
}

async fn tried(
    setting: &Setting<'_>,
    plain: &[sandbind_local::Attempt],
    args: &TestArgs,
    shell: &Shell,
    signals: &mut Signals,
) -> Outcome<(Option<conformance::Conformance>, Vec<Problem>, Option<i32>)> {
    // A short number is easily typed again.
    let seed = args.seed.map_or_else(|| getrandom::u32().map(u64::from), Ok);
    let seed = seed.map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    conformance::of(setting, plain, seed, args.trials, shell, signals).await
}
