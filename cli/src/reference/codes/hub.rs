//! Hubs, their clusters, and copies.

use super::Subject;

pub(super) const SUBJECTS: &[Subject] = &[
    Subject {
        heading: "Hubs",
        about: "Told by `sandbind hub`, by `sandbind plugin`, and by the API server of a member cluster when somebody writes a copy of a hub's plugin.",
        columns: ["code", "meaning", "way out"],
        lines: HUB,
    },
    Subject {
        heading: "Reasons in a MemberCluster",
        about: "Why a hub's plugin is not ready in a cluster: `sandbind plugin get` on the hub shows it. Besides these, the reason of the copy's condition `Accepted` or `ResolvedRefs`.",
        columns: ["reason", "meaning", "what to do"],
        lines: MEMBER,
    },
];

const HUB: &str = "\
MemberExists | another cluster is a member of that name | take another name, or let the other leave
NoHub | the API server is not a hub, or the cluster is a member of none | `sandbind hub setup`, `sandbind hub join`
OtherHub | the cluster is a member of another hub than the one named | `sandbind hub leave` first, or name that hub
PluginOfHub | a plugin that is a copy of a hub's would be written by hand | change or delete it on the hub, or `sandbind hub leave`
RefusedKubeconfig | the kubeconfig for the hub runs a program, names a file, does not verify the hub, or has a field that is not known | let `sandbind hub join` write it
SameCluster | the hub and the cluster that is to join are one API server | name two different contexts";

const MEMBER: &str = "\
NameTaken | the cluster has a plugin whose name differs in case only | rename one of them
NotSeenYet | the cluster has not made a copy yet, or has not looked at it | wait; if that lasts, see the cluster's heartbeat
OtherHub | the cluster keeps a copy of this name and version from another hub | in the cluster: `sandbind plugin delete`
OwnPlugin | the cluster has a plugin of its own of this name and version, which wins | nothing, or delete the cluster's own
Refused | the cluster's API server did not take the copy; its own words follow | read the message
StaleCopy | the cluster uses a copy of this version with other content: the version was deleted on the hub and published anew | wait until nothing uses it; publish under a new version
Withdrawn | the hub no longer has the version, and the cluster still uses it | nothing: the copy goes when nothing uses it";
