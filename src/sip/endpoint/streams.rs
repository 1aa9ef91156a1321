//! Streams (TCP, TLS): which are open, and the messages cut out of them.

use super::*;

/// A message begun on a stream must be whole after this: a peer that dribbles must not hold a buffer for ever. 64·T1, as
/// long as any transaction lives.
const STALL: Duration = micros(PATIENCE_US);

impl Endpoint {
    /// A stream is open, in either direction. Streams of strangers are closed at once.
    pub fn stream_opened(&mut self, _now: Now, connection: u64, listener: u8, remote: SocketAddr) {
        if self.peer(remote, true).is_none() {
            self.discarded.unknown_source += 1;
            return self.events.push_back(Event::CloseStream { connection });
        }
        if self.streams.len() >= STREAMS_MAX {
            self.discarded.overload += 1;
            return self.events.push_back(Event::CloseStream { connection });
        }
        self.streams.insert(connection, Stream { listener, remote, framer: Framer::default(), stall: None });
        self.by_remote.insert((listener, remote), connection);
    }

    /// Bytes of a stream.
    pub fn receive_stream(&mut self, now: Now, connection: u64, bytes: &[u8]) {
        let Some(stream) = self.streams.get_mut(&connection) else { return };
        let hop =
            Hop { target: Target { listener: stream.listener, remote: stream.remote }, connection: Some(connection) };
        stream.framer.push(bytes);
        while let Some(stream) = self.streams.get_mut(&connection) {
            match stream.framer.next_piece() {
                Some(StreamPiece::Message(message)) => {
                    let stall = stream.stall.take();
                    self.timers.cancel(stall);
                    self.receive(now, hop, &message);
                }
                Some(StreamPiece::Ping) => self.send(hop, Bytes::from_static(b"\r\n")),
                Some(StreamPiece::Garbage(_)) => {
                    self.discarded.unreadable += 1;
                    return self.close_stream(connection);
                }
                None => break,
            }
        }
        let Some(stream) = self.streams.get_mut(&connection) else { return };
        if stream.framer.is_partial() && stream.stall.is_none() {
            stream.stall = Some(self.timers.set(now.instant + STALL, Timer::StreamStall(connection)));
        } else if !stream.framer.is_partial() {
            let stall = stream.stall.take();
            self.timers.cancel(stall);
        }
    }

    /// A stream is gone. Registrations over it end; requests on their way are left to their timers.
    pub fn stream_closed(&mut self, _now: Now, connection: u64) {
        self.forget_stream(connection);
        let gone: Vec<Arc<str>> = self
            .registrar
            .bindings
            .iter()
            .filter(|(_, binding)| binding.hop.connection == Some(connection))
            .map(|(user, _)| Arc::clone(user))
            .collect();
        for user in gone {
            self.unbind(&user);
        }
    }

    pub(super) fn stream_stalled(&mut self, connection: u64) {
        let Some(stream) = self.streams.get_mut(&connection) else { return };
        stream.stall = None;
        stream.framer.settle();
        if stream.framer.is_partial() {
            self.discarded.unreadable += 1;
            self.close_stream(connection);
        }
    }

    /// The driver closes it and says so with [`Endpoint::stream_closed`].
    fn close_stream(&mut self, connection: u64) {
        self.forget_stream(connection);
        self.events.push_back(Event::CloseStream { connection });
    }

    fn forget_stream(&mut self, connection: u64) {
        let Some(stream) = self.streams.remove(&connection) else { return };
        self.timers.cancel(stream.stall);
        let place = (stream.listener, stream.remote);
        // A younger stream to the same address stays.
        if self.by_remote.get(&place) == Some(&connection) {
            self.by_remote.remove(&place);
        }
    }
}
