//! SMS gateways: adapters between messages and the protocols of providers.
//!
//! They turn commands of a provider into facts ([`Fact`]) and messages into its commands. They remember nothing and decide
//! nothing: what is sent, in which order and how often is `runtime::messages`, what a customer's message means is
//! `model::reply`. Read [`Fact`], [`Refusal`] and [`smpp::Session`] first.

mod framing;
pub mod receipt;
pub mod smpp;

use crate::model::message::Alphabet;

/// Longest message from a customer that is read, in octets of its text: what is longer is cut, and says so.
pub const INCOMING_MAX: usize = 20_000;

/// What a gateway tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A message from a customer, or a piece of one.
    Came {
        /// What it says.
        message: Incoming,
        /// To be acknowledged with this once it is durable.
        token: u32,
    },
    /// What became of a message of ours.
    Receipt {
        /// What it says.
        receipt: receipt::Receipt,
        /// To be acknowledged with this once it is durable.
        token: u32,
    },
    /// Something that concerns nobody: acknowledged, and written to the log.
    Ignored {
        /// What it was.
        what: String,
        /// To be acknowledged with this.
        token: u32,
    },
    /// The connection is over.
    Over {
        /// Why.
        why: String,
    },
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

/// A part to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'m> {
    /// Number or name that is shown as the sender.
    pub from: &'m str,
    /// The customer, in E.164.
    pub to: &'m str,
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
    Throttled(String),
    /// For good.
    Rejected(String),
    /// There was no answer: it may have been accepted, and must not be sent again.
    Unanswered(String),
    /// It never left.
    NotSent(String),
}
