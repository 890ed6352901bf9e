//! PostgreSQL, with the role that the page describes. Its page is about a cluster, and followed there; here are its scripts.

use crate::{
    example::Example,
    server::{Server, free_port, shell},
};

/// The example's name.
pub(crate) const NAME: &str = "postgres";
/// Where Debian puts the server's programs.
const BIN: &str = "/usr/lib/postgresql/15/bin";

fn server() -> Example {
    let mut server = Server::new();
    let port = free_port().to_string();
    let folder = server.path("");
    let data = server.path("data");
    // The server refuses to run as root.
    let install = format!(
        "chown postgres: {folder}; runuser -u postgres -- {BIN}/initdb -D {data} --auth-local=trust --auth-host=scram-sha-256 --no-sync"
    );
    shell(server.folder.path(), &install, &[]).unwrap_or_else(|error| panic!("{error}"));
    let program = format!("{BIN}/postgres");
    let command = [
        "runuser",
        "-u",
        "postgres",
        "--",
        &program,
        "-D",
        &data,
        "-p",
        &port,
        "-k",
        &folder,
        "-c",
        "fsync=off",
    ];
    let admin = format!("psql -X -q -h {folder} -p {port} -U postgres -d postgres");
    server.start("log", &command, &[], &format!("{admin} -c 'SELECT 1'"));
    let role = "CREATE ROLE sandbind LOGIN CREATEDB CREATEROLE PASSWORD 'choose-one'";
    shell(server.folder.path(), &format!("{admin} -c \"{role}\""), &[])
        .unwrap_or_else(|error| panic!("{error}"));
    Example {
        name: NAME,
        env: vec![
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", port),
            ("PGUSER", "sandbind".to_owned()),
            ("PGPASSWORD", "choose-one".to_owned()),
            ("PGDATABASE", "postgres".to_owned()),
        ],
        list: "psql -X -A -t -c 'SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1'"
            .to_owned(),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_a_database_that_goes_with_it() {
    let example = server();
    example.check_scripts();
    let conformance = example.conformance();
    assert!(conformance.contains("conformance L2 (12 trials"), "{conformance}");
}
