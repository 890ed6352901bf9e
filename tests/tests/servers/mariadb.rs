//! MariaDB, with the admin that the page describes.

use crate::{
    example::Example,
    server::{Server, free_port, shell},
};

/// The example's name.
pub(crate) const NAME: &str = "mariadb";

fn server() -> Example {
    let mut server = Server::new();
    let port = free_port().to_string();
    let socket = server.path("socket");
    let data = server.path("data");
    let install = format!(
        "mariadb-install-db --no-defaults --datadir={data} --auth-root-authentication-method=normal --skip-test-db --user=root"
    );
    shell(server.folder.path(), &install, &[]).unwrap_or_else(|error| panic!("{error}"));
    let command = [
        "mariadbd",
        "--no-defaults",
        "--user=root",
        &format!("--datadir={data}"),
        &format!("--socket={socket}"),
        &format!("--pid-file={}", server.path("pid")),
        &format!("--port={port}"),
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",
    ];
    let root = format!("mariadb --no-defaults --socket={socket} --user=root");
    server.start("log", &command, &[], &format!("{root} -e 'SELECT 1'"));
    let admin = "CREATE USER sandbind IDENTIFIED BY 'choose-one';
        GRANT CREATE USER, CONNECTION ADMIN ON *.* TO sandbind;
        GRANT ALL ON `%`.* TO sandbind WITH GRANT OPTION;";
    shell(server.folder.path(), &format!("{root} <<'SQL'\n{admin}\nSQL"), &[])
        .unwrap_or_else(|error| panic!("{error}"));
    Example {
        name: NAME,
        env: vec![
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_TCP_PORT", port),
            ("MYSQL_USER", "sandbind".to_owned()),
            ("MYSQL_PWD", "choose-one".to_owned()),
        ],
        list: "mariadb --protocol=tcp --user=sandbind --batch --skip-column-names -e 'SHOW DATABASES; SELECT User FROM mysql.user'"
            .to_owned(),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_a_database_that_goes_with_it() {
    server().check();
}
