//! Cuts a byte stream (TCP, TLS) into messages by Content-Length (RFC 3261, 18.3).

use memchr::memmem;

use super::{MESSAGE_MAX, Name, read_number};

/// One thing found in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPiece {
    /// The bytes of one whole message.
    Message(Vec<u8>),
    /// A double CRLF, to be answered with one CRLF (RFC 5626, 4.4.1).
    Ping,
    /// No further message can be found in this stream: close it. Holds the last message's head if there is one, for a
    /// 400.
    Garbage(Vec<u8>),
}

/// Collects the bytes of one connection. Holds at most one message and what arrived after it.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    /// Adds received bytes; drain [`Framer::next_piece`] afterwards.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether part of a message is waiting for the rest.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole piece, if there is one.
    pub fn next_piece(&mut self) -> Option<StreamPiece> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return Some(StreamPiece::Ping);
        }
        // A CRLF alone is a pong, or padding before a message; the first half of a ping stays until the other comes.
        if self.buffer.starts_with(b"\r\n") && self.buffer.get(2).is_some_and(|byte| *byte != b'\r') {
            self.buffer.drain(..2);
        }
        if self.buffer.is_empty() || b"\r\n\r\n".starts_with(&self.buffer) {
            return None;
        }
        let Some(head_end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
            return (self.buffer.len() > MESSAGE_MAX).then(|| self.give_up());
        };
        let head_len = head_end + 4;
        let Ok(body_len) = content_length(self.buffer.get(..head_len).unwrap_or(&[])) else {
            return Some(self.give_up());
        };
        if head_len.saturating_add(body_len) > MESSAGE_MAX {
            return Some(self.give_up());
        }
        if self.buffer.len() < head_len + body_len {
            return None;
        }
        let rest = self.buffer.split_off(head_len + body_len);
        Some(StreamPiece::Message(std::mem::replace(&mut self.buffer, rest)))
    }

    /// Drops a lone CRLF that waits for the second half of a ping: it is complete as a pong.
    pub fn settle(&mut self) {
        if b"\r\n\r\n".starts_with(&self.buffer) {
            self.buffer.clear();
        }
    }

    fn give_up(&mut self) -> StreamPiece {
        let mut all = std::mem::take(&mut self.buffer);
        let head_end = memmem::find(&all, b"\r\n\r\n").map_or(0, |at| at + 4);
        all.truncate(head_end);
        StreamPiece::Garbage(all)
    }
}

struct BadLength;

fn content_length(head: &[u8]) -> Result<usize, BadLength> {
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        if Name::of(name.trim_ascii()) != Name::ContentLength {
            continue;
        }
        let value = value.get(1..).unwrap_or(&[]).trim_ascii();
        let one = read_number(value).and_then(|one| usize::try_from(one).ok()).ok_or(BadLength)?;
        if length.is_some_and(|earlier| earlier != one) {
            return Err(BadLength);
        }
        length = Some(one);
    }
    Ok(length.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbody";

    #[test]
    fn a_message_arriving_byte_by_byte_comes_out_once_and_whole() {
        let mut framer = Framer::default();
        let mut pieces = Vec::new();
        for byte in MESSAGE.iter().chain(MESSAGE) {
            framer.push(&[*byte]);
            pieces.extend(framer.next_piece());
        }
        assert_eq!(pieces, [StreamPiece::Message(MESSAGE.to_vec()), StreamPiece::Message(MESSAGE.to_vec())]);
        assert!(!framer.is_partial());
    }

    #[test]
    fn a_double_crlf_is_a_ping_even_in_front_of_a_message() {
        let mut framer = Framer::default();
        framer.push(b"\r\n\r\n\r\n");
        framer.push(MESSAGE);
        assert_eq!(framer.next_piece(), Some(StreamPiece::Ping));
        assert_eq!(framer.next_piece(), Some(StreamPiece::Message(MESSAGE.to_vec())));
        assert_eq!(framer.next_piece(), None);
    }

    #[test]
    fn a_stream_that_cannot_be_cut_is_given_up() {
        for bad in ["Content-Length: -1", "l: 5\r\nContent-Length: 6", "l: 99999999", "l: x"] {
            let mut framer = Framer::default();
            framer.push(format!("OPTIONS sip:a@b SIP/2.0\r\n{bad}\r\n\r\nbody").as_bytes());
            assert!(matches!(framer.next_piece(), Some(StreamPiece::Garbage(_))), "{bad}");
        }
        let mut framer = Framer::default();
        framer.push(&vec![b'x'; MESSAGE_MAX + 1]);
        assert_eq!(framer.next_piece(), Some(StreamPiece::Garbage(Vec::new())));
    }
}
