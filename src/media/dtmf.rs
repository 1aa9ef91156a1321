//! DTMF as telephone events (RFC 4733): hearing each key press once, and pressing keys.
//!
//! Not tones in the audio: those are neither heard nor made. Read [`Digit`], [`DigitReceiver`] and [`DigitSender`].

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::model::time::Instant;

/// Digits that may wait to be sent on one leg: longer than any number or menu path a person enters.
pub const DIGITS_WAITING_MAX: usize = 64;
/// How long a key is pressed, in 20 ms packets: 100 ms, above the 40 ms that receivers must recognise.
const PRESS_FRAMES: u16 = 5;
/// The end of an event is said three times, because one packet may be lost (RFC 4733 section 2.5.1.4).
const END_REPEATS: u16 = 3;
/// Pause between two digits, in 20 ms frames.
const PAUSE_FRAMES: u16 = 3;
/// After this long without an update an event whose end was lost counts as ended.
const END_LOST_AFTER: Duration = Duration::from_millis(200);
/// Power level sent: −10 dBm0.
const VOLUME: u8 = 10;

/// One key: 0 to 9, `*`, `#`, A to D.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// The key with this label; lower case letters are accepted.
    pub fn from_char(label: char) -> Option<Digit> {
        let wanted = label.to_ascii_uppercase();
        KEYS.iter().position(|key| char::from(*key) == wanted).and_then(|code| u8::try_from(code).ok()).map(Digit)
    }

    /// The key with this event code (RFC 4733 section 3.2); `None` above 15, where flash and other events are.
    pub fn from_code(code: u8) -> Option<Digit> {
        (code < 16).then_some(Digit(code))
    }

    /// The event code, 0 to 15.
    pub fn code(self) -> u8 {
        self.0
    }

    /// The label on the key.
    pub fn label(self) -> char {
        char::from(KEYS[usize::from(self.0 & 15)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.label())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({})", self.label())
    }
}

/// The four bytes of a telephone event (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which event; 0 to 15 are the keys.
    pub code: u8,
    /// The event is over.
    pub end: bool,
    /// How long it has lasted, in samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads the payload; longer payloads carry further events, which are repeats and are not needed.
    pub fn parse(payload: &[u8]) -> Option<TelephoneEvent> {
        let [code, flags, high, low, ..] = payload else { return None };
        Some(TelephoneEvent { code: *code, end: flags & 0x80 != 0, duration: u16::from_be_bytes([*high, *low]) })
    }

    /// The four bytes.
    pub fn bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, (u8::from(self.end) << 7) | VOLUME, high, low]
    }
}

/// A key press that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    /// Which key.
    pub digit: Digit,
    /// How long it was held.
    pub duration: Duration,
}

/// Hears key presses: each event once, told apart by the timestamp at which it began.
#[derive(Clone, Debug, Default)]
pub struct DigitReceiver {
    state: Hearing,
}

#[derive(Clone, Debug, Default)]
enum Hearing {
    #[default]
    Nothing,
    /// Updates come in, the end has not.
    Pressed { began: u32, ssrc: u32, digit: Digit, duration: u16, updated: Instant },
    /// Reported; repeats of the same event are ignored.
    Reported { began: u32, ssrc: u32 },
}

impl DigitReceiver {
    /// Takes one event packet. A press is reported at its end; one whose end was lost, when the next begins.
    pub fn hear(&mut self, now: Instant, ssrc: u32, timestamp: u32, event: TelephoneEvent) -> Option<Press> {
        let digit = Digit::from_code(event.code)?;
        let lost_end = match self.state {
            Hearing::Nothing => None,
            Hearing::Reported { began, ssrc: known } if began == timestamp && known == ssrc => return None,
            Hearing::Reported { began, ssrc: known } if known == ssrc && is_before(timestamp, began) => return None,
            Hearing::Reported { .. } => None,
            Hearing::Pressed { began, ssrc: known, .. } if began == timestamp && known == ssrc => None,
            Hearing::Pressed { began, ssrc: known, .. } if known == ssrc && is_before(timestamp, began) => return None,
            Hearing::Pressed { digit, duration, .. } => Some(press(digit, duration)),
        };
        if event.end && lost_end.is_none() {
            self.state = Hearing::Reported { began: timestamp, ssrc };
            return Some(press(digit, event.duration));
        }
        // When two are due at once the older is reported now and the newer at its repeat or by `lapse`.
        self.state = Hearing::Pressed { began: timestamp, ssrc, digit, duration: event.duration, updated: now };
        lost_end
    }

    /// Ends a press that has had no update for 200 ms.
    pub fn lapse(&mut self, now: Instant) -> Option<Press> {
        match self.state {
            Hearing::Pressed { began, ssrc, digit, duration, updated } if now.since(updated) >= END_LOST_AFTER => {
                self.state = Hearing::Reported { began, ssrc };
                Some(press(digit, duration))
            }
            Hearing::Pressed { .. } | Hearing::Nothing | Hearing::Reported { .. } => None,
        }
    }

    /// Whether a press has begun and its end is awaited.
    pub fn is_pressed(&self) -> bool {
        matches!(self.state, Hearing::Pressed { .. })
    }
}

fn press(digit: Digit, duration: u16) -> Press {
    Press { digit, duration: Duration::from_micros(u64::from(duration) * 125) }
}

/// Whether a timestamp lies a little before another: a packet that was overtaken.
fn is_before(timestamp: u32, began: u32) -> bool {
    let behind = began.wrapping_sub(timestamp);
    behind != 0 && behind < 8_000
}

/// What to send in one 20 ms slot while keys are pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressing {
    /// An event packet; `first` says that its timestamp is new and the marker is set.
    Event {
        /// The payload.
        event: TelephoneEvent,
        /// The first packet of this event.
        first: bool,
    },
    /// The pause after a digit: nothing is sent.
    Pause,
}

/// Presses keys: 100 ms each, the end three times, 60 ms between two.
#[derive(Clone, Debug, Default)]
pub struct DigitSender {
    waiting: VecDeque<Digit>,
    frame: u16,
}

impl DigitSender {
    /// Queues digits; those beyond [`DIGITS_WAITING_MAX`] are refused and their number returned.
    pub fn press(&mut self, digits: &[Digit]) -> usize {
        let room = DIGITS_WAITING_MAX.saturating_sub(self.waiting.len()).min(digits.len());
        let (taken, refused) = digits.split_at(room);
        self.waiting.extend(taken);
        refused.len()
    }

    /// Whether something is still to be sent.
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next 20 ms, or `None` when no digit waits.
    pub fn next_frame(&mut self) -> Option<Pressing> {
        let digit = *self.waiting.front()?;
        let frame = self.frame;
        self.frame += 1;
        if frame < PRESS_FRAMES + END_REPEATS {
            let lasted = (frame + 1).min(PRESS_FRAMES);
            let event = TelephoneEvent { code: digit.code(), end: frame >= PRESS_FRAMES, duration: lasted * 160 };
            return Some(Pressing::Event { event, first: frame == 0 });
        }
        if frame + 1 >= PRESS_FRAMES + END_REPEATS + PAUSE_FRAMES {
            self.frame = 0;
            self.waiting.pop_front();
        }
        Some(Pressing::Pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<Digit> {
        text.chars().filter_map(Digit::from_char).collect()
    }

    /// Everything `text` sends, as (timestamp, event), one per 20 ms.
    fn sent(text: &str) -> Vec<(u32, TelephoneEvent)> {
        let mut sender = DigitSender::default();
        assert_eq!(sender.press(&digits(text)), 0);
        let (mut clock, mut began, mut packets) = (1_000u32, 0, Vec::new());
        while let Some(pressing) = sender.next_frame() {
            if let Pressing::Event { event, first } = pressing {
                if first {
                    began = clock;
                }
                packets.push((began, event));
            }
            clock += 160;
        }
        packets
    }

    fn heard(packets: impl IntoIterator<Item = (u32, TelephoneEvent)>) -> String {
        let mut receiver = DigitReceiver::default();
        let mut now = Instant::ZERO;
        let mut text = String::new();
        for (began, event) in packets {
            now += Duration::from_millis(20);
            text.extend(receiver.hear(now, 7, began, event).map(|press| press.digit.label()));
        }
        text.extend(receiver.lapse(now + END_LOST_AFTER).map(|press| press.digit.label()));
        text
    }

    #[test]
    fn every_key_that_is_sent_is_heard_once() {
        assert_eq!(heard(sent("0123456789*#ABCD")), "0123456789*#ABCD");
        assert_eq!(heard(sent("55")), "55", "the same key twice is two presses");
    }

    #[test]
    fn duplicated_and_overtaken_packets_do_not_repeat_a_key() {
        let mut packets = sent("42");
        let late = packets[6];
        packets.insert(10, late);
        let doubled: Vec<_> = packets.into_iter().flat_map(|packet| [packet, packet]).collect();
        assert_eq!(heard(doubled), "42");
    }

    #[test]
    fn any_two_lost_packets_cost_no_key() {
        let packets = sent("17#");
        for first in 0..packets.len() {
            for second in first..packets.len() {
                let kept = packets.iter().enumerate().filter(|(at, _)| *at != first && *at != second).map(|(_, p)| *p);
                assert_eq!(heard(kept), "17#", "without {first} and {second}");
            }
        }
    }

    #[test]
    fn all_end_packets_lost_still_gives_the_key() {
        assert_eq!(heard(sent("93").into_iter().filter(|(_, event)| !event.end)), "93");
    }

    #[test]
    fn flash_and_short_payloads_are_no_digits() {
        let mut receiver = DigitReceiver::default();
        let flash = TelephoneEvent { code: 16, end: true, duration: 160 };
        assert_eq!(receiver.hear(Instant::ZERO, 1, 1, flash), None);
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), None);
    }

    #[test]
    fn a_full_queue_refuses_what_does_not_fit() {
        let mut sender = DigitSender::default();
        assert_eq!(sender.press(&[Digit(1); DIGITS_WAITING_MAX + 3]), 3);
    }
}
