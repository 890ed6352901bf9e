//! The client against a real TLS server.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/runner.rs"]
#[allow(clippy::allow_attributes, dead_code, unreachable_pub, reason = "shared with other test programs")]
mod runner;

use std::{collections::HashMap, time::Duration};

use runner::Runner;
use sandbind_link::{Client, LinkError, Settings};
use sandbind_wire::message::{ClaimAnswer, ClaimRequest};

const SOON: Duration = Duration::from_secs(20);

fn settings(runner: &Runner, dir: &std::path::Path) -> Settings {
    let env: HashMap<&str, String> = runner.env(dir).into_iter().collect();
    Settings::from_env(|name| env.get(name).cloned()).unwrap()
}

fn claim(client: &Client) -> Result<ClaimAnswer, LinkError> {
    client.post("/v1/step/claim", &ClaimRequest { nonce: "n".to_owned() }, SOON)
}

#[test]
fn the_runner_is_found_by_address_known_by_name_and_shown_a_fresh_token_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| (200, r#"{"verdict":"wait"}"#.to_owned()));
    let client = Client::new(settings(&runner, dir.path()));
    assert_eq!(claim(&client).unwrap(), ClaimAnswer::Wait);
    let seen = runner.next();
    assert_eq!((seen.line.as_str(), seen.token.as_str()), ("POST /v1/step/claim HTTP/1.1", "the-token"));
    assert_eq!(seen.body, r#"{"nonce":"n"}"#);
    std::fs::write(dir.path().join("token"), "renewed").unwrap();
    claim(&client).unwrap();
    assert_eq!(runner.next().token, "renewed");
}

#[test]
fn another_name_or_another_ca_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| (200, r#"{"verdict":"wait"}"#.to_owned()));
    let good = settings(&runner, dir.path());
    let stranger = Runner::start(|_| (200, String::new()));
    let bad = [
        Settings { name: "another.svc".to_owned(), ..good.clone() },
        Settings { ca: stranger.ca.clone(), ..good.clone() },
    ];
    for settings in bad {
        let error = claim(&Client::new(settings)).unwrap_err();
        assert!(matches!(error, LinkError::Unreachable { .. }), "{error:?}");
    }
}

#[test]
fn a_fresher_bundle_in_the_mounted_folder_is_taken_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| (200, r#"{"verdict":"wait"}"#.to_owned()));
    let stranger = Runner::start(|_| (200, String::new()));
    let settings = Settings {
        ca: stranger.ca.clone(),
        dir: Some(dir.path().to_owned()),
        ..settings(&runner, dir.path())
    };
    let client = Client::new(settings);
    claim(&client).unwrap_err();
    std::fs::write(dir.path().join("ca.crt"), format!("{}{}", stranger.ca, runner.ca)).unwrap();
    assert_eq!(claim(&client).unwrap(), ClaimAnswer::Wait);
}

#[test]
fn a_mounted_folder_that_is_older_than_the_pod_is_got_over() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| (200, r#"{"verdict":"wait"}"#.to_owned()));
    let gone = Runner::start(|_| (200, String::new()));
    let client = Client::new(Settings { dir: Some(dir.path().to_owned()), ..settings(&runner, dir.path()) });
    // Of an installation before this one.
    std::fs::write(dir.path().join("ca.crt"), &gone.ca).unwrap();
    claim(&client).unwrap_err();
    for _ in 0..2 {
        assert_eq!(claim(&client).unwrap(), ClaimAnswer::Wait);
    }
    std::fs::write(dir.path().join("ca.crt"), &runner.ca).unwrap();
    assert_eq!(claim(&client).unwrap(), ClaimAnswer::Wait);
}

#[test]
fn errors_say_why_and_never_hold_the_token_or_a_body() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|request| match request.line.as_str() {
        "GET /refused HTTP/1.1" => {
            (403, r#"{"code":"NotYourPod","reason":"no claim for this pod"}"#.to_owned())
        }
        "GET /bare HTTP/1.1" => (502, "<html>the-secret</html>".to_owned()),
        "GET /closed HTTP/1.1" => (0, String::new()),
        _ => (200, r#"{"verdict":"the-secret"}"#.to_owned()),
    });
    let client = Client::new(settings(&runner, dir.path()));
    let cases = [
        ("/refused", "the runner refused (403 NotYourPod): no claim for this pod"),
        ("/bare", "the runner refused (502 ): the answer gives no reason"),
        ("/garbled", "not understood: line"),
        ("/closed", "is not reached"),
    ];
    for (path, expected) in cases {
        let error = client.get::<ClaimAnswer>(path, SOON).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error:?}").contains("the-"), "{error:?}");
    }
    std::fs::remove_file(dir.path().join("token")).unwrap();
    assert!(matches!(claim(&client).unwrap_err(), LinkError::Token { .. }));
}

#[test]
fn a_request_ends_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner::start(|_| {
        std::thread::park();
        (200, String::new())
    });
    let client = Client::new(settings(&runner, dir.path()));
    let error = client.get::<ClaimAnswer>("/v1/bindings", Duration::from_millis(300)).unwrap_err();
    assert!(error.to_string().contains("no answer in time"), "{error}");
}
