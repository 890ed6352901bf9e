//! As much of HTTP/1.1 as Terraform's backend speaks: one request for each connection, a body of known length.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// Bytes of a request's head at most.
const HEAD: u64 = 16 * 1024;
/// How long a silent client is waited for.
const SILENCE: Duration = Duration::from_secs(30);

/// A request, read whole.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    query: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a parameter as it stands in the address; lock ids need no decoding.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

impl Response {
    pub(super) fn text(status: u16, text: &str) -> Self {
        Self { status, body: format!("{text}\n").into_bytes() }
    }
}

/// Reads one request, answers it, and lets the connection go.
pub(super) fn serve(
    mut stream: TcpStream,
    longest: usize,
    answer: impl FnOnce(&Request) -> Response,
) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let response = match read(&stream, longest) {
        Ok(request) => answer(&request),
        Err(refusal) => refusal,
    };
    let reason = match response.status {
        200 => "OK",
        204 => "No Content",
        401 => "Unauthorized",
        423 => "Locked",
        _ => "Refused",
    };
    let challenge = if response.status == 401 { "WWW-Authenticate: Basic realm=\"state\"\r\n" } else { "" };
    // Without a body there is no length either (RFC 9110, 8.6).
    let length = if response.status == 204 {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", response.body.len())
    };
    let head =
        format!("HTTP/1.1 {} {reason}\r\n{length}{challenge}Connection: close\r\n\r\n", response.status);
    stream.write_all(head.as_bytes())?;
    stream.write_all(&response.body)?;
    stream.flush()
}

/// The error is what to answer.
fn read(stream: impl Read, longest: usize) -> Result<Request, Response> {
    let bad = |text: &str| Response::text(400, text);
    let mut reader = BufReader::new(stream);
    let mut head = reader.by_ref().take(HEAD);
    let mut line = || -> Result<String, Response> {
        let mut line = String::new();
        let read = head.read_line(&mut line).map_err(|_| bad("the head is no text"))?;
        if read == 0 || !line.ends_with('\n') {
            return Err(bad("the head has no end within 16 KiB"));
        }
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(bad("no request line"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request =
        Request { method: method.into(), path: path.into(), query: query.into(), ..Request::default() };
    let mut length = 0;
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else { return Err(bad("a header without a colon")) };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().map_err(|_| bad("the length is no number"))?,
            "transfer-encoding" => return Err(Response::text(411, "the body's length must be known")),
            _ => {}
        }
    }
    if length > longest {
        return Err(Response::text(413, "the state is too large: split the module, or keep it elsewhere"));
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).map_err(|_| bad("the body ends early"))?;
    Ok(request)
}
