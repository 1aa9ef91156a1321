//! Between the socket and the client: commands that the client cannot read are answered and left out.
//!
//! The client ends its connection over one command that it cannot read, and a provider delivers that command again on the next
//! one: nothing behind it would ever come. And it reads on however much waits already; here no more commands are let through
//! than may be unanswered.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use rusmpp::tokio_codec::CommandCodec;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::codec::Decoder as _;

/// Octets of a header: length, id, status and sequence number.
const HEADER: usize = 16;
/// Room between the pump and the client.
const ROOM: usize = 64 * 1024;
/// `deliver_sm`, `data_sm`: what a provider sends on its own and we acknowledge.
const DELIVER_SM: u32 = 0x0000_0005;
const DATA_SM: u32 = 0x0000_0103;
/// The answer to a command has this bit.
const ANSWER: u32 = 0x8000_0000;
/// `generic_nack`, and the statuses "cannot be read" and "not our business" (SMPP 3.4, 5.1.3).
const GENERIC_NACK: u32 = 0x8000_0000;
const INVALID_COMMAND: u32 = 0x0000_0003;
const SYSTEM_ERROR: u32 = 0x0000_0008;

/// A stream for the client; the socket is served until either side ends. At most `unanswered` commands of the provider are let
/// through that have no answer yet.
pub(super) fn framed<S>(socket: S, command_max: usize, unanswered: usize) -> DuplexStream
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (ours, theirs) = duplex(ROOM);
    let (from, to) = tokio::io::split(socket);
    let (from_client, to_client) = tokio::io::split(ours);
    let to = Arc::new(Mutex::new(to));
    let room = Arc::new(Semaphore::new(unanswered));
    let (back, open) = (Arc::clone(&to), Arc::clone(&room));
    tokio::spawn(async move {
        // Either way the other side sees the end of its stream.
        tokio::select! {
            _ = inward(from, to_client, &to, command_max, &room) => {}
            _ = outward(from_client, &back, command_max, &open) => {}
        }
    });
    theirs
}

async fn next<R: AsyncRead + Unpin>(from: &mut R, read: &mut BytesMut, command_max: usize) -> io::Result<BytesMut> {
    loop {
        if let Some(mut length) = read.get(..4) {
            let length = length.get_u32() as usize;
            if !(HEADER..=command_max).contains(&length) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a command of {length} octets")));
            }
            if read.len() >= length {
                return Ok(read.split_to(length));
            }
        }
        if from.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The id and the sequence number of a command.
fn named(command: &[u8]) -> (u32, u32) {
    let word = |at: usize| command.get(at..at + 4).map_or(0, |mut octets| octets.get_u32());
    (word(4), word(12))
}

fn header(id: u32, status: u32, sequence: u32, more: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + more.len()).unwrap_or(u32::MAX);
    let mut command = Vec::with_capacity(HEADER + more.len());
    for word in [length, id, status, sequence] {
        command.extend(word.to_be_bytes());
    }
    command.extend(more);
    command
}

/// From the provider to the client.
async fn inward<R, W, B>(
    mut from: R,
    mut to: W,
    back: &Mutex<B>,
    command_max: usize,
    room: &Semaphore,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
    B: AsyncWrite + Unpin,
{
    let mut read = BytesMut::with_capacity(4096);
    loop {
        let command = next(&mut from, &mut read, command_max).await?;
        let (id, sequence) = named(&command);
        let mut tried = command.clone();
        let answer = match CommandCodec::new().decode(&mut tried) {
            Ok(Some(_)) if id == DATA_SM => {
                tracing::warn!("an SMS gateway sent a data_sm, which is not understood");
                header(id | ANSWER, SYSTEM_ERROR, sequence, &[0])
            }
            Ok(Some(_)) => {
                if id == DELIVER_SM {
                    // Given back with the answer.
                    room.acquire().await.map_err(io::Error::other)?.forget();
                }
                to.write_all(&command).await?;
                continue;
            }
            // Nobody waits for an answer to an answer.
            Ok(None) | Err(_) if id & ANSWER != 0 => {
                tracing::warn!(id, length = command.len(), "an answer of an SMS gateway cannot be read");
                continue;
            }
            Ok(None) | Err(_) => {
                tracing::warn!(id, length = command.len(), "a command of an SMS gateway cannot be read; it is told so");
                match id {
                    DELIVER_SM => header(id | ANSWER, SYSTEM_ERROR, sequence, &[0]),
                    _ => header(GENERIC_NACK, INVALID_COMMAND, sequence, &[]),
                }
            }
        };
        back.lock().await.write_all(&answer).await?;
    }
}

/// From the client to the provider, command by command, so that no answer of ours falls into the middle of one.
async fn outward<R, W>(mut from: R, to: &Mutex<W>, command_max: usize, room: &Semaphore) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut read = BytesMut::with_capacity(4096);
    loop {
        let command = next(&mut from, &mut read, command_max).await?;
        to.lock().await.write_all(&command).await?;
        if named(&command).0 == DELIVER_SM | ANSWER {
            room.add_permits(1);
        }
    }
}
