//! Redis with an ACL file, as users who are to survive a restart need it.

use crate::{
    example::Example,
    server::{Server, free_port},
};

/// The example's name.
pub(crate) const NAME: &str = "redis";

fn server() -> Example {
    let mut server = Server::new();
    let port = free_port().to_string();
    server.write("users", "user default off\nuser sandbind on >choose-one ~* &* +@all\n");
    server.write(
        "config",
        &format!("bind 127.0.0.1\nport {port}\nsave \"\"\naclfile {}\n", server.path("users")),
    );
    let env = vec![
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", port),
        ("REDIS_USER", "sandbind".to_owned()),
        ("REDISCLI_AUTH", "choose-one".to_owned()),
    ];
    let ready = r#"redis-cli -e -p "$REDIS_PORT" --user "$REDIS_USER" PING"#;
    server.start("log", &["redis-server", "config"], &env, ready);
    Example {
        name: NAME,
        env,
        // The users as the server knows them; and the keys of all of them.
        list: r#"redis-cli -e -p "$REDIS_PORT" --user "$REDIS_USER" ACL USERS | sort
redis-cli -e -p "$REDIS_PORT" --user "$REDIS_USER" --scan | sort
redis-cli -e -p "$REDIS_PORT" --user "$REDIS_USER" INFO keyspace"#
            .to_owned(),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_a_user_whose_keys_go_with_it() {
    server().check();
}
