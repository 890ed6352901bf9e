//! Why a pod is refused.

use super::Subject;

pub(super) const SUBJECTS: &[Subject] = &[Subject {
    heading: "Pods",
    about: "Told when a labelled pod is created: in the answer, and for a controller's pods in its Event `FailedCreate`. Those about bindings and \
            references above occur here too. A controller tries again by itself, ever more rarely; `kubectl rollout restart` makes it try at once.",
    columns: ["code", "meaning", "way out"],
    lines: LINES,
}];

const LINES: &str = "\
ConflictingNotify | two bindings want to tell the pod of new files in different ways | keep one, or let both say the same
ContainerBeforeSidecar | `containers` names one that starts before the sidecar | take it out of the list
DeadlineExceeded | the decision took longer than the API server waits | nothing: it is tried again
EnvConflict | the pod sets a variable itself, and `onConflict` is `Deny` | remove it there, or use `Replace` or `Keep`
MalformedPod | the object is not a pod with containers | give a whole pod
MalformedReview | the webhook was sent something that is not an AdmissionReview | only an API server should call it
MirrorPod | a static pod is made by its kubelet | remove the label, or use a Deployment or DaemonSet
NamespaceGone | the namespace that the resource was asked for in is gone | create the pods again in one that is there
NamespaceTerminating | the namespace is being deleted | use another, or wait and make it anew
NamespaceUnknown | there is no such namespace | make it first
NoBinding | no binding selects the pod | make one; or annotate the namespace with `sandbind.dev/unmatched: Allow`
NoDeclaration | no binding declares the resource any more | apply the binding again, or remove the pods that use it
NotReady | with `wait.mode: Block`: the resource was not ready in time | wait: the controller tries again; or use `mode: Auto`
NotifyOnHostNetwork | `onRefresh.http` with `hostNetwork`: the port may be anybody's | use `signal`, or leave `onRefresh` out
OwnerUnknown | the pod's controller could not be read | nothing: it is tried again
PathTaken | a container mounts something there itself | choose another path, or leave the container out
RoundFailed | the resource could not be made, and nothing is left of that try | read the reason; it is tried again at the time told, at once with `sandbind sandbox retry`
SandboxDeleting | the sandbox is being deleted | wait until it is gone, or use another name
SidecarLost | another webhook has taken the sidecar out of the pod again | `sandbind doctor`; let that webhook leave it alone
SignalNeedsSameUser | `onRefresh.signal` needs the app to run as a known user that is not root | set `runAsUser`, or use `http`
SignalNeedsSharedProcesses | `onRefresh.signal` needs `shareProcessNamespace: true` in the pod | set it, or use `http`
StillDeleting | the previous resource of this name is still being deleted | wait; when its delete script is broken, `sandbind orphans retry`
StoreUnavailable | the reservation could not be written | nothing: it is tried again
TooManyOutputs | the pods of one resource name more different outputs than a record holds | name fewer
TooManyReservations | too many admitted pods have not been seen yet | wait, or find out what refuses them after admission
Unbound | a warning: no binding selects the pod, and the namespace lets it run | make a binding, if it should have one
UnknownContainer | a binding names a container that the pod lacks | use one of those told
Vanished | the resource was removed while the pod waited for it | nothing: it is tried again
ViewUnavailable | bindings or plugins could not be read | nothing: it is tried again
WindowsPod | the sidecar runs on Linux only | remove the label, or run the pod on Linux";
