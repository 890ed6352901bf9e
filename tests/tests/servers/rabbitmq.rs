//! RabbitMQ with its management plugin. Erlang's port mapper, a daemon otherwise, is a process of the test too.

use crate::{
    example::Example,
    server::{Server, free_port},
};

/// The example's name.
pub(crate) const NAME: &str = "rabbitmq";

fn server() -> Example {
    let mut server = Server::new();
    let (amqp, api, mapper, distribution) = (free_port(), free_port(), free_port(), free_port());
    server.write(
        "rabbitmq.conf",
        &format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n\
             default_user = sandbind\ndefault_pass = choose-one\ndefault_user_tags.administrator = true\n"
        ),
    );
    server.write("plugins", "[rabbitmq_management].\n");
    let env = vec![
        ("RABBITMQ_API", format!("http://127.0.0.1:{api}")),
        ("RABBITMQ_USER", "sandbind".to_owned()),
        ("RABBITMQ_PASSWORD", "choose-one".to_owned()),
        ("RABBITMQ_HOST", "127.0.0.1".to_owned()),
        ("RABBITMQ_PORT", amqp.to_string()),
    ];
    let own = [
        ("HOME", server.path("")),
        ("ERL_EPMD_PORT", mapper.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODENAME", "sandbind@localhost".to_owned()),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        // Whatever Debian's own installation says does not hold.
        ("RABBITMQ_CONF_ENV_FILE", server.path("no-such-file")),
        ("RABBITMQ_CONFIG_FILE", server.path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", server.path("plugins")),
        ("RABBITMQ_MNESIA_BASE", server.path("mnesia")),
        ("RABBITMQ_LOG_BASE", server.path("logs")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", server.path("generated")),
    ];
    // Where one listens already, the server starts none that would stay.
    server.start("epmd.log", &["epmd"], &own, "epmd -names");
    let ready = format!("curl -sSf -u sandbind:choose-one http://127.0.0.1:{api}/api/overview");
    server.start("log", &["/usr/lib/rabbitmq/bin/rabbitmq-server"], &own, &ready);
    Example {
        name: NAME,
        env,
        // The folders of message stores too: a virtual host may be gone from the list and still have one.
        list: format!(
            r#"for kind in vhosts users permissions; do
curl -sSf -u "$RABBITMQ_USER:$RABBITMQ_PASSWORD" "$RABBITMQ_API/api/$kind?columns=name,vhost,user" | sed 's/}},/}},\n/g'
done
ls {}/*/msg_stores/vhosts"#,
            server.path("mnesia")
        ),
        _server: server,
    }
}

#[test]
fn each_sandbox_has_a_virtual_host_that_goes_with_it() {
    server().check();
}
