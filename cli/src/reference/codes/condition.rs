//! Conditions and their reasons.

use super::Subject;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "Conditions",
        about: "As kstatus and `kubectl wait` read them. `Ready` (Sandboxes, ResourceInstances), `Accepted` and `ResolvedRefs` (ResourcePlugins, \
                ResourceBindings) always stand there; the others only while they are true.",
        columns: ["type", "meaning", "what to do"],
        lines: TYPE,
    },
    Subject {
        heading: "Reasons of conditions",
        about: "Besides these, the code of the problem that stands in the way.",
        columns: ["reason", "meaning", "what to do"],
        lines: REASON,
    },
];

const TYPE: &str = "\
Accepted | the object itself is right | false: correct it as the message says
Conflicted | bindings of the namespace disagree about a resource of the sandbox | let them agree
NotInjected | a pod carries the label and was not injected | recreate it
Outdated | the plugin or the binding has moved on since the resource was made | nothing, or make the sandbox anew
Ready | usable | false: the message says what it waits for
Reconciling | something is being done about it | wait
RefreshFailing | the last refresh failed; what it would have replaced stays valid | read the message
ResolvedRefs | what the object names is there and may be used | false: apply what is missing
Stalled | it does not get on by itself, or has not for 15 minutes | `sandbind sandbox why NAME`; cluster admins: `sandbind orphans list`";

const REASON: &str = "\
Accepted | nothing is wrong with the object | nothing
Creating | the create steps run | wait
DeleteFailing | a delete step has failed three times, or for 15 minutes | correct it, then `sandbind orphans retry ID --plugin NAME@VERSION`
Deleting | the delete steps run | wait
NewerPlan | the next resource will be made from another plugin version or params | nothing, or make the sandbox anew
NotInjected | pods carry the label and were not injected | recreate them
NothingPromised | no pod was bound and nothing is to be prepared | give pods the label, look at the bindings
Pending | nothing is being made yet | wait
Provisioning | a resource is being made | wait
Queued | the plugin's `limits.concurrency` is used up | wait
Ready | all resources are ready | nothing
ReferenceNotFound | the namespace of a plugin's step pods lacks a Secret, ConfigMap or ServiceAccount that they need; also a warning of `sandbind plugin apply` | create it there; the runner notices within 15 seconds
ReferenceUnknown | whether everything is there that a plugin's step pods need is not known: the API server did not answer, or refused the question | read the message; it is asked again every 15 seconds
RefreshFailed | a refresh step failed | it is tried again; read the message
ResolvedRefs | everything that is named is there | nothing
RoundFailed | a round of creating failed | read the message; `sandbind sandbox retry NAME`
StepStarting | the pod of a step does not start; the message has the kubelet's reason | see to image, scheduling or quota
Undoing | the round failed; the delete steps run | wait";
