//! Sockets of the signalling side: UDP listeners, and TCP or TLS connections in both directions.
//!
//! Bytes go through here and nothing is understood: what they mean is `sip`'s business. Datagrams are read in bursts
//! straight by the driver's loop; each stream has a task that reads and one queue that is written, both bounded, so that
//! a peer that neither reads nor stops sending costs one connection and nothing else.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::peers::Peers;

/// Receive buffer asked of the kernel for each UDP listener. The default of most systems loses bursts of a few hundred
/// calls a second.
const UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Streams at once over all listeners. A centre has a handful of trunks and some hundred phones.
const STREAMS_MAX: usize = 4096;
/// Streams at once from one address (AST-2016-005: sixty idle connections from one host exhausted a whole stack).
const STREAMS_PER_ADDRESS_MAX: usize = 64;
/// Messages that may wait for a peer that does not read.
const STREAM_QUEUE_MAX: usize = 256;
/// Facts that may wait for the driver's loop.
const FACTS_MAX: usize = 4096;
/// Bytes read from a stream at once.
const READ_BYTES: usize = 16 * 1024;
/// Accepting waits this long after an error of the system.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A connection must be made, and TLS agreed, within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// A stream on which nothing arrives for this long is closed. Phones send keep-alives every 30 to 120 s (RFC 5626 4.4).
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// What happened on a stream.
#[derive(Debug)]
pub enum StreamFact {
    /// It is up, in either direction.
    Opened {
        /// The number it is known by.
        connection: u64,
        /// The other end.
        remote: SocketAddr,
        /// The listener it came in by, or whose transport it was opened with.
        listener: u8,
    },
    /// Bytes arrived.
    Data {
        /// On which stream.
        connection: u64,
        /// From whom.
        remote: SocketAddr,
        /// The bytes.
        bytes: Bytes,
    },
    /// It is gone, or could not be made.
    Closed {
        /// Which stream.
        connection: u64,
        /// The other end.
        remote: SocketAddr,
        /// The listener it came in by, or whose transport it was opened with.
        listener: u8,
        /// It was up; otherwise it could not be made.
        opened: bool,
        /// Why.
        why: String,
    },
}

/// All sockets of the signalling side.
///
/// Listeners are numbered in the order in which they are opened, over all transports: SIP names them by that number.
pub struct Wire {
    listeners: Vec<Listener>,
    udp: Vec<(u8, Arc<UdpSocket>)>,
    peers: watch::Receiver<Arc<Peers>>,
    streams: BTreeMap<u64, Stream>,
    facts: mpsc::Receiver<StreamFact>,
    facts_in: mpsc::Sender<StreamFact>,
    accepted: mpsc::Receiver<Accepted>,
    accepted_in: mpsc::Sender<Accepted>,
    next: u64,
    dropped: u64,
}

struct Stream {
    opened: bool,
    remote: SocketAddr,
    listener: u8,
    queue: mpsc::Sender<Bytes>,
}

struct Accepted {
    socket: TcpStream,
    remote: SocketAddr,
    listener: u8,
    tls: Option<TlsAcceptor>,
}

/// What travels by a listener.
enum Listener {
    Datagrams(Arc<UdpSocket>),
    Stream,
    TlsStream,
}

impl Wire {
    /// No sockets yet.
    pub fn new(peers: watch::Receiver<Arc<Peers>>) -> Wire {
        let (facts_in, facts) = mpsc::channel(FACTS_MAX);
        let (accepted_in, accepted) = mpsc::channel(64);
        Wire {
            listeners: Vec::new(),
            udp: Vec::new(),
            peers,
            streams: BTreeMap::new(),
            facts,
            facts_in,
            accepted,
            accepted_in,
            next: 1,
            dropped: 0,
        }
    }

    /// Opens a UDP listener. Gives the address it is bound to.
    ///
    /// # Errors
    /// The address is in use or not ours.
    pub fn listen_udp(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        // Best effort: the kernel caps it at its own maximum, which `doctor` reports.
        socket.set_recv_buffer_size(UDP_BUFFER_BYTES)?;
        socket.set_send_buffer_size(UDP_BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let bound = socket.local_addr()?;
        let socket = Arc::new(socket);
        self.udp.push((self.next_listener(), Arc::clone(&socket)));
        self.listeners.push(Listener::Datagrams(socket));
        Ok(bound)
    }

    /// Opens a TCP listener, with TLS if an acceptor is given.
    ///
    /// # Errors
    /// The address is in use or not ours.
    pub async fn listen_stream(&mut self, address: SocketAddr, tls: Option<TlsAcceptor>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        let (accepted, peers) = (self.accepted_in.clone(), self.peers.clone());
        let number = self.next_listener();
        self.listeners.push(if tls.is_some() { Listener::TlsStream } else { Listener::Stream });
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((socket, remote)) if peers.borrow().admit(remote.ip()) => {
                        // A driver that is behind leaves the rest in the kernel's backlog.
                        if accepted.send(Accepted { socket, remote, listener: number, tls: tls.clone() }).await.is_err()
                        {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(error) => {
                        // Out of files, most likely: trying at once would only burn the loop's time.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
        Ok(bound)
    }

    fn next_listener(&self) -> u8 {
        u8::try_from(self.listeners.len()).unwrap_or(u8::MAX)
    }

    /// The UDP listeners with their numbers.
    pub fn udp(&self) -> &[(u8, Arc<UdpSocket>)] {
        &self.udp
    }

    /// The next thing that happens on a stream. Cancel-safe.
    pub async fn next_fact(&mut self) -> StreamFact {
        loop {
            tokio::select! {
                // Both senders are held by `self`, so neither channel can end.
                Some(fact) = self.facts.recv() => {
                    return self.noted(fact);
                }
                Some(accepted) = self.accepted.recv() => {
                    if let Some(fact) = self.admit(accepted) {
                        return fact;
                    }
                }
            }
        }
    }

    /// Keeps the table of streams in step with what is told.
    fn noted(&mut self, mut fact: StreamFact) -> StreamFact {
        match &mut fact {
            StreamFact::Opened { connection, .. } => {
                if let Some(stream) = self.streams.get_mut(connection) {
                    stream.opened = true;
                }
            }
            StreamFact::Data { .. } => {}
            StreamFact::Closed { connection, opened, .. } => {
                *opened = self.streams.remove(connection).is_none_or(|stream| stream.opened);
            }
        }
        fact
    }

    fn admit(&mut self, accepted: Accepted) -> Option<StreamFact> {
        let Accepted { socket, remote, listener, tls } = accepted;
        let same = self.streams.values().filter(|s| s.remote.ip() == remote.ip()).count();
        if self.streams.len() >= STREAMS_MAX || same >= STREAMS_PER_ADDRESS_MAX {
            self.dropped += 1;
            return None;
        }
        let connection = self.stream(remote, listener, |connection, queue, facts| async move {
            match tls {
                None => carry(socket, connection, remote, queue, facts).await,
                Some(acceptor) => match tokio::time::timeout(CONNECT_TIMEOUT, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => carry(socket, connection, remote, queue, facts).await,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "TLS was not agreed in time".to_owned(),
                },
            }
        });
        Some(self.noted(StreamFact::Opened { connection, remote, listener }))
    }

    /// Sends to a peer of a stream listener's kind: over the stream to it that is up or being made, else over a new one.
    /// What comes of it is told by facts.
    pub fn send_or_connect(&mut self, listener: u8, remote: SocketAddr, bytes: Bytes) {
        let known = self.streams.iter().find(|(_, s)| s.remote == remote && s.listener == listener);
        let connection = match known.map(|(connection, _)| *connection) {
            Some(connection) => connection,
            None => self.connect(listener, remote),
        };
        self.send_stream(connection, bytes);
    }

    fn connect(&mut self, listener: u8, remote: SocketAddr) -> u64 {
        let tls = match self.listeners.get(usize::from(listener)) {
            Some(Listener::TlsStream) => {
                let peers = self.peers.borrow();
                let name = peers.names.get(&remote).cloned().unwrap_or_else(|| ServerName::from(remote.ip()));
                Some((peers.connector.clone(), name))
            }
            Some(Listener::Stream | Listener::Datagrams(_)) | None => None,
        };
        self.stream(remote, listener, move |connection, queue, facts| async move {
            let opened = StreamFact::Opened { connection, remote, listener };
            let socket = match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
                Ok(Ok(socket)) => socket,
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "the connection was not made in time".to_owned(),
            };
            // Requests are small and must leave at once.
            if let Err(error) = socket.set_nodelay(true) {
                return error.to_string();
            }
            let Some((connector, name)) = tls else {
                if facts.send(opened).await.is_err() {
                    return "closed".to_owned();
                }
                return carry(socket, connection, remote, queue, facts).await;
            };
            let Some(connector) = connector else { return "no TLS is configured".to_owned() };
            let shown = name.to_str().into_owned();
            let why = match tokio::time::timeout(CONNECT_TIMEOUT, connector.connect(name, socket)).await {
                Ok(Ok(socket)) => {
                    if facts.send(opened).await.is_err() {
                        return "closed".to_owned();
                    }
                    return carry(socket, connection, remote, queue, facts).await;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => "TLS was not agreed in time".to_owned(),
            };
            // Nothing was said to whoever that is: a carrier that cannot prove its name gets no call.
            tracing::warn!(%remote, name = shown, why, "the peer did not prove its name, so no call goes there");
            why
        })
    }

    fn stream<F, T>(&mut self, remote: SocketAddr, listener: u8, task: F) -> u64
    where
        F: FnOnce(u64, mpsc::Receiver<Bytes>, mpsc::Sender<StreamFact>) -> T,
        T: Future<Output = String> + Send + 'static,
    {
        let connection = self.next;
        self.next += 1;
        let (queue, waiting) = mpsc::channel(STREAM_QUEUE_MAX);
        self.streams.insert(connection, Stream { opened: false, remote, listener, queue });
        let facts = self.facts_in.clone();
        let run = task(connection, waiting, facts.clone());
        tokio::spawn(async move {
            let why = run.await;
            // The driver may be gone; then nobody needs to know.
            let _gone = facts.send(StreamFact::Closed { connection, remote, listener, opened: true, why }).await;
        });
        connection
    }

    /// Sends a datagram. One that does not fit into the kernel's buffer is dropped, as the network might: SIP repeats it.
    ///
    /// # Errors
    /// The peer is known to be unreachable.
    pub fn send_datagram(&mut self, listener: u8, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let Some(Listener::Datagrams(socket)) = self.listeners.get(usize::from(listener)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        match socket.try_send_to(bytes, remote) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.dropped += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends on a stream; `false` if it is gone or its peer does not read.
    pub fn send_stream(&mut self, connection: u64, bytes: Bytes) -> bool {
        match self.streams.get(&connection) {
            Some(stream) => match stream.queue.try_send(bytes) {
                Ok(()) => true,
                Err(_) => {
                    self.dropped += 1;
                    false
                }
            },
            None => false,
        }
    }

    /// Closes a stream once what waits in its queue is written.
    pub fn close(&mut self, connection: u64) {
        self.streams.remove(&connection);
    }

    /// Datagrams and connections that were dropped because something was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Streams that are up or being made.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }
}

/// Carries bytes both ways until either side ends; says why it ended.
async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    connection: u64,
    remote: SocketAddr,
    mut queue: mpsc::Receiver<Bytes>,
    facts: mpsc::Sender<StreamFact>,
) -> String {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        tokio::select! {
            read = tokio::time::timeout(IDLE_TIMEOUT, reader.read(&mut buffer)) => match read {
                Err(_) => return "idle".to_owned(),
                Ok(Ok(0)) => return "closed by the other end".to_owned(),
                Ok(Ok(length)) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..length]);
                    if facts.send(StreamFact::Data { connection, remote, bytes }).await.is_err() {
                        return "closed".to_owned();
                    }
                }
                Ok(Err(error)) => return error.to_string(),
            },
            message = queue.recv() => match message {
                None => return "closed".to_owned(),
                Some(bytes) => match tokio::time::timeout(CONNECT_TIMEOUT, writer.write_all(&bytes)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.to_string(),
                    Err(_) => return "the other end does not read".to_owned(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knowing(networks: &[&str]) -> Wire {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        // The receiver keeps what was sent last.
        let (_, peers) = watch::channel(Arc::new(Peers { networks, ..Peers::default() }));
        Wire::new(peers)
    }

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_stream_carries_bytes_both_ways_and_says_when_it_ends() {
        let mut here = knowing(&["127.0.0.0/8"]);
        let address = here.listen_stream(loopback(), None).await.unwrap();
        let mut there = TcpStream::connect(address).await.unwrap();
        there.write_all(b"ping").await.unwrap();
        let StreamFact::Opened { connection, .. } = here.next_fact().await else { panic!("not opened") };
        let StreamFact::Data { bytes, .. } = here.next_fact().await else { panic!("no data") };
        assert_eq!(&bytes[..], b"ping");
        assert!(here.send_stream(connection, Bytes::from_static(b"pong")));
        let mut answer = [0; 4];
        there.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"pong");
        drop(there);
        assert!(matches!(here.next_fact().await, StreamFact::Closed { .. }));
        assert_eq!(here.streams(), 0);
    }

    #[tokio::test]
    async fn a_stranger_is_closed_without_a_byte() {
        let mut here = knowing(&["192.0.2.0/24"]);
        let address = here.listen_stream(loopback(), None).await.unwrap();
        let mut there = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        assert_eq!(there.read_to_end(&mut answer).await.unwrap_or(0), 0);
        assert_eq!(here.streams(), 0);
    }

    #[tokio::test]
    async fn one_address_cannot_take_all_streams() {
        let mut here = knowing(&["127.0.0.0/8"]);
        let address = here.listen_stream(loopback(), None).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..STREAMS_PER_ADDRESS_MAX + 1 {
            held.push(TcpStream::connect(address).await.unwrap());
        }
        for _ in 0..STREAMS_PER_ADDRESS_MAX {
            assert!(matches!(here.next_fact().await, StreamFact::Opened { .. }));
        }
        let mut last = held.pop().unwrap();
        let reader = tokio::spawn(async move {
            let mut answer = Vec::new();
            last.read_to_end(&mut answer).await.unwrap_or(0)
        });
        tokio::select! {
            fact = here.next_fact() => panic!("one stream too many: {fact:?}"),
            read = reader => assert_eq!(read.unwrap(), 0),
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_not_there_is_told_by_a_fact() {
        let mut here = knowing(&["127.0.0.0/8"]);
        let address = {
            let gone = TcpListener::bind(loopback()).await.unwrap();
            gone.local_addr().unwrap()
        };
        here.listeners.push(Listener::Stream);
        here.send_or_connect(0, address, Bytes::from_static(b"anybody?"));
        let StreamFact::Closed { remote, opened: false, .. } = here.next_fact().await else { panic!("not closed") };
        assert_eq!((remote, here.streams()), (address, 0));
    }
}
