//! The service as Terraform would use it.

use std::{
    io::{Read as _, Write as _},
    sync::Mutex,
};

use super::*;

/// A runner that answers by rote and remembers what it was asked.
#[derive(Debug, Default)]
struct Rote {
    asked: Mutex<Vec<StateRequest>>,
    answers: Mutex<Vec<Result<StateAnswer, String>>>,
}

impl States for Rote {
    fn ask(&self, request: &StateRequest) -> Result<StateAnswer, String> {
        self.asked.lock().unwrap().push(request.clone());
        self.answers.lock().unwrap().remove(0)
    }
}

fn service(answers: Vec<Result<StateAnswer, String>>) -> (Service, Arc<Rote>, Tail) {
    let rote = Arc::new(Rote { asked: Mutex::default(), answers: Mutex::new(answers) });
    let tail = Tail::default();
    (Service::start(rote.clone(), "n", tail.clone()).unwrap(), rote, tail)
}

fn send(service: &Service, request: &str, authorised: bool) -> String {
    let mut stream = TcpStream::connect(service.address).unwrap();
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let authorization =
        if authorised { format!("Authorization: {}\r\n", service.desk.expected) } else { String::new() };
    write!(
        stream,
        "{head} HTTP/1.1\r\nHost: x\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn log(tail: &Tail) -> String {
    String::from_utf8(tail.kept().bytes).unwrap()
}

#[test]
fn each_request_of_the_http_backend_becomes_a_question_and_its_answer_the_status() {
    let state = |text: &str| Ok(StateAnswer::State { state: Some(text.into()) });
    let rows: &[(&str, Result<StateAnswer, String>, StateAsk, &str)] = &[
        (
            "GET /state/main",
            state("{}"),
            StateAsk::Read,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        ),
        (
            "GET /state/main",
            Ok(StateAnswer::State { state: None }),
            StateAsk::Read,
            "HTTP/1.1 204 No Content\r\nConnection",
        ),
        (
            "POST /state/main?ID=7\n\n{\"serial\":1}",
            Ok(StateAnswer::Done),
            StateAsk::Write { state: "{\"serial\":1}".into(), lock: Some("7".into()) },
            "HTTP/1.1 200 ",
        ),
        ("DELETE /state/main", Ok(StateAnswer::Done), StateAsk::Remove, "HTTP/1.1 200 "),
        (
            "LOCK /state/main\n\n{\"ID\":\"7\"}",
            Ok(StateAnswer::Locked { info: "{\"ID\":\"6\"}".into() }),
            StateAsk::Lock { id: "7".into(), info: "{\"ID\":\"7\"}".into() },
            "HTTP/1.1 423 Locked\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{\"ID\":\"6\"}",
        ),
        (
            "UNLOCK /state/main\n\n{\"ID\":\"7\"}",
            Ok(StateAnswer::Done),
            StateAsk::Unlock { id: Some("7".into()) },
            "HTTP/1.1 200 ",
        ),
        ("UNLOCK /state/main", Ok(StateAnswer::Done), StateAsk::Unlock { id: None }, "HTTP/1.1 200 "),
        ("GET /state/main", Err("not reached".into()), StateAsk::Read, "HTTP/1.1 503 "),
    ];
    for (request, answer, asked, expected) in rows {
        let (service, rote, _) = service(vec![answer.clone()]);
        let got = send(&service, request, true);
        assert!(got.starts_with(expected), "{request}: {got}");
        let question = StateRequest { nonce: "n".into(), name: "main".into(), ask: asked.clone() };
        assert_eq!(*rote.asked.lock().unwrap(), [question], "{request}");
    }
}

#[test]
fn whoever_has_no_password_or_asks_otherwise_is_not_heard() {
    for (request, authorised, status) in [
        ("GET /state/main", false, 401),
        ("GET /state/Main", true, 404),
        ("GET /other", true, 404),
        ("PATCH /state/main", true, 400),
        ("LOCK /state/main\n\nno json", true, 400),
    ] {
        let (service, rote, _) = service(Vec::new());
        let got = send(&service, request, authorised);
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {got}");
        assert!(rote.asked.lock().unwrap().is_empty(), "{request}");
    }
}

#[test]
fn a_refusal_is_told_to_terraform_and_in_the_scripts_log() {
    let reason = "the state has 1000000 bytes";
    let (service, _, tail) = service(vec![Ok(StateAnswer::Refused { reason: reason.into() })]);
    let got = send(&service, "POST /state/main\n\nx", true);
    assert!(got.starts_with("HTTP/1.1 403 ") && got.contains(reason), "{got}");
    assert!(log(&tail).contains("sandbind: the state `main`: the state has 1000000 bytes"));
}

#[test]
fn a_state_that_terraform_could_not_save_is_saved_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("modules/db");
    std::fs::create_dir_all(&module).unwrap();
    let (quiet, rote, _) = service(Vec::new());
    quiet.save_errored(dir.path());
    assert!(rote.asked.lock().unwrap().is_empty(), "there is none");
    std::fs::write(module.join("errored.tfstate"), "{\"serial\":2}").unwrap();
    let (service, rote, tail) = service(vec![Ok(StateAnswer::Done)]);
    service.save_errored(dir.path());
    let asked = rote.asked.lock().unwrap();
    assert_eq!(asked[0].ask, StateAsk::Write { state: "{\"serial\":2}".into(), lock: None });
    assert!(log(&tail).contains("is saved as the state `main`"));
}

#[test]
fn the_service_ends_with_its_script() {
    let (service, ..) = service(Vec::new());
    let address = service.address;
    drop(service);
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < end, "it still listens");
        thread::yield_now();
    }
}
