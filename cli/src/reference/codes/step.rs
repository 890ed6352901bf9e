//! How steps fail, and what the runner answers to the programs in pods.

use super::Subject;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "Steps",
        about: "Why an attempt of a step failed: in denials, in the status, in `sandbind sandbox why`. `sandbind sandbox logs` shows what it wrote: \
                all of it to those who may read Secrets in `sandbind-system`, where logs lie beside outputs; others see the last line of each resource.",
        columns: ["code", "meaning", "way out"],
        lines: ATTEMPT,
    },
    Subject {
        heading: "Events",
        about: "On the Sandbox; those of failures also on the pods' top owner and on gated pods.",
        columns: ["reason", "meaning", "what to do"],
        lines: EVENT,
    },
    Subject {
        heading: "Answers to agents and sidecars",
        about: "In the logs of step agents and sidecars, when the plugin runner refuses their call.",
        columns: ["code", "meaning", "what to do"],
        lines: CALL,
    },
];

const ATTEMPT: &str = "\
NoDeleteSteps | the version that `sandbind orphans retry` names has no delete steps | name one that removes the resource, or remove it by hand and `sandbind orphans forget` it
OutputMissing | the script ended well and did not write a declared output | write it, or do not declare it
OutputTooLarge | the outputs are larger than 64 KiB for a step, or 256 KiB for the resource | write less
StepDeadline | the script took longer than its `timeout` | make it faster, or raise the timeout
StepFailed | the script ended with another exit code than 0, or by a signal | read its last line and its log
StepLost | the step's pod ended, or was silent beyond its deadline, without a result | see why: eviction, memory, the node
StepNeverBegan | the step's pod ended, or did not start in time, before the script ran | see why: image, scheduling, quota
StepNotStarted | the script could not be executed | its interpreter must be in the image";

const EVENT: &str = "\
DeleteStepFailed | an attempt of a delete step failed | it is tried again for ever; read the message
Expiring | the sandbox's TTL ends within the hour | `sandbind sandbox hold NAME 2h`, or let it go
RefreshStepFailed | an attempt of a refresh step failed; the old values stay valid | it is tried again; read the message
Refreshed | new outputs are delivered | nothing
ResourceDeleting | nobody uses the resource any more; its delete steps run | nothing
ResourceReady | the resource is made | nothing
RoundFailed | the attempts of a step are used up; everything is undone | read the message; `sandbind sandbox retry NAME` starts the next round at once
SidecarUnreachable | a pod has waited for a minute for resources that are ready | let its sidecar reach the plugin runner: network policies, meshes, the node
StepFailed | an attempt of a create step failed | read the message
StepPodRefused | the API server refuses the step's pod | see to quota, pod security or the plugin's overlay";

const CALL: &str = "\
BadBody | the call's body broke off or is too large | nothing: it is sent again; make what a step says smaller
BadMessage | the call does not have the expected form | use one version of all programs
Busy | the record changes too fast | nothing: they ask again
Ending | this replica ends | nothing: they ask another
LateBody | the call's body did not arrive in time | nothing: it is sent again
NoSuchRoute | there is no such call | use one version of all programs
NoToken | the call bears no token | only pods of sandbind have anything to ask here
NotYourCall | the calling pod has no business with this | nothing, unless it is one of yours
Unavailable | something that the runner needs does not answer | nothing: they ask again
UnknownToken | the token is not a pod's, or its pod is gone | nothing, unless it is one of yours";
