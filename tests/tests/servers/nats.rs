//! NATS with JetStream.

use crate::{
    example::Example,
    server::{Server, free_port},
};

/// The example's name.
pub(crate) const NAME: &str = "nats";

fn server() -> Example {
    let mut server = Server::new();
    let port = free_port();
    server.write(
        "config",
        &format!(
            "listen: \"127.0.0.1:{port}\"\njetstream: {{store_dir: \"{}\"}}\n\
             authorization: {{user: sandbind, password: choose-one}}\n",
            server.path("store")
        ),
    );
    let env = vec![
        ("NATS_URL", format!("nats://127.0.0.1:{port}")),
        ("NATS_USER", "sandbind".to_owned()),
        ("NATS_PASSWORD", "choose-one".to_owned()),
    ];
    server.start("log", &["nats-server", "-c", "config"], &env, "nats --no-context stream ls --names");
    let list = "nats --no-context stream ls --names --all | sort".to_owned();
    Example { name: NAME, env, list, _server: server }
}

#[test]
fn each_sandbox_has_a_stream_that_goes_with_it() {
    server().check();
}
