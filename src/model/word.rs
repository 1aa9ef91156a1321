//! Words of closed sets, as they are stored, sent and exported.

use serde::Serialize;

/// The word that a value of a closed set is written as.
///
/// # Panics
/// It is not written as a plain word.
pub fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        other => panic!("a closed set must be written as a plain word, got {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::campaign::CampaignState;

    #[test]
    fn a_word_is_the_one_that_is_read_back() {
        assert_eq!(word(&CampaignState::Running), "running");
        assert!(std::panic::catch_unwind(|| word(&7)).is_err());
    }
}
