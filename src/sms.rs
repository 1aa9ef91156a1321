//! SMS gateways: adapters between messages and the protocols of providers.
//!
//! They turn commands of a provider into facts ([`Fact`]) and messages into its commands. They remember nothing and decide
//! nothing: what is sent, in which order and how often is `runtime::messages`, what a customer's message means is
//! `model::reply`. Read [`Fact`], [`Refusal`] and [`Session`] first.

mod framing;
pub mod http;
pub mod receipt;
pub mod smpp;

use std::time::Duration;

use crate::model::message::Alphabet;
use crate::model::time::Timestamp;

/// Longest message from a customer that is read, in octets of its text: what is longer is cut, and says so.
pub const INCOMING_MAX: usize = 20_000;

/// What a gateway tells, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A message from a customer, or a piece of one.
    Came(Incoming),
    /// What became of a message of ours.
    Receipt(receipt::Receipt),
    /// Something that concerns nobody: it is written to the log.
    Ignored(String),
}

/// A gateway that can be asked, from several tasks at once.
#[derive(Clone, Debug)]
pub enum Session {
    /// A connection that is bound.
    Smpp(smpp::Session),
    /// A server.
    Http(http::Session),
}

/// What a gateway tells on its own while it can be asked.
pub enum Facts {
    /// What comes on the connection.
    Smpp(smpp::Facts),
    /// That it cannot be asked any more; what else it tells comes by [`http::callback`].
    Http(http::Facts),
}

impl Session {
    /// Whether it takes texts of any length as they are, and does not want them in parts.
    pub fn takes_whole_texts(&self) -> bool {
        match self {
            Session::Smpp(_) => false,
            Session::Http(_) => true,
        }
    }

    /// Sends a part, or a whole text; the id that the gateway gave it, empty where it gave none.
    ///
    /// # Errors
    /// Says whether it may be sent again.
    pub async fn submit(&self, part: Outgoing<'_>, now: Timestamp) -> Result<String, Refusal> {
        match self {
            Session::Smpp(session) => session.submit(part).await,
            Session::Http(session) => session.submit(part, now).await,
        }
    }

    /// Tells the gateway that the fact with this token is safe with us.
    pub async fn acknowledge(&self, token: u32) {
        match self {
            Session::Smpp(session) => session.acknowledge(token).await,
            // It tells nothing on a connection that would have to be acknowledged.
            Session::Http(_) => {}
        }
    }

    /// Ends the connection in order.
    pub async fn end(&self) {
        match self {
            Session::Smpp(session) => session.end().await,
            // There is none between two messages.
            Session::Http(_) => {}
        }
    }
}

impl Facts {
    /// The next fact, with the token to acknowledge it once it is durable.
    ///
    /// # Errors
    /// The gateway cannot be asked any more, and why.
    pub async fn next(&mut self) -> Result<(Fact, u32), String> {
        match self {
            Facts::Smpp(facts) => facts.next().await,
            Facts::Http(facts) => facts.next().await,
        }
    }
}

/// A message from a customer, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Who sent it, as the gateway writes it: perhaps no number.
    pub from: String,
    /// Whether the gateway says that it is in international form.
    pub international: bool,
    /// To which of our numbers, as the gateway writes it.
    pub to: String,
    /// The text.
    pub text: String,
    /// Where it belongs, if it came in pieces.
    pub piece: Option<Piece>,
    /// The id that the gateway gave it, where it gives any.
    pub id: Option<String>,
}

/// A piece of a message that is longer than one SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What all pieces of a message of one sender have in common.
    pub reference: u16,
    /// Which it is, from 1.
    pub number: u8,
    /// How many there are.
    pub of: u8,
}

/// A part to be sent, or a whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'m> {
    /// Number or name that is shown as the sender.
    pub from: &'m str,
    /// The customer, in E.164.
    pub to: &'m str,
    /// Our id of the message.
    pub id: &'m str,
    /// How the text is written.
    pub alphabet: Alphabet,
    /// The text of this part.
    pub text: &'m str,
    /// Which part it is, of a message with several.
    pub piece: Option<Piece>,
}

/// Why a part was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many at once: the same part may be sent again after a while.
    Throttled {
        /// What the gateway said.
        why: String,
        /// After how long, where it says that.
        after: Option<Duration>,
    },
    /// For good.
    Rejected(String),
    /// There was no answer: it may have been accepted, and must not be sent again.
    Unanswered(String),
    /// It never left.
    NotSent(String),
}
