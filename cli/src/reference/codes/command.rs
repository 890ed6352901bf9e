//! What the command says besides.

use super::Subject;

const COLUMNS: [&str; 3] = ["code", "meaning", "way out"];

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "The command",
        about: "Told by `sandbind` on stderr. Exit codes: [command line](cli.md).",
        columns: COLUMNS,
        lines: COMMAND,
    },
    Subject {
        heading: "What `sandbox why` and `wait` find",
        about: "Besides the codes of bindings, pods and steps.",
        columns: COLUMNS,
        lines: FINDING,
    },
];

const COMMAND: &str = "\
AlreadyExists | the sandbox exists | `--or-update` changes it
BadBinding | a document of the stack is not a ResourceBinding | compare with the [API](api.md)
BadObject | a document is not an object of its kind | compare with the [API](api.md)
BadPair | an argument is not `NAME=VALUE`, or names a variable that is not set | write it so, or export the variable
BadPatch | the patch that was computed cannot be applied | report it as a fault of sandbind
BadTests | the file of tests beside a plugin is not written as it should be | [write it so](../plugins.md#tests)
CannotRead | a file cannot be read | name one that can, or `-`
CannotStart | the command of `run` cannot be started | name a program in PATH
CannotWrite | a file cannot be written, or exists already | see the reason told; `plugin init` overwrites nothing
CheckFailed | a `check` of the file of tests failed while the resource was ready | put the plugin or the check right
DemoFailed | a stage of the demo failed | run it again; `sandbind local gc` removes what may be left
Failed | something went wrong that has no code of its own | act on the reason told
Files | a file for the command of `run` cannot be written | see the reason told
Forbidden | you lack a right | ask for it, or use another `--context`
InUse | what is to be removed is in use by those told | remove those first, or `--force`
LeftBehind | the delete steps succeeded, and `observe` still finds the resource | let delete find all that create makes, also when it was cut short
ListFailed | the `list` script of the file of tests failed, or wrote no file `list` | let it exit with 0, and write a name a line
NoCluster | there is no kubeconfig, or it cannot be read | set `KUBECONFIG`, or `--kubeconfig` and `--context`
NoEnclosure | the view or the container for a test's scripts cannot be made | the reason told is that of `unshare`, podman or Docker; a container needs a static build of this program
NoPod | no file holds a pod | name the pod's file with `-f` too
NoReason | `orphans forget` needs a reason | say who removed the resource, or why nobody needs to
NoStateFolder | neither `XDG_STATE_HOME` nor `HOME` is set | set `HOME`
NoSuchRun | there is no such run | `sandbind local list` shows those there are
NoSuchStep | `--step` names no create step of the plugin | name one of them
NotFound | there is no such object | check name, namespace and `--context`; the way out told may name a command that lists them
NotListed | the create steps succeeded, and `list` does not name the resource | name or tag what is made by `$SANDBIND_NAME`
NotOpened | the sidecar gave up waiting for its resources | see the pod's Events
NotRemoved | a run's resources could not be removed | see to the reason, then `sandbind local gc`
NotRepeatable | with `plugin test --twice` or `--kill-at`, a script fails when it is run again | let it find what is there already
NotText | an output is no text that an env var can hold | take it as a file
NotThere | the create steps succeeded, and `observe` does not find the resource | put the create steps or `observe` right
NothingToShow | the status names no such resource or step | `sandbind sandbox get` shows those there are
ObserveFailed | the `observe` script ended with another code than 0 or 1 | 0 says there, 1 says not there
OnlyHere | with `plugin test --executor cluster`, a flag that is for scripts of this machine | leave it out
OutputChanges | with `plugin test --twice`, an output has another value when its script is run again | all right for a new password, not for a name
OutputEndsInLineEnd | an output of `plugin test` ends with a line end | write it by `printf %s`
OutputUnexpected | an output is not what the file of tests says | `--show-outputs` shows what it is
RefreshFailed | the refresh of `plugin test` failed | put the step right
Refused | the API server refused it in its own words | see the reason told
RunAlive | the run's process lives | end it; it removes its resources itself
RunFile | the folder of runs cannot be used | make it writable, or set `XDG_STATE_HOME`
TimedOut | it took longer than `--timeout` (exit code 3) | wait longer, or `sandbind sandbox why NAME`
Unhealthy | checks of `doctor` failed | see each check
UnknownCode | `explain` was asked for a code that does not exist | use one of those it offers
UnknownDocument | a document of the stack is neither plugin nor binding | leave it out
Unlabelled | the pod has no sandbox label: it never reaches the webhook | add `sandbind.dev/sandbox: NAME` to the pod template
Unreachable | the API server does not answer | check `--context` and `--kubeconfig`
WrongDuration | the time of `hold` is too long | hold for a shorter time
WrongFormat | `-o sarif` is for `plugin validate` alone | use `-o json`
WrongLabel | `--namespace-label` is not `KEY=VALUE` | write it so
WrongParam | `--param` is not `RESOURCE.PARAM=VALUE` | write for example `--param db.seed=large`
WrongPlugin | the plugin is not named as it can be, or means several versions | `NAME`, `NAME@1.2.0`, `NAME@^1`, `NAME@latest` or `NAME@draft`
WrongStack | a stack has exactly one binding | put plugins and one binding into it
WrongVariable | `--set` is not `NAME=VALUE`, or gives a variable two values | write it so, each variable once";

const FINDING: &str = "\
BeingMade | a round of creating runs | wait; `sandbind sandbox logs NAME` shows what the steps write
BeingRemoved | the delete steps run | wait; new pods then get a new one
Conflicted | bindings disagree | let them agree, or give the resources different names
Deleting | `wait --for ready`, and the sandbox is being deleted | `--for deleted`, then start anew
Gated | a pod waits for its resources | it starts by itself as soon as they are ready
NoSandbox | pods carry the label and no Sandbox was made for them | recreate the pods; else `sandbind doctor`
NotInjected | a pod was made past the webhook | recreate it
NotPrepared | what `prepare` names is about to be made | wait; what stands against it is told too
NotScheduled | a pod finds no node | make room, or ask for less
NotSeenYet | the plugin runner has not looked at the Sandbox | if that lasts: `sandbind doctor`
NothingPromised | no pod was bound and nothing is to be prepared | check the label and the bindings; with `--allow-empty` it counts as ready
Outdated | the plugin or binding has moved on | scale to zero, or delete the sandbox, for what they say now
PodRefused | a pod was refused; the webhook's own words follow | its controller tries again; `kubectl rollout restart` at once
SidecarUnreachable | a sidecar cannot reach the plugin runner | let the pod reach the runner's port 7443
Stalled | a delete keeps failing | cluster admins: `sandbind orphans list`, `sandbind orphans retry ID --plugin NAME@VERSION`
Unknown | a resource is in a phase that this version does not know | use the version of the installation
WebhookUnreachable | the API server cannot reach the webhook | cluster admins: `sandbind doctor`";
