//! The truth outside Kubernetes: a real PostgreSQL server, where plugins make databases and write down each of their runs.

use std::sync::OnceLock;

use super::{apply, eventually, kubectl, try_kubectl};

const NAMESPACE: &str = "e2e-postgres";

const SERVER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: e2e-postgres}
---
apiVersion: v1
kind: Service
metadata: {name: postgres, namespace: e2e-postgres}
# A busy machine answers probes late: the address stays all the same.
spec: {selector: {app: postgres}, ports: [{port: 5432}], publishNotReadyAddresses: true}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: postgres, namespace: e2e-postgres}
spec:
  selector: {matchLabels: {app: postgres}}
  template:
    metadata: {labels: {app: postgres}}
    spec:
      securityContext: {runAsUser: 999, runAsGroup: 999, fsGroup: 999}
      containers:
      - name: postgres
        image: localhost/postgres:1
        command: [bash, -c]
        args:
        - |
          set -e
          export PATH=/usr/lib/postgresql/15/bin:$PATH
          echo admin-password > /data/pw
          initdb -D /data/db -U postgres --pwfile=/data/pw -A scram-sha-256 --locale=C -E UTF8
          echo 'host all all all scram-sha-256' >> /data/db/pg_hba.conf
          exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories=/data -c max_connections=500 -c fsync=off
        readinessProbe: {exec: {command: [/usr/lib/postgresql/15/bin/pg_isready, -h, 127.0.0.1]}, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 30}
        volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: pg-admin, namespace: sandbind-steps}
stringData: {host: postgres.e2e-postgres.svc.cluster.local, port: "5432", user: postgres, password: admin-password}
"#;

/// The server, and the table `effects` in its database `postgres`.
pub struct Ledger;

impl Ledger {
    /// Starts it once for all tests of this run.
    pub fn get() -> &'static Self {
        static READY: OnceLock<Ledger> = OnceLock::new();
        READY.get_or_init(|| {
            apply(SERVER);
            kubectl(&["-n", NAMESPACE, "rollout", "status", "deployment/postgres", "--timeout=120s"]);
            let table = "create table if not exists latches (name text primary key); create table if not exists effects (at timestamptz default clock_timestamp(), plugin text, name text, phase text, step text, attempt int, note text)";
            eventually("the ledger's table", 60, || Self.sql(table));
            Self
        })
    }

    /// Runs SQL as the admin and answers the rows, columns parted by `|`.
    #[expect(clippy::unused_self, reason = "a ledger in hand is the proof that its server is up")]
    pub fn sql(&self, sql: &str) -> Result<String, String> {
        let script = format!(
            "PGPASSWORD=admin-password /usr/lib/postgresql/15/bin/psql -h 127.0.0.1 -U postgres -v ON_ERROR_STOP=1 -qAtc \"{sql}\""
        );
        try_kubectl(&["-n", NAMESPACE, "exec", "deployment/postgres", "--", "bash", "-c", &script])
            .map(|rows| rows.trim_end().to_owned())
    }

    /// How often a phase of a plugin ran, over all its resources.
    pub fn count(&self, plugin: &str, phase: &str) -> usize {
        let rows = self
            .sql(&format!("select count(*) from effects where plugin = '{plugin}' and phase = '{phase}'"));
        rows.unwrap().parse().unwrap()
    }

    /// Names that were created and not deleted since.
    pub fn alive(&self, plugin: &str) -> Vec<String> {
        let sql = format!(
            "select name from effects where plugin = '{plugin}' group by name having max(at) filter (where phase = 'create') > coalesce(max(at) filter (where phase = 'delete'), '-infinity') order by name"
        );
        self.sql(&sql).unwrap().lines().map(str::to_owned).collect()
    }

    /// Databases and roles on the server whose names begin so.
    pub fn made(&self, name: &str) -> Vec<String> {
        let sql = format!(
            "select 'database ' || datname from pg_database where starts_with(datname, '{name}') union select 'role ' || rolname from pg_roles where starts_with(rolname, '{name}') order by 1"
        );
        self.sql(&sql).unwrap().lines().map(str::to_owned).collect()
    }
}
