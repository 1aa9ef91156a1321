//! One RTP leg without sockets: what it lets in, and the stream it sends.
//!
//! Not the plane: a leg knows nothing of the leg it talks to. Read [`Leg::admit`], which decides what is heard (I-43 of the
//! reliability rules: only the signalled or the locked source), and [`SenderStream`], which owns SSRC, sequence and timestamp.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::dtmf::TelephoneEvent;
use super::g711::Law;
use super::rtp::{self, DATAGRAM_MAX, DROPOUT_MAX, Header, MISORDER_MAX, Packet, Place, Reception};
use super::sdp::Negotiated;
use crate::model::time::Instant;

/// Packets from one source in a row, in order, before a learned source is locked: a spray of single packets locks none.
const LEARN_PACKETS: u8 = 3;
/// Packets per second that a leg takes: eight times the 50 of 20 ms packets, twice those of 5 ms.
const PACKETS_PER_S_MAX: u64 = 400;
/// What may come at once after a pause of the network: a quarter of a second's worth at that rate.
const BURST: Duration = Duration::from_millis(250);
/// A timestamp this far from where the clock expects it begins a new stretch instead of being passed on.
const TIMESTAMP_JUMP: u32 = 2 * 8_000;

/// Which source a leg listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceRule {
    /// Exactly the address and port the peer signalled. The default for trunks.
    Signalled,
    /// The peer is behind NAT: the first source that sends three valid packets in a row, then locked. `from` limits it to
    /// one host, normally the one its SIP comes from.
    Learned {
        /// The only host that may be learned, if known.
        from: Option<IpAddr>,
    },
}

/// Where a leg stands with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Latch {
    /// Nothing signalled yet: everything is refused.
    Closed,
    /// The signalled source has not been heard.
    Signalled { source: SocketAddr },
    /// Any source that the rule allows may be learned.
    Learning { from: Option<IpAddr>, candidate: Option<Candidate> },
    /// Only this one.
    Locked { source: SocketAddr },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    packets: u8,
}

/// Why a datagram was not heard. Each is counted in [`LegStats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not the source this leg listens to.
    Source,
    /// Not RTP, or cut short.
    Malformed,
    /// Larger than an Ethernet frame.
    Oversize,
    /// No payload: padding probes and keep-alives.
    Empty,
    /// A payload type nobody agreed to.
    PayloadType,
    /// Comfort noise (RFC 3389): neither heard nor passed on.
    ComfortNoise,
    /// More than 400 packets per second.
    Flood,
    /// A source on its way to be learned.
    Learning,
}

/// What was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted<'a> {
    /// Audio in a law.
    Audio {
        /// The packet.
        packet: Packet<'a>,
        /// Its law.
        law: Law,
        /// Where it lies in its stream.
        place: Place,
    },
    /// A telephone event.
    Event {
        /// The packet.
        packet: Packet<'a>,
        /// The event.
        event: TelephoneEvent,
    },
    /// RTCP on the RTP port: a sign of life.
    Rtcp,
}

/// A datagram's fate, and whether it locked the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission<'a> {
    /// What it is, or why it was refused.
    pub outcome: Result<Admitted<'a>, Refusal>,
    /// This datagram locked the leg to its source.
    pub latched: bool,
}

/// Figures of one leg, told when it closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegStats {
    /// RTP packets let in.
    pub packets_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Packets the peer sent and that never came.
    pub lost_in: u64,
    /// Interarrival jitter at the end (RFC 3550).
    pub jitter_in: Duration,
    /// Streams heard; more than one means the peer changed its SSRC or jumped.
    pub streams_in: u32,
    /// RTP packets sent.
    pub packets_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// RTCP datagrams received.
    pub rtcp_in: u64,
    /// Datagrams from a source this leg does not listen to. After locking a connected socket the kernel drops those uncounted.
    pub dropped_source: u64,
    /// Datagrams that were malformed or oversized.
    pub dropped_malformed: u64,
    /// Packets without payload, of comfort noise, or of a payload type nobody agreed to.
    pub dropped_payload: u64,
    /// Packets beyond the rate a leg takes.
    pub dropped_flood: u64,
    /// Packets the operating system would not send.
    pub send_failed: u64,
}

impl LegStats {
    /// How good the audio from this leg was, 1 (bad) to 4.4 (as good as G.711 gets): the E-model of ITU-T G.107 with its
    /// defaults, G.711 with concealment (G.113: Bpl 25.1) and the measured loss as random. Delay is not known and left out.
    pub fn mos_estimate(&self) -> f32 {
        let expected = self.packets_in + self.lost_in;
        let loss_percent = if expected == 0 { 0.0 } else { self.lost_in as f32 * 100.0 / expected as f32 };
        let rating = 93.2 - 95.0 * loss_percent / (loss_percent + 25.1);
        (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
    }
}

/// The receiving and sending state of one leg.
#[derive(Debug)]
pub struct Leg {
    latch: Latch,
    rule: Option<SourceRule>,
    media: Option<Negotiated>,
    reception: Reception,
    credit: Credit,
    /// The last time anything valid came from the peer, or monitoring began.
    pub alive_at: Instant,
    /// The outgoing stream.
    pub sender: SenderStream,
    /// Figures so far.
    pub stats: LegStats,
}

impl Leg {
    /// A leg that hears and sends nothing until [`Leg::agree`].
    pub fn new(now: Instant, chance: u64) -> Leg {
        Leg {
            latch: Latch::Closed,
            rule: None,
            media: None,
            reception: Reception::default(),
            credit: Credit { left: BURST, at: now },
            alive_at: now,
            sender: SenderStream::new(chance),
            stats: LegStats::default(),
        }
    }

    /// Takes what was negotiated, at first and at each re-offer. Returns the address to connect the socket to, when the
    /// source was already locked and moves. The first rule stays for the life of the leg: a socket that was connected under
    /// one cannot be let loose for the other.
    pub fn agree(&mut self, now: Instant, media: Negotiated, rule: SourceRule) -> Option<SocketAddr> {
        let rule = *self.rule.get_or_insert(rule);
        let before = self.media.and_then(|media| media.target);
        let moved = media.target.is_some() && media.target != before;
        // A hold by address (target None) keeps the latch: audio comes back to the same place.
        let reconnect = match (rule, media.target, self.latch) {
            (_, None, _) => None,
            (SourceRule::Signalled, Some(source), Latch::Locked { source: locked }) if locked != source => {
                self.latch = Latch::Signalled { source };
                Some(source)
            }
            (SourceRule::Signalled, Some(_), Latch::Locked { .. }) => None,
            (SourceRule::Signalled, Some(source), Latch::Closed | Latch::Signalled { .. } | Latch::Learning { .. }) => {
                self.latch = Latch::Signalled { source };
                None
            }
            (SourceRule::Learned { .. }, Some(_), Latch::Locked { .. }) if !moved => None,
            (SourceRule::Learned { from }, Some(_), _) => {
                self.latch = Latch::Learning { from, candidate: None };
                None
            }
        };
        self.media = Some(media);
        self.alive_at = now;
        reconnect
    }

    /// Whether the socket may be connected once the source is locked. Not for a learned source: it may move with a
    /// re-offer to a place nobody knows yet, and safe code cannot disconnect a socket.
    pub fn may_connect(&self) -> bool {
        self.rule == Some(SourceRule::Signalled)
    }

    /// What was negotiated.
    pub fn media(&self) -> Option<&Negotiated> {
        self.media.as_ref()
    }

    /// Where to send, if the peer listens: the locked source, before that the signalled address.
    pub fn target(&self) -> Option<SocketAddr> {
        let media = self.media.as_ref().filter(|media| !media.is_held())?;
        match self.latch {
            Latch::Locked { source } => Some(source),
            Latch::Closed | Latch::Signalled { .. } | Latch::Learning { .. } => media.target,
        }
    }

    /// Decides about one datagram.
    pub fn admit<'a>(&mut self, now: Instant, source: SocketAddr, datagram: &'a [u8]) -> Admission<'a> {
        let mut latched = false;
        let outcome = self.judge(now, source, datagram, &mut latched);
        match outcome {
            Ok(Admitted::Audio { packet, .. } | Admitted::Event { packet, .. }) => {
                self.stats.packets_in += 1;
                self.stats.bytes_in += packet.payload.len() as u64;
                self.alive_at = now;
            }
            Ok(Admitted::Rtcp) => {
                self.stats.rtcp_in += 1;
                self.alive_at = now;
            }
            Err(Refusal::Source | Refusal::Learning) => self.stats.dropped_source += 1,
            Err(Refusal::Malformed | Refusal::Oversize) => self.stats.dropped_malformed += 1,
            Err(Refusal::ComfortNoise | Refusal::Empty) => {
                self.stats.dropped_payload += 1;
                self.alive_at = now; // a peer that suppresses silence is alive
            }
            Err(Refusal::PayloadType) => self.stats.dropped_payload += 1,
            Err(Refusal::Flood) => self.stats.dropped_flood += 1,
        }
        Admission { outcome, latched }
    }

    /// Takes a datagram of the RTCP port. Only its arrival counts, and only from the peer's host.
    pub fn admit_rtcp(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        let peer = match self.latch {
            Latch::Locked { source } | Latch::Signalled { source } => Some(source.ip()),
            Latch::Closed | Latch::Learning { .. } => None,
        };
        if peer != Some(source.ip()) {
            self.stats.dropped_source += 1;
        } else if !rtp::is_sound_rtcp(datagram) {
            self.stats.dropped_malformed += 1;
        } else {
            self.stats.rtcp_in += 1;
            self.alive_at = now;
        }
    }

    /// The figures so far.
    pub fn stats(&self) -> LegStats {
        LegStats {
            lost_in: self.reception.lost(),
            jitter_in: self.reception.jitter(),
            streams_in: self.reception.streams(),
            ..self.stats
        }
    }

    fn judge<'a>(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &'a [u8],
        latched: &mut bool,
    ) -> Result<Admitted<'a>, Refusal> {
        // The source comes first: nothing of a stranger's datagram is looked at, and it costs no credit.
        let allowed = match self.latch {
            Latch::Closed => false,
            Latch::Signalled { source: expected } | Latch::Locked { source: expected } => expected == source,
            Latch::Learning { from, .. } => from.is_none_or(|host| host == source.ip()),
        };
        if !allowed {
            return Err(Refusal::Source);
        }
        let Some(media) = self.media else { return Err(Refusal::Source) };
        if datagram.len() > DATAGRAM_MAX {
            return Err(Refusal::Oversize);
        }
        if rtp::is_rtcp(datagram) {
            return match self.latch {
                Latch::Learning { .. } => Err(Refusal::Learning),
                Latch::Closed | Latch::Signalled { .. } | Latch::Locked { .. } if rtp::is_sound_rtcp(datagram) => {
                    Ok(Admitted::Rtcp)
                }
                Latch::Closed | Latch::Signalled { .. } | Latch::Locked { .. } => Err(Refusal::Malformed),
            };
        }
        let packet = Packet::parse(datagram).map_err(|_| Refusal::Malformed)?;
        let content = content_of(&media, &packet)?;
        if !self.credit.spend(now) {
            return Err(Refusal::Flood);
        }
        *latched = self.advance_latch(source, &packet.header)?;
        let place = self.reception.note(now, &packet.header);
        Ok(match content {
            Content::Audio(law) => Admitted::Audio { packet, law, place },
            Content::Event(event) => Admitted::Event { packet, event },
        })
    }

    /// Moves towards the lock with one valid packet; true when this one locked it.
    fn advance_latch(&mut self, source: SocketAddr, header: &Header) -> Result<bool, Refusal> {
        match self.latch {
            Latch::Locked { .. } => Ok(false),
            Latch::Closed => Err(Refusal::Source),
            Latch::Signalled { .. } => {
                self.latch = Latch::Locked { source };
                Ok(true)
            }
            Latch::Learning { from, candidate } => {
                let follows = candidate.filter(|known| {
                    known.source == source
                        && known.ssrc == header.ssrc
                        && known.sequence.wrapping_add(1) == header.sequence
                });
                let packets = follows.map_or(0, |known| known.packets) + 1;
                if packets >= LEARN_PACKETS {
                    self.latch = Latch::Locked { source };
                    return Ok(true);
                }
                let candidate = Candidate { source, ssrc: header.ssrc, sequence: header.sequence, packets };
                self.latch = Latch::Learning { from, candidate: Some(candidate) };
                Err(Refusal::Learning)
            }
        }
    }
}

enum Content {
    Audio(Law),
    Event(TelephoneEvent),
}

fn content_of(media: &Negotiated, packet: &Packet<'_>) -> Result<Content, Refusal> {
    let payload_type = packet.header.payload_type;
    let law = (payload_type == media.codec.payload_type)
        .then_some(media.codec.law)
        // A peer may change between the two static laws without a word; both are always understood.
        .or_else(|| Law::of_payload_type(payload_type));
    if let Some(law) = law {
        return if packet.payload.is_empty() { Err(Refusal::Empty) } else { Ok(Content::Audio(law)) };
    }
    if media.telephone_event_in == Some(payload_type) || media.telephone_event_out == Some(payload_type) {
        return TelephoneEvent::parse(packet.payload).map(Content::Event).ok_or(Refusal::Malformed);
    }
    Err(if payload_type == 13 { Refusal::ComfortNoise } else { Refusal::PayloadType })
}

/// A leaking allowance of packets, kept as time.
#[derive(Clone, Copy, Debug)]
struct Credit {
    left: Duration,
    at: Instant,
}

impl Credit {
    fn spend(&mut self, now: Instant) -> bool {
        const COST: Duration = Duration::from_micros(1_000_000 / PACKETS_PER_S_MAX);
        self.left = (self.left + now.since(self.at)).min(BURST);
        self.at = now;
        match self.left.checked_sub(COST) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// Who speaks in the outgoing stream now, and how its numbers map to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Nobody,
    /// Frames of our own clock.
    Clock,
    /// A leg's stream, passed on with its distances kept.
    Relay {
        slot: u32,
        ssrc: u32,
        first: u16,
        sequence_shift: u16,
        timestamp_shift: u32,
    },
}

/// The outgoing stream: one SSRC for the life of the leg, numbers that continue whoever speaks.
#[derive(Clone, Debug)]
pub struct SenderStream {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When the timestamp last moved: what the next one is reckoned from. A key held down does not move it.
    timed_at: Option<Instant>,
    sent_at: Option<Instant>,
    speaker: Speaker,
}

impl SenderStream {
    /// Numbers that nobody can guess begin from chance (RFC 3550 section 5.1).
    fn new(chance: u64) -> SenderStream {
        let [a, b, c, d, e, f, g, h] = chance.to_be_bytes();
        SenderStream {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            sequence: u16::from_be_bytes([e, f]),
            timestamp: u32::from_be_bytes([g, h, a, e]),
            timed_at: None,
            sent_at: None,
            speaker: Speaker::Nobody,
        }
    }

    /// When something was last sent.
    pub fn sent_at(&self) -> Option<Instant> {
        self.sent_at
    }

    /// The timestamp of the last packet.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The header for a packet of another leg, or `None` when it belongs to before the switch.
    pub fn relay(&mut self, now: Instant, slot: u32, heard: &Header) -> Option<Header> {
        if let Speaker::Relay { slot: known, ssrc, first, sequence_shift, timestamp_shift } = self.speaker
            && known == slot
            && ssrc == heard.ssrc
        {
            let sequence = heard.sequence.wrapping_add(sequence_shift);
            let timestamp = heard.timestamp.wrapping_add(timestamp_shift);
            let ahead = sequence.wrapping_sub(self.sequence);
            if ahead == 0 || ahead > u16::MAX - MISORDER_MAX {
                // Repeated or overtaken: passed on as it is, unless it is older than the switch.
                let old = heard.sequence.wrapping_sub(first) > u16::MAX / 2;
                return (!old).then_some(self.header(heard, sequence, timestamp, heard.marker));
            }
            let drift = timestamp.wrapping_sub(self.expected_timestamp(now)) as i32;
            let steady = drift.unsigned_abs() < TIMESTAMP_JUMP || timestamp == self.timestamp;
            if ahead < DROPOUT_MAX && steady {
                self.advance(now, sequence, timestamp);
                return Some(self.header(heard, sequence, timestamp, heard.marker));
            }
        }
        let sequence = self.sequence.wrapping_add(1);
        let timestamp = self.expected_timestamp(now);
        self.speaker = Speaker::Relay {
            slot,
            ssrc: heard.ssrc,
            first: heard.sequence,
            sequence_shift: sequence.wrapping_sub(heard.sequence),
            timestamp_shift: timestamp.wrapping_sub(heard.timestamp),
        };
        self.advance(now, sequence, timestamp);
        Some(self.header(heard, sequence, timestamp, true))
    }

    /// The header for a 20 ms frame of our own clock. `fresh` begins a new talk spurt.
    pub fn clock(&mut self, now: Instant, payload_type: u8, fresh: bool) -> Header {
        let marker = fresh || self.speaker != Speaker::Clock;
        let timestamp = if marker { self.expected_timestamp(now) } else { self.timestamp.wrapping_add(160) };
        let sequence = self.sequence.wrapping_add(1);
        self.speaker = Speaker::Clock;
        self.advance(now, sequence, timestamp);
        Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    /// The header for a packet that keeps the last timestamp: the updates of a telephone event.
    pub fn same_time(&mut self, now: Instant, payload_type: u8, timestamp: u32) -> Header {
        let sequence = self.sequence.wrapping_add(1);
        self.sequence = sequence;
        self.sent_at = Some(now);
        self.speaker = Speaker::Nobody;
        Header { marker: false, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    /// Whoever spoke before starts anew: the next packet carries the marker.
    pub fn switch(&mut self) {
        self.speaker = Speaker::Nobody;
    }

    fn header(&self, heard: &Header, sequence: u16, timestamp: u32, marker: bool) -> Header {
        Header { marker, payload_type: heard.payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    fn advance(&mut self, now: Instant, sequence: u16, timestamp: u32) {
        if self.timed_at.is_none() || timestamp != self.timestamp {
            self.timed_at = Some(now);
        }
        self.sequence = sequence;
        self.timestamp = timestamp;
        self.sent_at = Some(now);
    }

    /// Where the timestamp should be now: the last one plus the time since, at least one 20 ms frame.
    fn expected_timestamp(&self, now: Instant) -> u32 {
        match self.timed_at {
            None => self.timestamp,
            Some(at) => self.timestamp.wrapping_add(((now.since(at).as_micros() / 125) as u32).max(160)),
        }
    }
}

#[cfg(test)]
mod tests;
