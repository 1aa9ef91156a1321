//! Delivery receipts: what a gateway says became of a message.

use crate::model::message::MessageState;

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id that the gateway gave it.
    pub id: String,
    /// How it ended; none while it is on its way.
    pub state: Option<MessageState>,
    /// What the gateway says of it, such as `UNDELIV 034`.
    pub says: String,
}

/// Reads the text of a receipt, as SMPP 3.4 has it in appendix B: `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:…`.
/// Providers differ in what they leave out and in the case of the words.
pub fn read(text: &str) -> Option<Receipt> {
    let value = |key: &str| {
        let lower = text.to_ascii_lowercase();
        let at = lower
            .match_indices(key)
            .find(|(at, _)| *at == 0 || lower.as_bytes().get(at - 1).is_some_and(u8::is_ascii_whitespace))?;
        let rest = text.get(at.0 + key.len()..)?;
        Some(rest.split_ascii_whitespace().next().unwrap_or_default().to_owned())
    };
    let id = value("id:").filter(|id| !id.is_empty())?;
    let stat = value("stat:").unwrap_or_default();
    let error = value("err:").unwrap_or_default();
    Some(Receipt { id, state: state(&stat), says: format!("{stat} {error}").trim().to_owned() })
}

/// The final states by their words (SMPP 3.4, appendix B).
fn state(word: &str) -> Option<MessageState> {
    match word.to_ascii_uppercase().as_str() {
        "DELIVRD" | "DELIVERED" => Some(MessageState::Delivered),
        "EXPIRED" => Some(MessageState::Expired),
        "UNDELIV" | "UNDELIVERABLE" | "DELETED" => Some(MessageState::Undeliverable),
        "REJECTD" | "REJECTED" => Some(MessageState::Rejected),
        "UNKNOWN" => Some(MessageState::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_as_providers_write_it() {
        let text =
            "id:7f3a sub:001 dlvrd:001 submit date:2611301200 done date:2611301201 stat:DELIVRD err:000 text:Hello";
        let expected =
            Receipt { id: "7f3a".to_owned(), state: Some(MessageState::Delivered), says: "DELIVRD 000".to_owned() };
        assert_eq!(read(text), Some(expected));
        let undelivered = read("ID:9 STAT:undeliv ERR:034").unwrap();
        assert_eq!((undelivered.state, undelivered.says.as_str()), (Some(MessageState::Undeliverable), "undeliv 034"));
        assert_eq!(read("id:9 stat:ENROUTE").unwrap().state, None);
        assert_eq!(read("id:9").unwrap().state, None);
        assert_eq!(read("valid:7 stat:DELIVRD"), None, "the id must be a word of its own");
        assert_eq!(read("id: stat:DELIVRD").map(|receipt| receipt.id), Some("stat:DELIVRD".to_owned()));
        assert_eq!(read("hello"), None);
        assert_eq!(read(""), None);
    }
}
