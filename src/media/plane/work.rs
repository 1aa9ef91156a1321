//! How the plane carries out commands, passes packets on and makes frames of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::seat::{Classifying, Playing, PromptFrame, Recording, Seat, Stage};
use super::{CommandFault, Effect, Event, Idle, Plane, PromptEnd, RecordFault, Repeat, SILENT_AFTER, Transmit, Voice};
use crate::media::classify::{AmdSettings, Classifier};
use crate::media::dtmf::{Digit, Pressing};
use crate::media::g711::Law;
use crate::media::leg::{Admitted, SourceRule};
use crate::media::prompt::Prompt;
use crate::media::record::{RECORDINGS_MAX, Recorded, RecordingId};
use crate::media::rtp::{HEADER_LEN, Header, Packet, Place};
use crate::media::sdp::{Direction, Negotiated};
use crate::media::wav::Channel;
use crate::model::id::LegId;
use crate::model::time::Instant;

/// A bridged peer that pauses for longer than this is filled with silence on legs that are kept awake.
const COMFORT_AFTER: Duration = Duration::from_millis(200);
/// Audio later than this counts as silence for detection; more than the jitter of a working line.
const CLASSIFY_GAP_SAMPLES: u64 = 200 * 8;
/// One 20 ms frame.
const FRAME: usize = 160;

impl Plane {
    /// Takes a datagram from a leg's RTP socket. What comes back is to be sent at once.
    pub fn receive(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) -> Option<Transmit<'_>> {
        let seat = self.seats.get_mut(slot as usize)?.as_mut()?;
        let admission = seat.leg.admit(now, source, datagram);
        let (id, peer) = (seat.id, seat.bridge);
        if admission.latched {
            self.effects.push_back(Effect::Tell(Event::LegLatched { leg: id, source }));
            if seat.leg.may_connect() {
                self.effects.push_back(Effect::Connect { slot, peer: source });
            }
        }
        let (slot, to, length) = match admission.outcome {
            Err(_) | Ok(Admitted::Rtcp) => return None,
            Ok(Admitted::Audio { packet, law, place }) => {
                self.packets_in += 1;
                self.hear(now, slot, &packet, law, place);
                self.relay(now, slot, peer?, &packet, Some(law))
            }
            Ok(Admitted::Event { packet, event }) => {
                self.packets_in += 1;
                let header = packet.header;
                if let Some(press) = seat.keys_heard.hear(now, header.ssrc, header.timestamp, event) {
                    let told = Event::Digit { leg: id, digit: press.digit, duration: press.duration };
                    self.effects.push_back(Effect::Tell(told));
                }
                self.relay(now, slot, peer?, &packet, None)
            }
        }?;
        self.packets_out += 1;
        Some(Transmit { slot, to, packet: &self.out[..length] })
    }

    /// Takes a datagram from a leg's RTCP socket.
    pub fn receive_rtcp(&mut self, now: Instant, slot: u32, source: SocketAddr, datagram: &[u8]) {
        if let Some(seat) = self.seat(slot) {
            seat.leg.admit_rtcp(now, source, datagram);
        }
    }

    /// Takes what the recorder says about a recording that ended.
    pub fn recorded(&mut self, recorded: Recorded) {
        self.recordings = self.recordings.saturating_sub(1);
        let (recording, leg) = match &recorded {
            Recorded::Done { recording, leg, .. } | Recorded::Failed { recording, leg, .. } => (*recording, *leg),
        };
        if let Some(slot) = self.index.get(&leg).copied()
            && let Some(seat) = self.seat(slot)
        {
            // A disk error ended it behind our back: stop feeding.
            seat.recording.take_if(|open| open.id == recording);
        }
        self.tell(match recorded {
            Recorded::Done { leg, file, length, bytes, dropped_frames, sha256, .. } => {
                Event::Recorded { leg, file, length, bytes, dropped_frames, sha256 }
            }
            Recorded::Failed { leg, file, why, .. } => Event::RecordFailed { leg, file, why: RecordFault::Disk(why) },
        });
    }

    /// The taps on what a leg says: detection and recording.
    fn hear(&mut self, now: Instant, slot: u32, packet: &Packet<'_>, law: Law, place: Place) {
        let Some(seat) = self.seats.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        if let Some(recording) = &mut seat.recording
            && let Some(recorder) = &self.settings.recorder
        {
            let header = &packet.header;
            let at = recording.place(now, Channel::Heard, header.ssrc, header.timestamp);
            recording.push(recorder, Channel::Heard, at, law, packet.payload);
        }
        if place != Place::Older
            && let Some(classifying) = &mut seat.classifying
        {
            let missing = classifying.elapsed_samples(now).saturating_sub(classifying.fed_samples);
            let mut verdict = None;
            if missing > CLASSIFY_GAP_SAMPLES {
                verdict = classifying.classifier.feed_silence(missing);
                classifying.fed_samples += missing;
            }
            let verdict = verdict.or_else(|| classifying.classifier.feed(law, packet.payload));
            classifying.fed_samples += packet.payload.len() as u64;
            if let Some(classification) = verdict {
                seat.classifying = None;
                let leg = seat.id;
                self.effects.push_back(Effect::Tell(Event::Classified { leg, classification }));
            }
        }
    }

    /// Writes a heard packet into the other leg's stream. `law` is `None` for a telephone event.
    fn relay(
        &mut self,
        now: Instant,
        from: u32,
        to: u32,
        packet: &Packet<'_>,
        law: Option<Law>,
    ) -> Option<(u32, SocketAddr, usize)> {
        let seat = self.seats.get_mut(to as usize)?.as_mut()?;
        if !seat.hears_bridge() {
            return None;
        }
        let target = seat.leg.target()?;
        let media = *seat.leg.media()?;
        let payload_type = match law {
            Some(_) => media.codec.payload_type,
            None => media.telephone_event_out?,
        };
        seat.relayed_at = Some(now);
        let mut header = seat.leg.sender.relay(now, from, &packet.header)?;
        header.payload_type = payload_type;
        let length = HEADER_LEN + packet.payload.len();
        let (head, payload) = self.out.get_mut(..length)?.split_first_chunk_mut::<HEADER_LEN>()?;
        header.write(head);
        match law {
            Some(law) => law.copy_as(media.codec.law, packet.payload, payload),
            None => payload.copy_from_slice(packet.payload),
        }
        self.sent(now, to, &header, law.is_some(), packet.payload.len());
        Some((to, target, length))
    }

    /// After a packet was written into `out`: figures, the first-audio event and the recording's right channel.
    fn sent(&mut self, now: Instant, slot: u32, header: &Header, is_audio: bool, length: usize) {
        let Some(seat) = self.seats.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        seat.leg.stats.packets_out += 1;
        seat.leg.stats.bytes_out += length as u64;
        if !is_audio {
            return;
        }
        if let Some((voice, since)) = seat.awaiting_first.take() {
            let told = Event::FirstAudioOut { leg: seat.id, voice, after: now.since(since) };
            self.effects.push_back(Effect::Tell(told));
        }
        if let Some(recording) = &mut seat.recording
            && let Some(recorder) = &self.settings.recorder
            && let Some(media) = seat.leg.media()
        {
            let at = recording.place(now, Channel::Sent, header.ssrc, header.timestamp);
            let payload = &self.out[HEADER_LEN..HEADER_LEN + length];
            recording.push(recorder, Channel::Sent, at, media.codec.law, payload);
        }
    }

    /// A leg's turn on the wheel: at most one packet into `out`.
    pub(super) fn clock_frame(&mut self, now: Instant, slot: u32) -> Option<(SocketAddr, usize)> {
        let seat = self.seats.get_mut(slot as usize)?.as_mut()?;
        if !seat.needs_clock() {
            seat.on_wheel = false;
            let phase = seat.phase;
            self.leave_wheel(slot, phase);
            return None;
        }
        self.classify_silence(now, slot);
        let seat = self.seats.get_mut(slot as usize)?.as_mut()?;
        if seat.keys_pressed.is_busy() {
            return self.key_frame(now, slot);
        }
        if let Some(playing) = &mut seat.playing {
            let frame = playing.next();
            let prompt = Arc::clone(&playing.prompt);
            return match frame {
                PromptFrame::Sound { at } => self.own_frame(now, slot, Some((&prompt, at))),
                PromptFrame::Silence => self.own_frame(now, slot, None),
                PromptFrame::Over => {
                    self.stop_prompt(slot, PromptEnd::Finished);
                    None
                }
            };
        }
        let bridge_speaks = seat.bridge.is_some() && seat.relayed_at.is_some_and(|at| now.since(at) <= COMFORT_AFTER);
        if seat.idle == Idle::Silence && !bridge_speaks {
            return self.own_frame(now, slot, None);
        }
        None
    }

    /// 20 ms of a prompt, or of silence.
    fn own_frame(&mut self, now: Instant, slot: u32, sound: Option<(&Prompt, usize)>) -> Option<(SocketAddr, usize)> {
        let seat = self.seats.get_mut(slot as usize)?.as_mut()?;
        let target = seat.leg.target()?;
        let codec = seat.leg.media()?.codec;
        let fresh = seat.leg.sender.sent_at().is_none_or(|at| now.since(at) > COMFORT_AFTER);
        let header = seat.leg.sender.clock(now, codec.payload_type, fresh);
        let (head, payload) = self.out.get_mut(..HEADER_LEN + FRAME)?.split_first_chunk_mut::<HEADER_LEN>()?;
        header.write(head);
        payload.fill(codec.law.silence());
        if let Some((prompt, at)) = sound {
            let bytes = prompt.bytes(codec.law);
            let piece = bytes.get(at..(at + FRAME).min(bytes.len())).unwrap_or(&[]);
            payload[..piece.len()].copy_from_slice(piece);
        }
        self.sent(now, slot, &header, sound.is_some(), FRAME);
        Some((target, HEADER_LEN + FRAME))
    }

    /// 20 ms of pressing keys.
    fn key_frame(&mut self, now: Instant, slot: u32) -> Option<(SocketAddr, usize)> {
        let seat = self.seats.get_mut(slot as usize)?.as_mut()?;
        let pressing = seat.keys_pressed.next_frame()?;
        let leg = seat.id;
        if !seat.keys_pressed.is_busy() {
            seat.leg.sender.switch();
            self.effects.push_back(Effect::Tell(Event::DigitsSent { leg }));
            return None;
        }
        let Pressing::Event { event, first } = pressing else { return None };
        let target = seat.leg.target()?;
        let payload_type = seat.leg.media()?.telephone_event_out?;
        let header = if first {
            let header = seat.leg.sender.clock(now, payload_type, true);
            seat.key_began = header.timestamp;
            header
        } else {
            seat.leg.sender.same_time(now, payload_type, seat.key_began)
        };
        let bytes = event.bytes();
        let length = HEADER_LEN + bytes.len();
        let (head, payload) = self.out.get_mut(..length)?.split_first_chunk_mut::<HEADER_LEN>()?;
        header.write(head);
        payload.copy_from_slice(&bytes);
        self.sent(now, slot, &header, false, bytes.len());
        Some((target, length))
    }

    /// What did not arrive is silence to the detection, too.
    fn classify_silence(&mut self, now: Instant, slot: u32) {
        let Some(seat) = self.seat(slot) else { return };
        let Some(classifying) = &mut seat.classifying else { return };
        let missing = classifying.elapsed_samples(now).saturating_sub(classifying.fed_samples);
        if missing <= CLASSIFY_GAP_SAMPLES {
            return;
        }
        let verdict = classifying.classifier.feed_silence(missing - CLASSIFY_GAP_SAMPLES);
        classifying.fed_samples += missing - CLASSIFY_GAP_SAMPLES;
        if let Some(classification) = verdict {
            seat.classifying = None;
            let leg = seat.id;
            self.tell(Event::Classified { leg, classification });
        }
    }

    pub(super) fn set_remote(&mut self, now: Instant, leg: LegId, media: Negotiated, rule: SourceRule) {
        self.with(leg, |plane, slot| {
            let Some(seat) = plane.seat(slot) else { return };
            seat.silence_told_at = now;
            if let Some(peer) = seat.leg.agree(now, media, rule) {
                plane.effects.push_back(Effect::Connect { slot, peer });
            }
        });
    }

    pub(super) fn bridge(&mut self, now: Instant, a: LegId, b: LegId) {
        let (Some(slot_a), Some(slot_b)) = (self.index.get(&a).copied(), self.index.get(&b).copied()) else {
            self.stale_commands += 1;
            for (leg, other) in [(a, b), (b, a)] {
                if self.index.contains_key(&leg) {
                    self.tell(Event::Refused { leg, why: CommandFault::OtherLegGone { other } });
                }
            }
            return;
        };
        if a == b {
            self.tell(Event::Refused { leg: a, why: CommandFault::BridgeWithItself });
            return;
        }
        for slot in [slot_a, slot_b] {
            self.unbridge(slot);
            self.stop_prompt(slot, PromptEnd::Bridged);
        }
        for (slot, other) in [(slot_a, slot_b), (slot_b, slot_a)] {
            if let Some(seat) = self.seat(slot) {
                seat.bridge = Some(other);
                seat.relayed_at = None;
                seat.leg.sender.switch();
                seat.awaiting_first = Some((Voice::Bridge, now));
            }
        }
    }

    pub(super) fn unbridge(&mut self, slot: u32) {
        let Some(other) = self.seat(slot).and_then(|seat| seat.bridge.take()) else { return };
        if let Some(seat) = self.seat(other) {
            assert_eq!(seat.bridge, Some(slot), "a bridge has two ends");
            seat.bridge = None;
        }
        for end in [slot, other] {
            if let Some(seat) = self.seat(end) {
                seat.awaiting_first = None;
                seat.leg.sender.switch();
            }
        }
    }

    pub(super) fn play(&mut self, now: Instant, slot: u32, prompt: Arc<Prompt>, repeat: Repeat) {
        self.stop_prompt(slot, PromptEnd::Replaced);
        let Some(seat) = self.seat(slot) else { return };
        if prompt.bytes(Law::Mu).is_empty() {
            let leg = seat.id;
            self.tell(Event::Refused { leg, why: CommandFault::EmptyPrompt });
            return;
        }
        seat.playing = Some(Playing { prompt, repeat, stage: Stage::Sound { at: 0 } });
        seat.leg.sender.switch();
        seat.awaiting_first = Some((Voice::Prompt, now));
        self.touch_wheel(now, slot);
    }

    pub(super) fn stop_prompt(&mut self, slot: u32, end: PromptEnd) {
        let Some(seat) = self.seat(slot) else { return };
        let Some(playing) = seat.playing.take() else { return };
        let leg = seat.id;
        seat.awaiting_first.take_if(|(voice, _)| *voice == Voice::Prompt);
        seat.leg.sender.switch();
        self.tell(Event::PromptEnded { leg, prompt: Arc::clone(playing.prompt.name()), end });
    }

    pub(super) fn press_digits(&mut self, now: Instant, slot: u32, digits: &[Digit]) {
        let Some(seat) = self.seat(slot) else { return };
        let leg = seat.id;
        if seat.leg.media().is_none_or(|media| media.telephone_event_out.is_none()) {
            self.tell(Event::Refused { leg, why: CommandFault::NoTelephoneEvents });
            return;
        }
        let refused = seat.keys_pressed.press(digits);
        if refused > 0 {
            self.tell(Event::Refused { leg, why: CommandFault::TooManyDigits { refused } });
        }
        self.touch_wheel(now, slot);
    }

    pub(super) fn classify(&mut self, now: Instant, slot: u32, settings: AmdSettings) {
        let Some(seat) = self.seat(slot) else { return };
        let classifier = Classifier::new(settings);
        seat.classifying = Some(Box::new(Classifying { classifier, began: now, fed_samples: 0 }));
        self.touch_wheel(now, slot);
    }

    pub(super) fn stop_classify(&mut self, slot: u32) {
        if let Some(seat) = self.seat(slot) {
            seat.classifying = None;
        }
    }

    pub(super) fn record(&mut self, now: Instant, slot: u32, file: PathBuf, announce: Option<Arc<Prompt>>) {
        let id = RecordingId(self.next_recording);
        let has_room = self.recordings < RECORDINGS_MAX;
        let recorder = self.settings.recorder.clone().filter(|_| has_room);
        let Some(seat) = self.seat(slot) else { return };
        let leg = seat.id;
        let why = match (seat.leg.media(), recorder) {
            _ if seat.recording.is_some() => RecordFault::AlreadyRecording,
            (None, _) => RecordFault::NoMedia,
            (Some(_), None) => RecordFault::RecorderFull,
            (Some(media), Some(recorder)) => {
                let law = media.codec.law;
                if recorder.start(id, leg, file.clone(), law) {
                    seat.recording = Some(Box::new(Recording::new(id, law, now)));
                    self.next_recording += 1;
                    self.recordings += 1;
                    if let Some(prompt) = announce {
                        self.play(now, slot, prompt, Repeat::Once);
                    }
                    return;
                }
                RecordFault::RecorderFull
            }
        };
        self.tell(Event::RecordFailed { leg, file, why });
    }

    pub(super) fn stop_record(&mut self, slot: u32) {
        let Some(recording) = self.seat(slot).and_then(|seat| seat.recording.take()) else { return };
        self.end_recording(&recording);
    }

    pub(super) fn set_idle(&mut self, now: Instant, slot: u32, idle: Idle) {
        if let Some(seat) = self.seat(slot) {
            seat.idle = idle;
        }
        self.touch_wheel(now, slot);
    }

    pub(super) fn close(&mut self, slot: u32) {
        if let Some(seat) = self.remove(slot) {
            self.tell(Event::LegClosed { leg: seat.id, stats: seat.leg.stats() });
        }
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Seat> {
        self.unbridge(slot);
        let seat = self.seats.get_mut(slot as usize)?.take()?;
        self.index.remove(&seat.id);
        if seat.on_wheel {
            self.leave_wheel(slot, seat.phase);
        }
        if let Some(recording) = &seat.recording {
            self.end_recording(recording);
        }
        self.due.retain(|waiting| *waiting != slot);
        self.free.push(slot);
        self.effects.push_back(Effect::Release { slot });
        Some(seat)
    }

    /// Silence of peers and keys whose release was lost.
    pub(super) fn sweep(&mut self, now: Instant) {
        for seat in self.seats.iter_mut().flatten() {
            if let Some(press) = seat.keys_heard.lapse(now) {
                let told = Event::Digit { leg: seat.id, digit: press.digit, duration: press.duration };
                self.effects.push_back(Effect::Tell(told));
            }
            let expected = seat.leg.media().is_some_and(|media| media.direction == Direction::SendReceive);
            if !expected {
                seat.silence_told_at = now;
                continue;
            }
            let since = seat.leg.alive_at.max(seat.silence_told_at);
            if now.since(since) >= SILENT_AFTER {
                seat.silence_told_at = now;
                let refused_sources = seat.leg.stats.dropped_source;
                let told = Event::RtpSilent { leg: seat.id, since: seat.leg.alive_at, refused_sources };
                self.effects.push_back(Effect::Tell(told));
            }
        }
    }

    fn end_recording(&self, recording: &Recording) {
        if let Some(recorder) = &self.settings.recorder {
            // Cannot fail while the recorder lives: it has room for a start and a stop of every recording.
            recorder.stop(recording.id, recording.dropped);
        }
    }
}
