//! SMPP 3.4 and 5.0 as a client (ESME): one bound connection.
//!
//! Commands, sequence numbers and timeouts are `rusmppc`'s. Here is what a provider and we must agree on: how numbers,
//! alphabets and parts are written, and what answers mean. Read [`bind`] and [`Session`] first.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use rusmpp::pdus::{BindTransceiver, DeliverSm, DeliverSmResp, SubmitSm};
use rusmpp::tlvs::TlvValue;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{
    DataCoding, EsmClass, InterfaceVersion, MessageState as TlvState, MessageType, Npi, RegisteredDelivery, Ton,
};
use rusmpp::{CommandStatus, Pdu};
use rusmppc::error::Error;
use rusmppc::{Client, ConnectionBuilder, Event};
use tokio::io::{AsyncRead, AsyncWrite};

use super::framing::framed;
use super::receipt::{self, Receipt};
use super::{Fact, INCOMING_MAX, Incoming, Outgoing, Piece, Refusal};
use crate::model::message::{Alphabet, MessageState, octets, text};

/// Longest command that is read: the largest field of any, a payload of 64 KiB, and all others.
const COMMAND_MAX: usize = 70_000;
/// How soon the connection is looked at again while commands of ours are on their way.
const AGAIN: Duration = Duration::from_millis(5);
/// Commands of a provider that may be unacknowledged at once: more wait where they come from.
const UNANSWERED_MAX: usize = 128;
/// A line that is idle is asked whether it still is one.
const ENQUIRE_EVERY: Duration = Duration::from_secs(30);
const ENQUIRE_PATIENCE: Duration = Duration::from_secs(10);
/// The header that ties parts together (23.040, 9.2.3.24.1): its length, what it is, and its length.
const JOINED: [u8; 3] = [5, 0, 3];
/// Bits of `esm_class`: the text begins with a header.
const WITH_HEADER: u8 = 0x40;
/// A receipt is wanted, whatever the end is.
const RECEIPT: u8 = 0x01;

/// Who we are to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `system_id`, at most 15 characters.
    pub system_id: String,
    /// At most 8 characters.
    pub password: String,
    /// `system_type`, at most 12 characters; mostly empty.
    pub system_type: String,
    /// Version of the protocol.
    pub version: Version,
    /// How long an answer may take before a message counts as unanswered.
    pub patience: Duration,
}

/// Version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// SMPP 3.4.
    V3_4,
    /// SMPP 5.0.
    V5_0,
}

/// A connection that is bound, to be asked from several tasks at once.
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    /// Commands of ours that are being written or wait for an answer.
    waiting: Arc<AtomicUsize>,
}

/// Drives the connection. Each time it is polled the crate's connection takes and writes a few commands and does not ask to be
/// polled again for those that are left, so that they would wait until something else happens, at worst for half a minute. So
/// it is polled as often as there may be commands, and, while there are any, again a little later.
async fn driven(connection: impl Future<Output = ()>, waiting: Arc<AtomicUsize>) {
    let mut connection = pin!(connection);
    let mut again = tokio::time::interval(AGAIN);
    poll_fn(|context| {
        let commands = waiting.load(Ordering::Acquire);
        for _ in 0..=commands {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
        }
        if commands > 0 {
            while again.poll_tick(context).is_ready() {}
        }
        Poll::Pending
    })
    .await;
}

/// Counts a command for as long as it is there.
struct Waiting<'s>(&'s AtomicUsize);

impl<'s> Waiting<'s> {
    fn one(waiting: &'s AtomicUsize) -> Waiting<'s> {
        waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the provider tells on its own.
pub struct Facts {
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

/// Binds as a transceiver on a connection that is there.
///
/// # Errors
/// Says what the provider answered, or what is wrong with the account.
pub async fn bind<S>(stream: S, account: &Account) -> Result<(Session, Facts), String>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let bind = BindTransceiver::builder()
        .system_id(COctetString::from_str(&account.system_id).map_err(|error| format!("system_id: {error}"))?)
        .password(COctetString::from_str(&account.password).map_err(|error| format!("password: {error}"))?)
        .system_type(COctetString::from_str(&account.system_type).map_err(|error| format!("system_type: {error}"))?)
        .interface_version(match account.version {
            Version::V3_4 => InterfaceVersion::Smpp3_4,
            Version::V5_0 => InterfaceVersion::Smpp5_0,
        })
        .build();
    let (client, events, connection) = ConnectionBuilder::new()
        .max_command_length(COMMAND_MAX)
        .enquire_link_interval(ENQUIRE_EVERY)
        .enquire_link_response_timeout(ENQUIRE_PATIENCE)
        .response_timeout(account.patience)
        .disable_interface_version_check()
        .no_spawn()
        .connected(framed(stream, COMMAND_MAX, UNANSWERED_MAX));
    let waiting = Arc::new(AtomicUsize::new(0));
    tokio::spawn(driven(connection, Arc::clone(&waiting)));
    client.bind_transceiver(bind).await.map_err(|error| match status(&error) {
        Some(status) => format!("the bind was refused: {}", named(status)),
        None => format!("the bind failed: {error}"),
    })?;
    Ok((Session { client, waiting }, Facts { events: Box::pin(events) }))
}

impl Session {
    /// Sends one part; the id that the provider gave it.
    ///
    /// # Errors
    /// Says whether it may be sent again.
    pub async fn submit(&self, part: Outgoing<'_>) -> Result<String, Refusal> {
        let submit = submit_sm(part)?;
        // From here on a connection that ends leaves open whether the provider has it.
        if !self.client.is_active() {
            return Err(Refusal::NotSent("the connection was over".to_owned()));
        }
        let _counted = Waiting::one(&self.waiting);
        match self.client.submit_sm(submit).await {
            Ok(answer) => Ok(answer.message_id().to_string()),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Tells the provider that what it told is safe with us.
    pub async fn acknowledge(&self, token: u32) {
        let _counted = Waiting::one(&self.waiting);
        // On a connection that is over it tells once more on the next one.
        let _over = self.client.deliver_sm_resp(token, DeliverSmResp::default()).await;
    }

    /// Ends the connection in order.
    pub async fn end(&self) {
        let _over = self.client.unbind().await;
        let _closed = self.client.close().await;
    }
}

impl Facts {
    /// The next fact, with the token to acknowledge it.
    ///
    /// # Errors
    /// The connection is over, and why.
    pub async fn next(&mut self) -> Result<(Fact, u32), String> {
        loop {
            match poll_fn(|context| self.events.as_mut().poll_next(context)).await {
                None => return Err("the connection ended".to_owned()),
                Some(Event::Error(error)) => return Err(error.to_string()),
                Some(Event::Incoming(command)) => match command.pdu() {
                    Some(Pdu::DeliverSm(deliver)) => return Ok((told(deliver), command.sequence_number())),
                    Some(Pdu::Unbind) => return Err("the provider unbound".to_owned()),
                    _ => {}
                },
            }
        }
    }
}

fn submit_sm(part: Outgoing<'_>) -> Result<SubmitSm, Refusal> {
    let wrong = |what: &str, value: &str| Refusal::Rejected(format!("`{value}` cannot be written as {what}"));
    let (ton, npi, from) = address(part.from);
    let from = COctetString::from_str(from).map_err(|_| wrong("a sender", part.from))?;
    let digits = part.to.trim_start_matches('+');
    let to = COctetString::from_str(digits).map_err(|_| wrong("a number", part.to))?;
    let mut said = Vec::with_capacity(140);
    if let Some(piece) = part.piece {
        // The reference has eight bits in this form, which every network knows.
        let reference = piece.reference.to_be_bytes()[1];
        said.extend(JOINED);
        said.extend([reference, piece.of, piece.number]);
    }
    said.extend(octets(part.alphabet, part.text));
    let said = OctetString::from_vec(said).map_err(|_| wrong("one part", part.text))?;
    Ok(SubmitSm::builder()
        .source_addr_ton(ton)
        .source_addr_npi(npi)
        .source_addr(from)
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(to)
        // Written out: the default of the crate goes out as 0x08, which is a delivery acknowledgement.
        .esm_class(EsmClass::from(if part.piece.is_some() { WITH_HEADER } else { 0 }))
        .registered_delivery(RegisteredDelivery::from(RECEIPT))
        .data_coding(match part.alphabet {
            Alphabet::Gsm => DataCoding::McSpecific,
            Alphabet::Ucs2 => DataCoding::Ucs2,
        })
        .short_message(said)
        .build())
}

/// How a sender is written: a number in international form, a short code, or a name.
fn address(from: &str) -> (Ton, Npi, &str) {
    match from.strip_prefix('+') {
        Some(digits) => (Ton::International, Npi::Isdn, digits),
        None if from.bytes().all(|byte| byte.is_ascii_digit()) => (Ton::Unknown, Npi::Unknown, from),
        None => (Ton::Alphanumeric, Npi::Unknown, from),
    }
}

fn status(error: &Error) -> Option<CommandStatus> {
    match error {
        Error::UnexpectedResponse { response } => Some(response.status()),
        _ => None,
    }
}

/// A status with its number, which is what providers' manuals list.
fn named(status: CommandStatus) -> String {
    format!("{status:?} (0x{:08x})", u32::from(status))
}

fn refusal(error: &Error) -> Refusal {
    match error {
        Error::UnexpectedResponse { response } => match response.status() {
            status @ (CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful) => {
                Refusal::Throttled { why: named(status), after: None }
            }
            // It has the message, and what it says of it cannot be read.
            CommandStatus::EsmeRok => Refusal::Unanswered("the gateway's answer cannot be read".to_owned()),
            status => Refusal::Rejected(named(status)),
        },
        Error::Encode(error) => Refusal::NotSent(error.to_string()),
        other => Refusal::Unanswered(other.to_string()),
    }
}

fn told(deliver: &DeliverSm) -> Fact {
    let (mut payload, mut id, mut state, mut sar) = (None, None, None, (None, None, None));
    for tlv in deliver.tlvs() {
        match tlv.value() {
            Some(TlvValue::MessagePayload(value)) => payload = Some(value.value.as_ref()),
            Some(TlvValue::ReceiptedMessageId(value)) => id = Some(value.to_string()),
            Some(TlvValue::MessageState(value)) => state = Some(*value),
            Some(TlvValue::SarMsgRefNum(value)) => sar.0 = Some(*value),
            Some(TlvValue::SarSegmentSeqnum(value)) => sar.1 = Some(*value),
            Some(TlvValue::SarTotalSegments(value)) => sar.2 = Some(*value),
            _ => {}
        }
    }
    let short: &[u8] = deliver.short_message().as_ref();
    let mut said = if short.is_empty() { payload.unwrap_or_default() } else { short };
    let cut = said.len() > INCOMING_MAX;
    said = said.get(..INCOMING_MAX).unwrap_or(said);
    match deliver.esm_class.message_type {
        MessageType::ShortMessageContainsMCDeliveryReceipt => receipt_of(deliver.data_coding, said, id, state),
        MessageType::ShortMessageContainsIntermediateDeliveryNotification => {
            Fact::Ignored("a notification that a message is on its way".to_owned())
        }
        _ => {
            let mut piece = match sar {
                (Some(reference), Some(number), Some(of)) if of > 1 => Some(Piece { reference, number, of }),
                _ => None,
            };
            if u8::from(deliver.esm_class.gsm_features) & WITH_HEADER != 0 {
                let (joined, rest) = header(said);
                (piece, said) = (joined.or(piece), rest);
            }
            let message = Incoming {
                from: deliver.source_addr.to_string(),
                international: deliver.source_addr_ton == Ton::International,
                to: deliver.destination_addr.to_string(),
                text: read(deliver.data_coding, said) + if cut { "…" } else { "" },
                piece: piece.filter(|piece| (1..=piece.of).contains(&piece.number)),
                id: None,
            };
            Fact::Came(message)
        }
    }
}

fn receipt_of(coding: DataCoding, said: &[u8], id: Option<String>, state: Option<TlvState>) -> Fact {
    let text = read(coding, said);
    let written = receipt::read(&text);
    let tlv = state.and_then(|state| match state {
        TlvState::Delivered => Some(MessageState::Delivered),
        TlvState::Expired => Some(MessageState::Expired),
        TlvState::Deleted | TlvState::Undeliverable => Some(MessageState::Undeliverable),
        TlvState::Rejected => Some(MessageState::Rejected),
        TlvState::Unknown => Some(MessageState::Unknown),
        _ => None,
    });
    let says = match (&written, state) {
        (Some(written), _) => written.says.clone(),
        (None, Some(state)) => format!("{state:?}"),
        (None, None) => String::new(),
    };
    let state = written.as_ref().and_then(|written| written.state).or(tlv);
    match id.or(written.map(|written| written.id)) {
        Some(id) => Fact::Receipt(Receipt { id, state, says }),
        None => Fact::Ignored(format!("a receipt of {} octets without an id", said.len())),
    }
}

/// Takes the header off a text: how it belongs to others, and what is left.
fn header(said: &[u8]) -> (Option<Piece>, &[u8]) {
    let Some((length, rest)) = said.split_first() else { return (None, said) };
    let Some((mut elements, text)) = rest.split_at_checked(usize::from(*length)) else { return (None, said) };
    let mut piece = None;
    while let [kind, length, after @ ..] = elements {
        let Some((value, next)) = after.split_at_checked(usize::from(*length)) else { break };
        piece = match (kind, value) {
            (0, [reference, of, number]) => Some(Piece { reference: u16::from(*reference), number: *number, of: *of }),
            (8, [high, low, of, number]) => {
                Some(Piece { reference: u16::from_be_bytes([*high, *low]), number: *number, of: *of })
            }
            _ => piece,
        };
        elements = next;
    }
    (piece.filter(|piece| piece.of > 1), text)
}

/// The text of octets in a coding: those of SMPP 3.4 (5.2.19), the groups of 3GPP TS 23.038 (4), and GBK, which gateways in China
/// call 15. What is not known is read as Latin 1: every octet is a character, so nothing is lost.
fn read(coding: DataCoding, said: &[u8]) -> String {
    let coding = u8::from(coding);
    match coding {
        8 => text(Alphabet::Ucs2, said),
        15 => encoding_rs::GBK.decode_without_bom_handling(said).0.into_owned(),
        0 => text(Alphabet::Gsm, said),
        // The general groups: bits 2 and 3 are the alphabet.
        0x10..=0x7f => match (coding >> 2) & 3 {
            0 => text(Alphabet::Gsm, said),
            2 => text(Alphabet::Ucs2, said),
            _ => latin(said),
        },
        // Waiting messages, and classes: bit 2 is eight bits.
        0xc0..=0xdf => text(Alphabet::Gsm, said),
        0xe0..=0xef => text(Alphabet::Ucs2, said),
        0xf0..=0xff if coding & 4 == 0 => text(Alphabet::Gsm, said),
        _ => latin(said),
    }
}

fn latin(said: &[u8]) -> String {
    said.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_every_coding_that_gateways_use() {
        let ucs2: Vec<u8> = "退订".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let (gbk, _, _) = encoding_rs::GBK.encode("退订");
        for (coding, said, expected) in [
            (0x00, &b"STOP"[..], "STOP"),
            (0x01, b"STOP", "STOP"),
            (0x03, b"\xe9t\xe9", "été"),
            (0x08, &ucs2, "退订"),
            (0x18, &ucs2, "退订"),
            (0x19, &ucs2, "退订"),
            (0x10, b"STOP", "STOP"),
            (0xf0, b"STOP", "STOP"),
            (0xf5, b"STOP", "STOP"),
            (0x0f, &gbk, "退订"),
        ] {
            assert_eq!(read(DataCoding::from(coding), said), expected, "{coding:#04x}");
        }
    }

    #[test]
    fn a_header_is_taken_off_whatever_it_says() {
        assert_eq!(
            header(b"\x05\x00\x03\x07\x02\x01STOP"),
            (Some(Piece { reference: 7, number: 1, of: 2 }), &b"STOP"[..])
        );
        assert_eq!(
            header(b"\x06\x08\x04\x01\x02\x03\x02x"),
            (Some(Piece { reference: 258, number: 2, of: 3 }), &b"x"[..])
        );
        assert_eq!(header(b"\x05\x00\x03\x07\x01\x01x"), (None, &b"x"[..]), "one of one is no piece");
        assert_eq!(header(b"\xffx"), (None, &b"\xffx"[..]), "a header that is longer than the text is none");
        assert_eq!(header(b"\x03\x00\x09\x01x"), (None, &b"x"[..]));
        assert_eq!(header(b""), (None, &b""[..]));
    }
}
