//! A small HTTP/1.1 client for a JSON API: one connection, one request at a time.
//!
//! No TLS, no redirects, no cookies: it talks to a service on the same machine and proves itself with a token.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longest answer: a page of a few thousand attempts is far below.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// Most headers of an answer.
const HEADERS_MAX: usize = 100;
/// A request that has no answer by then has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("no answer within {} s", ANSWER_WITHIN.as_secs())]
    Slow,
    /// What came is not HTTP/1.1 as we speak it.
    #[error("the answer is not understood: {0}")]
    Garbled(&'static str),
    /// The service refused.
    #[error("{status} {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said: a problem document, as a rule.
        body: Value,
        /// Seconds after which to try again, if it said so.
        retry_after_s: Option<u64>,
    },
}

impl HttpError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            HttpError::Refused { body, .. } => body.get("code").and_then(Value::as_str),
            HttpError::Io(_) | HttpError::Slow | HttpError::Garbled(_) => None,
        }
    }
}

/// A client of one service.
#[derive(Debug)]
pub struct Client {
    service: SocketAddr,
    from: Option<IpAddr>,
    token: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer as it came.
struct Answer {
    status: u16,
    body: Value,
    retry_after_s: Option<u64>,
    close: bool,
}

impl Client {
    /// A client that connects when it is first used. `from` is a local address, so that each agent has one of its own.
    pub fn new(service: SocketAddr, from: Option<IpAddr>) -> Client {
        Client { service, from, token: None, connection: None }
    }

    /// Logs in and keeps the token. Gives what the service says about the user.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn log_in(&mut self, login: &str, password: &str) -> Result<Value, HttpError> {
        let body = serde_json::json!({ "login": login, "password": password, "token": true });
        let answer = self.post("/api/v1/login", &body).await?;
        let token = answer.get("token").and_then(Value::as_str).ok_or(HttpError::Garbled("no token"))?;
        self.token = Some(token.to_owned());
        Ok(answer.get("user").cloned().unwrap_or_default())
    }

    /// The local address it was given.
    pub fn from(&self) -> Option<IpAddr> {
        self.from
    }

    /// The token, once logged in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// GET.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn get(&mut self, path: &str) -> Result<Value, HttpError> {
        self.request("GET", path, "application/json", "").await
    }

    /// POST of JSON.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Value, HttpError> {
        self.request("POST", path, "application/json", &body.to_string()).await
    }

    /// Any request.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn request(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Result<Value, HttpError> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n", self.service);
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if method != "GET" {
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let answer = timeout(ANSWER_WITHIN, self.exchange(head.as_bytes())).await.unwrap_or(Err(HttpError::Slow));
        if !answer.as_ref().is_ok_and(|answer| !answer.close) {
            self.connection = None;
        }
        let Answer { status, body, retry_after_s, .. } = answer?;
        if (200..300).contains(&status) { Ok(body) } else { Err(HttpError::Refused { status, body, retry_after_s }) }
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer, HttpError> {
        if let Some(mut kept) = self.connection.take() {
            // A service may close a kept connection at any moment: then nothing was read, and it is tried once more.
            if kept.write_all(request).await.is_ok() {
                match read_answer(&mut kept).await {
                    Ok(answer) => {
                        self.connection = Some(kept);
                        return Ok(answer);
                    }
                    Err(HttpError::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let mut fresh = BufReader::new(connect(self.service, self.from).await?);
        fresh.write_all(request).await?;
        let answer = read_answer(&mut fresh).await?;
        self.connection = Some(fresh);
        Ok(answer)
    }
}

/// Connects from a local address if one is given and can be used.
pub(crate) async fn connect(service: SocketAddr, from: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if service.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        // Systems without the whole of 127/8 on loopback take the usual address.
        let _ = socket.bind(SocketAddr::new(from, 0));
    }
    let stream = socket.connect(service).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn read_answer(stream: &mut BufReader<TcpStream>) -> Result<Answer, HttpError> {
    let line = read_line(stream).await?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(HttpError::Garbled("status line"))?;
    let (mut length, mut chunked, mut retry_after_s, mut close) = (None, false, None, false);
    for _ in 0..HEADERS_MAX {
        let line = read_line(stream).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "retry-after" => retry_after_s = value.parse().ok(),
            "connection" => close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        read_chunks(stream, &mut body).await?;
    } else if let Some(length) = length.filter(|_| status != 204 && status != 304) {
        read_more(stream, &mut body, length).await?;
    }
    // An empty answer is null; what is not JSON is shown as text.
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into()),
    };
    Ok(Answer { status, body, retry_after_s, close })
}

async fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<(), HttpError> {
    loop {
        let line = read_line(stream).await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| HttpError::Garbled("chunk"))?;
        if size == 0 {
            while !read_line(stream).await?.is_empty() {}
            return Ok(());
        }
        read_more(stream, body, size).await?;
        read_line(stream).await?;
    }
}

async fn read_more(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>, length: usize) -> Result<(), HttpError> {
    let from = body.len();
    if from.saturating_add(length) > BODY_MAX {
        return Err(HttpError::Garbled("the body is too long"));
    }
    body.resize(from + length, 0);
    stream.read_exact(&mut body[from..]).await?;
    Ok(())
}

pub(crate) async fn read_line(stream: &mut BufReader<TcpStream>) -> Result<String, HttpError> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(HttpError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Answers each connection with the texts of one entry, one for each request.
    async fn service(connections: Vec<Vec<&'static str>>) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answers in connections {
                let (mut stream, _) = listener.accept().await.unwrap();
                for answer in answers {
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap();
                    requests.push(String::from_utf8_lossy(&request[..length]).into_owned());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
            requests
        });
        (address, served)
    }

    #[tokio::test]
    async fn a_token_is_kept_and_sent_on_the_same_connection() {
        let login = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"user\":{\"name\":\"Li\"},\"token\":\"secret!\"}";
        let board = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
        let (address, served) = service(vec![vec![login, board]]).await;
        let mut client = Client::new(address, None);
        assert_eq!(client.log_in("li", "password").await.unwrap()["name"], "Li");
        assert_eq!(client.get("/api/v1/board").await.unwrap()["a"], 1);
        let requests = served.await.unwrap();
        assert!(requests[1].contains("Authorization: Bearer secret!\r\n"), "{requests:?}");
    }

    #[tokio::test]
    async fn a_refusal_gives_its_code_and_when_to_try_again() {
        let problem = "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 20\r\n\r\n{\"code\":\"throttled\"}";
        let (address, _served) = service(vec![vec![problem]]).await;
        let error = Client::new(address, None).get("/").await.unwrap_err();
        assert_eq!(error.code(), Some("throttled"));
        assert!(matches!(error, HttpError::Refused { status: 429, retry_after_s: Some(7), .. }), "{error}");
    }

    #[tokio::test]
    async fn a_kept_connection_that_was_closed_is_made_anew() {
        let empty = "HTTP/1.1 204 No Content\r\n\r\n";
        let (address, served) = service(vec![vec![empty], vec![empty]]).await;
        let mut client = Client::new(address, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(client.get("/one").await.unwrap(), Value::Null);
        assert_eq!(client.get("/two").await.unwrap(), Value::Null);
        assert_eq!(served.await.unwrap().len(), 2);
    }
}
