//! What became of an attempt or a call.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! dispositions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)*) => {
        /// The recorded outcome of an attempt or call.
        ///
        /// A closed set, so that figures can be compared over campaigns. A campaign names its own results
        /// (`took the family plan`) and says which of these each one is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Disposition { $($(#[$doc])* $name,)* }

        impl Disposition {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Disposition] = &[$(Disposition::$name,)*];

            /// As it is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Disposition::$name => $text,)* }
            }

            /// Who decides it.
            pub fn kind(self) -> DispositionKind {
                match self { $(Disposition::$name => DispositionKind::$kind,)* }
            }
        }
    };
}

/// Who decides a disposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispositionKind {
    /// The network or the dialer, without an agent.
    Network,
    /// The agent who talked to the customer.
    Agent,
}

dispositions! {
    /// The line was busy (486, 600).
    Busy = "busy", Network;
    /// It rang and nobody answered (timeout, 480, 408 after ringing).
    NoAnswer = "no_answer", Network;
    /// The number does not exist (404, 410, 484, 604). The number is not called again.
    InvalidNumber = "invalid_number", Network;
    /// The callee's side refused (403 after ringing, 603, 608).
    Rejected = "rejected", Network;
    /// The callee says the call is unwanted (607, RFC 8197): suppresses the number.
    Unwanted = "unwanted", Network;
    /// The network had no room (503, 500, 5xx beyond the trunk). Does not count against the customer's attempts.
    Congestion = "congestion", Network;
    /// The trunk failed before the customer's side was reached. Does not count against the customer's attempts.
    TrunkFailure = "trunk_failure", Network;
    /// The intent was withdrawn before an INVITE left (the gate closed, no trunk had room). Nobody's phone rang: it
    /// does not count as an attempt.
    NotDialled = "not_dialled", Network;
    /// A machine answered.
    Machine = "machine", Network;
    /// A fax or modem answered.
    Fax = "fax", Network;
    /// A person answered and no agent was connected in time; the information message was played.
    Abandoned = "abandoned", Network;
    /// A person answered and hung up before an agent could be connected in time.
    HungUp = "hung_up", Network;
    /// Lull stopped ringing: inbound needed the agents, or the number was suppressed while it rang.
    Cancelled = "cancelled", Network;
    /// The program stopped before the outcome was known. Counts as an attempt, cools off before it is tried again.
    Unknown = "unknown", Network;
    /// The customer took the offer.
    Accepted = "accepted", Agent;
    /// The customer wants to think about it.
    Considering = "considering", Agent;
    /// The customer does not want the offer.
    Declined = "declined", Agent;
    /// A later call was agreed.
    Callback = "callback", Agent;
    /// Another person answered.
    WrongPerson = "wrong_person", Agent;
    /// The agent found a machine that was taken for a person.
    AgentMachine = "agent_machine", Agent;
    /// The connection broke before the matter was settled.
    Disconnected = "disconnected", Agent;
    /// The customer asks not to be called: suppresses the number.
    DoNotCall = "do_not_call", Agent;
    /// The customer complained: suppresses the number and counts for the guardrails.
    Complaint = "complaint", Agent;
    /// An inbound matter was settled.
    Handled = "handled", Agent;
    /// Anything else; the note says what.
    Other = "other", Agent;
    /// The wrap-up time ended before the agent said anything.
    NotRecorded = "not_recorded", Agent;
}

impl Disposition {
    /// Whether the customer's number must not be called any more after it.
    pub fn suppresses(self) -> bool {
        matches!(self, Disposition::Unwanted | Disposition::DoNotCall | Disposition::Complaint)
    }

    /// Whether it counts against the attempt caps of the number. Failures on the near side of the network do not
    /// (nobody's phone rang); an unknown outcome does.
    pub fn counts_as_attempt(self) -> bool {
        !matches!(self, Disposition::Congestion | Disposition::TrunkFailure | Disposition::NotDialled)
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is not a disposition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a disposition")]
pub struct UnknownDisposition(pub String);

impl FromStr for Disposition {
    type Err = UnknownDisposition;
    fn from_str(text: &str) -> Result<Disposition, UnknownDisposition> {
        Disposition::ALL.iter().copied().find(|d| d.as_str() == text).ok_or_else(|| UnknownDisposition(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disposition_reads_back_and_is_written_alike_in_text_and_json() {
        for disposition in Disposition::ALL {
            assert_eq!(disposition.as_str().parse(), Ok(*disposition));
            assert_eq!(serde_json::to_string(disposition).unwrap(), format!("\"{disposition}\""));
        }
    }
}
