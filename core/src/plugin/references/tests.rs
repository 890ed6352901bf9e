use super::*;
use crate::yaml;

/// `Kind name` of everything that a pod with this `spec` needs.
fn needs(spec: &str) -> Vec<String> {
    let text = format!("metadata: {{namespace: steps}}\nspec: {spec}\n");
    let pod = yaml::read_first(&text, "").unwrap().value;
    let found = of_pod(&pod);
    assert!(found.iter().all(|one| one.namespace == "steps"), "{found:?}");
    found.iter().map(|one| format!("{} {}", one.kind, one.name)).collect()
}

#[test]
fn every_place_where_a_pod_names_an_object_is_known() {
    for (spec, expected) in [
        ("{}", &[][..]),
        ("{containers: [{env: [{name: A, value: b}]}]}", &[]),
        ("{containers: [{env: [{valueFrom: {secretKeyRef: {name: a, key: k}}}]}]}", &["Secret a"]),
        ("{containers: [{env: [{valueFrom: {configMapKeyRef: {name: a, key: k}}}]}]}", &["ConfigMap a"]),
        ("{containers: [{env: [{valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]}", &[]),
        (
            "{containers: [{envFrom: [{secretRef: {name: a}}, {configMapRef: {name: b}}]}]}",
            &["ConfigMap b", "Secret a"],
        ),
        ("{initContainers: [{envFrom: [{secretRef: {name: a}}]}]}", &["Secret a"]),
        ("{volumes: [{secret: {secretName: a}}, {configMap: {name: b}}]}", &["ConfigMap b", "Secret a"]),
        (
            "{volumes: [{projected: {sources: [{secret: {name: a}}, {configMap: {name: b}}]}}]}",
            &["ConfigMap b", "Secret a"],
        ),
        ("{volumes: [{projected: {sources: [{serviceAccountToken: {path: t}}]}}]}", &[]),
        ("{volumes: [{csi: {driver: d, nodePublishSecretRef: {name: a}}}]}", &["Secret a"]),
        ("{volumes: [{emptyDir: {}}, {persistentVolumeClaim: {claimName: c}}]}", &[]),
        ("{imagePullSecrets: [{name: a}, {name: b}]}", &["Secret a", "Secret b"]),
        ("{serviceAccountName: a}", &["ServiceAccount a"]),
        ("{serviceAccount: a}", &["ServiceAccount a"]),
        ("{serviceAccountName: default}", &[]),
        ("{serviceAccountName: ''}", &[]),
        ("{containers: [{envFrom: [{secretRef: {name: ''}}]}]}", &[]),
        ("{containers: [{envFrom: [{secretRef: {name: a}}]}], imagePullSecrets: [{name: a}]}", &["Secret a"]),
    ] {
        assert_eq!(needs(spec), expected, "{spec}");
    }
}

#[test]
fn what_is_optional_may_be_absent() {
    for (spec, expected) in [
        ("{containers: [{env: [{valueFrom: {secretKeyRef: {name: a, key: k, optional: true}}}]}]}", &[][..]),
        (
            "{containers: [{env: [{valueFrom: {secretKeyRef: {name: a, key: k, optional: false}}}]}]}",
            &["Secret a"],
        ),
        ("{containers: [{envFrom: [{configMapRef: {name: a, optional: true}}]}]}", &[]),
        ("{volumes: [{secret: {secretName: a, optional: true}}]}", &[]),
        ("{volumes: [{projected: {sources: [{configMap: {name: a, optional: true}}]}}]}", &[]),
        (
            "{volumes: [{secret: {secretName: a, optional: true}}], containers: [{envFrom: [{secretRef: {name: a}}]}]}",
            &["Secret a"],
        ),
    ] {
        assert_eq!(needs(spec), expected, "{spec}");
    }
}
