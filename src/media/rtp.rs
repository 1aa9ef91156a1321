//! RTP packets (RFC 3550): reading a header safely, writing one, and the figures of a received stream.
//!
//! Not a session: who may send and what is heard is the leg's decision. Read [`Packet`], [`Header`] and [`Reception`].

use std::time::Duration;

use crate::model::time::Instant;

/// Bytes of an RTP header without contributing sources or extension.
pub const HEADER_LEN: usize = 12;
/// The largest datagram that is looked at: an Ethernet frame. G.711 at 60 ms is 492 bytes; anything larger than this is
/// an attack or a mistake, and is dropped whole.
pub const DATAGRAM_MAX: usize = 1_500;
/// The largest step forward in sequence numbers that still is loss and not a new stream (RFC 3550 appendix A.1).
pub const DROPOUT_MAX: u16 = 3_000;
/// The largest step backward that still is reordering (RFC 3550 appendix A.1).
pub const MISORDER_MAX: u16 = 100;

/// Why a datagram is not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than its own header, sources, extension or padding say.
    #[error("RTP packet is shorter than its header says")]
    Truncated,
    /// The version is not 2.
    #[error("RTP version is {0}, expected 2")]
    Version(u8),
}

/// One received RTP packet, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The header's fields that matter to us.
    pub header: Header,
    /// What is carried, without padding; may be empty.
    pub payload: &'a [u8],
}

/// The fields of an RTP header that are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First packet of a talk spurt or of a DTMF event.
    pub marker: bool,
    /// What the payload is, 0 to 127.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// Counts samples.
    pub timestamp: u32,
    /// Names the stream.
    pub ssrc: u32,
}

impl<'a> Packet<'a> {
    /// Reads a packet; contributing sources, extension and padding are skipped (RFC 3550 section 5.1).
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, RtpError> {
        let (fixed, mut rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(RtpError::Truncated)?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return Err(RtpError::Version(first >> 6));
        }
        let sources = usize::from(first & 0x0F) * 4;
        rest = rest.get(sources..).ok_or(RtpError::Truncated)?;
        if first & 0x10 != 0 {
            let (extension, after) = rest.split_first_chunk::<4>().ok_or(RtpError::Truncated)?;
            let words = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
            rest = after.get(words * 4..).ok_or(RtpError::Truncated)?;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*rest.last().ok_or(RtpError::Truncated)?);
            let kept = rest.len().checked_sub(padding).ok_or(RtpError::Truncated)?;
            rest = &rest[..kept];
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Ok(Packet { header, payload: rest })
    }
}

impl Header {
    /// Writes the twelve bytes.
    pub fn write(&self, out: &mut [u8; HEADER_LEN]) {
        out[0] = 0x80;
        out[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Whether a datagram on an RTP port is RTCP: packet types 192 to 223 (RFC 5761 section 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, kind, ..] if first >> 6 == 2 && (192..=223).contains(kind))
}

/// Whether a datagram is RTCP whose lengths add up, so that it may count as a sign of life (RFC 3550 appendix A.2).
pub fn is_sound_rtcp(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    let mut seen = false;
    while let [first, kind, high, low, ..] = rest {
        if first >> 6 != 2 || !(192..=223).contains(kind) {
            return false;
        }
        let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
        let Some(after) = rest.get(length..) else { return false };
        rest = after;
        seen = true;
    }
    seen && rest.is_empty()
}

/// Where a packet lies in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first of a stream, or of a stream that restarted.
    First,
    /// Later than everything before.
    Newer,
    /// Seen before, or overtaken by a later one.
    Older,
}

/// What is known of a received stream: loss and jitter as RFC 3550 appendix A defines them.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    stream: Option<Stream>,
    received: u64,
    expected_before: u64,
    received_in_stream: u64,
    jitter: f64,
    streams: u32,
}

#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    first: u32,
    highest: u32,
    timestamp: u32,
    transit: i64,
}

impl Reception {
    /// Takes note of a packet that was let in.
    pub fn note(&mut self, now: Instant, header: &Header) -> Place {
        self.received += 1;
        // Both clocks in samples; the wire's wraps every 149 hours, so only differences are used.
        let arrival = (now.as_micros() / 125) as u32;
        let transit = i64::from(arrival.wrapping_sub(header.timestamp) as i32);
        if let Some(stream) = &mut self.stream
            && stream.ssrc == header.ssrc
        {
            let step = header.sequence.wrapping_sub(stream.highest as u16);
            if step == 0 || step > u16::MAX - MISORDER_MAX {
                self.received_in_stream += 1;
                return Place::Older;
            }
            if step < DROPOUT_MAX {
                stream.highest = stream.highest.wrapping_add(u32::from(step));
                self.received_in_stream += 1;
                // The updates of a telephone event keep its timestamp and say nothing about the network.
                if stream.timestamp != header.timestamp {
                    let change = (transit - stream.transit).unsigned_abs().min(80_000) as f64;
                    stream.transit = transit;
                    stream.timestamp = header.timestamp;
                    self.jitter += (change - self.jitter) / 16.0;
                }
                return Place::Newer;
            }
        }
        self.close_stream();
        let sequence = u32::from(header.sequence);
        self.stream = Some(Stream {
            ssrc: header.ssrc,
            first: sequence,
            highest: sequence,
            timestamp: header.timestamp,
            transit,
        });
        self.streams = self.streams.saturating_add(1);
        self.received_in_stream = 1;
        Place::First
    }

    /// Packets let in.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that the sequence numbers say were sent and that never came.
    pub fn lost(&self) -> u64 {
        let open =
            self.stream.as_ref().map_or(0, |stream| stream_expected(stream).saturating_sub(self.received_in_stream));
        self.expected_before + open
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        Duration::from_micros((self.jitter * 125.0) as u64)
    }

    /// How many times a stream began: 1 unless the peer changed its SSRC or jumped.
    pub fn streams(&self) -> u32 {
        self.streams
    }

    fn close_stream(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.expected_before += stream_expected(&stream).saturating_sub(self.received_in_stream);
        }
    }
}

fn stream_expected(stream: &Stream) -> u64 {
    u64::from(stream.highest.wrapping_sub(stream.first)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(sequence: u16, timestamp: u32, ssrc: u32) -> Header {
        Header { marker: false, payload_type: 0, sequence, timestamp, ssrc }
    }

    #[test]
    fn sources_extension_and_padding_are_skipped() {
        let mut datagram = vec![0x80 | 0x20 | 0x10 | 2, 0x80 | 8, 0, 9, 0, 0, 1, 0, 1, 2, 3, 4];
        datagram.extend([0; 8]);
        datagram.extend([0xBE, 0xDE, 0, 1, 1, 2, 3, 4]);
        datagram.extend([0xD5, 0xD5, 0, 0, 3]);
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.payload, &[0xD5, 0xD5]);
        assert_eq!(
            packet.header,
            Header { marker: true, payload_type: 8, sequence: 9, timestamp: 256, ssrc: 0x0102_0304 }
        );
    }

    #[test]
    fn loss_survives_the_wrap_of_the_sequence_number_and_a_change_of_ssrc() {
        let mut reception = Reception::default();
        let mut at = Instant::ZERO;
        for sequence in [65_533u16, 65_534, 0, 1, 3] {
            reception.note(at, &header(sequence, u32::from(sequence) * 160, 7));
            at += Duration::from_millis(20);
        }
        assert_eq!(reception.lost(), 2, "65535 and 2");
        assert_eq!(reception.note(at, &header(2, 320, 7)), Place::Older);
        assert_eq!(reception.lost(), 1);
        assert_eq!(reception.note(at, &header(40_000, 5, 8)), Place::First);
        assert_eq!((reception.lost(), reception.streams(), reception.received()), (1, 2, 7));
    }

    #[test]
    fn a_steady_stream_has_no_jitter_and_a_late_packet_adds_a_sixteenth() {
        let mut reception = Reception::default();
        for step in 0..50u16 {
            let late = if step == 49 { 8 } else { 0 };
            let at = Instant::from_micros(u64::from(step) * 20_000 + late * 1_000);
            reception.note(at, &header(step, u32::from(step) * 160, 7));
        }
        assert_eq!(reception.jitter(), Duration::from_micros(500));
    }

    #[test]
    fn a_key_held_down_is_no_jitter() {
        let mut reception = Reception::default();
        for step in 0..50u16 {
            let timestamp = if step < 25 { 0 } else { u32::from(step) * 160 };
            reception.note(Instant::from_micros(u64::from(step) * 20_000), &header(step, timestamp, 7));
        }
        assert_eq!(reception.jitter(), Duration::ZERO);
    }

    #[test]
    fn rtcp_is_told_from_rtp_and_checked_for_its_lengths() {
        let receiver_report = [0x80, 201, 0, 1, 1, 2, 3, 4];
        assert!(is_rtcp(&receiver_report) && is_sound_rtcp(&receiver_report));
        assert!(
            !is_sound_rtcp(&receiver_report[..7]) && !is_sound_rtcp(&[0x80, 201, 0xFF, 0xFF]) && !is_sound_rtcp(&[])
        );
        assert!(!is_rtcp(&[0x80, 0x80 | 13]), "payload type 13 with marker is RTP");
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_without_panic(datagram in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reception = Reception::default();
            is_sound_rtcp(&datagram);
            if let Ok(packet) = Packet::parse(&datagram) {
                prop_assert!(packet.payload.len() + HEADER_LEN <= datagram.len());
                reception.note(Instant::ZERO, &packet.header);
            }
        }

        #[test]
        fn a_written_header_reads_back(marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let mut bytes = [0; HEADER_LEN];
            header.write(&mut bytes);
            prop_assert_eq!(Packet::parse(&bytes).unwrap().header, header);
        }
    }
}
