//! What a customer's message means: opt-out words in English and Chinese, and keywords of a campaign.
//!
//! Texts are compared as [`plain`] makes them: case, width, spaces and punctuation do not count. A word that opts out does so
//! at once. A text that only reads as if somebody may want to be left alone is a [`OptOut::Perhaps`]: whoever gets one
//! leaves the customer alone too, until a person has read it.

use super::document::slips;

/// How sure it is that a message opts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptOut {
    /// It is one of the words, or begins with one.
    Yes,
    /// In free words: a person is to read it.
    Perhaps,
}

/// Opt out as the first word of a message, whatever follows: those that carriers and the FCC name (47 CFR 64.1200(a)(10)).
const FIRST_WORDS: &[&str] = &["stop", "stopall", "unsubscribe", "quit", "revoke", "optout", "opt", "cancel", "end"];
/// Opt out as the whole message only: a single letter begins many words, and `end` and `cancel` begin sentences.
const WHOLE: &[&str] = &["t", "td", "r", "tt", "qx", "0000", "00000", "remove"];
/// Of [`FIRST_WORDS`], those that must stand alone.
const ALONE: &[&str] = &["opt", "cancel", "end"];
/// Opt out where a message begins with them. Chinese has no spaces between words.
const BEGINNINGS: &[&str] = &["退订", "退訂", "拒收", "取消订阅", "取消訂閱", "停止发送", "停止發送"];
/// Found anywhere, a person is to read the message.
const SUSPICIOUS: &[&str] = &[
    "stop",
    "unsubscribe",
    "optout",
    "removeme",
    "takemeoff",
    "dontcall",
    "donotcall",
    "dontcontact",
    "donotcontact",
    "donttext",
    "donottext",
    "leavemealone",
    "wrongnumber",
    "spam",
    "harass",
    "lawyer",
    "complain",
    "退订",
    "退訂",
    "拒收",
    "别再",
    "別再",
    "不要再",
    "不要打",
    "不要发",
    "不要發",
    "别打",
    "別打",
    "别发",
    "別發",
    "勿扰",
    "勿擾",
    "骚扰",
    "騷擾",
    "投诉",
    "投訴",
    "举报",
    "舉報",
    "打错",
    "打錯",
    "发错",
    "發錯",
    "滚",
];

/// A text as it is compared: lower case, full width as half width, nothing but letters and digits.
pub fn plain(text: &str) -> String {
    text.chars().map(half_width).filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a message opts out of calls and messages.
pub fn opt_out(text: &str) -> Option<OptOut> {
    let whole = plain(text);
    if whole.is_empty() {
        return None;
    }
    let spaced: String = text.chars().map(half_width).collect();
    let first = spaced
        .split(|character: char| !character.is_alphanumeric() && !matches!(character, '-' | '\'' | '\u{2019}'))
        .map(plain)
        .find(|word| !word.is_empty())
        .unwrap_or_default();
    let first_word = FIRST_WORDS.contains(&first.as_str()) && (!ALONE.contains(&first.as_str()) || whole == first);
    let spelt = FIRST_WORDS.contains(&whole.as_str());
    let begins = BEGINNINGS.iter().any(|word| whole.starts_with(word)) || whole.starts_with("optout");
    if first_word || spelt || begins || WHOLE.contains(&whole.as_str()) {
        return Some(OptOut::Yes);
    }
    SUSPICIOUS.iter().any(|word| whole.contains(word)).then_some(OptOut::Perhaps)
}

/// Whether a message is a keyword, and nothing but that: what says more may mean something else (`1 不需要`).
pub fn is_keyword(text: &str, keyword: &str) -> bool {
    let keyword = plain(keyword);
    !keyword.is_empty() && plain(text) == keyword
}

/// What a message that fits no rule may mean, and why it looks so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It is nearly this word of the campaign's, or begins or ends with it.
    Interested {
        /// The word.
        word: String,
    },
    /// It says no to something.
    Refuses,
    /// It reads as if somebody may want to be left alone.
    OptsOut,
}

/// Words that say no, as texts are compared.
const REFUSING: &[&str] =
    &["不要", "不需要", "不用", "没兴趣", "沒興趣", "不考虑", "不考慮", "不了", "算了", "不是", "不办", "不辦"];
/// The same as words of their own, for languages with spaces.
const REFUSING_WORDS: &[&str] = &["no", "not", "dont", "never", "nope", "nah"];

/// What a message may mean that fits no rule of `keywords`; nothing where it looks like none of these. A guess for the person who
/// reads it, and never acted upon.
pub fn likeness(text: &str, keywords: &[String]) -> Option<Likeness> {
    let whole = plain(text);
    if opt_out(text).is_some() {
        return Some(Likeness::OptsOut);
    }
    let spaced: String = text.chars().map(half_width).filter(|one| !matches!(one, '\'' | '\u{2019}')).collect();
    let mut words = spaced.split(|character: char| !character.is_alphanumeric()).map(plain);
    if words.any(|word| REFUSING_WORDS.contains(&word.as_str())) || REFUSING.iter().any(|word| whole.contains(word)) {
        return Some(Likeness::Refuses);
    }
    let near = |keyword: &&String| {
        let word = plain(keyword);
        // A slip in a word of one or two characters makes another word of it.
        let long = word.chars().count() > 2;
        !word.is_empty() && (whole.starts_with(&word) || whole.ends_with(&word) || (long && slips(&whole, &word) <= 1))
    };
    keywords.iter().find(near).map(|word| Likeness::Interested { word: word.clone() })
}

/// Full width forms of ASCII (U+FF01 to U+FF5E) and the ideographic space as their half width selves.
fn half_width(character: char) -> char {
    match character {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => {
            u32::from(character).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(character)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_opt_out_regardless_of_case_width_spaces_and_punctuation() {
        for text in [
            "STOP",
            " stop.",
            "Stop please",
            "ＳＴＯＰ",
            "S T O P",
            "stop!!!",
            "\"Stop\"",
            "STOP 🙏",
            "退订",
            "退 订",
            "退订谢谢",
            "【退订】",
            "T",
            "t",
            "Ｔ",
            "td",
            "TD.",
            "R",
            "ｒ",
            "拒收",
            "Unsubscribe",
            "QUIT",
            "opt-out",
            "Opt out",
            "OPTOUT",
            "stop\u{feff}",
            "revoke",
            "end",
            "Cancel",
            "取消订阅",
        ] {
            assert_eq!(opt_out(text), Some(OptOut::Yes), "{text:?}");
        }
    }

    #[test]
    fn free_words_that_may_opt_out_are_for_a_person_to_read() {
        for text in [
            "please stop texting me",
            "Don't call me",
            "don’t call again",
            "remove me from your list",
            "我不想退订",
            "别再打了",
            "我要投诉你们",
            "wrong number",
            "这是骚扰",
            "pls unsubscribe",
        ] {
            assert_eq!(opt_out(text), Some(OptOut::Perhaps), "{text:?}");
        }
    }

    #[test]
    fn other_messages_do_not_opt_out() {
        for text in [
            "",
            " ",
            "…",
            "1",
            "Y",
            "是",
            "办理",
            "yes please",
            "call me at the end of the day",
            "cancel my old plan and give me the new one",
            "Tell me more",
            "really?",
            "好的",
            "👍",
            "ok",
            "t恤多少钱",
            "now",
            "Not interested",
            "no",
        ] {
            assert_eq!(opt_out(text), None, "{text:?}");
        }
    }

    #[test]
    fn keywords_match_as_people_write_them() {
        for (text, keyword) in [("1", "1"), ("１", "1"), (" y ", "Y"), ("是。", "是"), ("办 理", "办理"), ("OK!", "ok")]
        {
            assert!(is_keyword(text, keyword), "{text:?} {keyword:?}");
        }
        for (text, keyword) in [
            ("10", "1"),
            ("yes", "Y"),
            ("Y, please", "y"),
            ("1 不需要", "1"),
            ("不是", "是"),
            ("", "1"),
            ("…", "。"),
            ("1", ""),
        ] {
            assert!(!is_keyword(text, keyword), "{text:?} {keyword:?}");
        }
    }

    #[test]
    fn what_a_message_may_mean_is_guessed_from_words_that_are_near() {
        let keywords = ["1", "是", "办理", "yes"].map(str::to_owned);
        let of = |text: &str| likeness(text, &keywords);
        let interested = |word: &str| Some(Likeness::Interested { word: word.to_owned() });
        for (text, expected) in [
            ("1 请晚上打", interested("1")),
            ("我想办理", interested("办理")),
            ("yess", interested("yes")),
            ("ye", interested("yes")),
            ("yes please call", interested("yes")),
            ("1 不需要", Some(Likeness::Refuses)),
            ("No, thanks", Some(Likeness::Refuses)),
            ("I don't want it", Some(Likeness::Refuses)),
            ("别再打了", Some(Likeness::OptsOut)),
            ("多少钱", None),
            ("2", None),
            ("notice", None),
            ("", None),
        ] {
            assert_eq!(of(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_stands_around_a_word_makes_no_difference(before in "[ \\t。，.!?~*—-]{0,5}", after in "[ \\t。，.!?~*—-]{0,5}") {
            for word in ["STOP", "退订", "TD", "R"] {
                prop_assert_eq!(opt_out(&format!("{before}{word}{after}")), Some(OptOut::Yes));
            }
        }

        #[test]
        fn no_text_brings_it_to_a_stop(text in ".{0,200}") {
            let _ = opt_out(&text);
            prop_assert!(plain(&text).chars().all(char::is_alphanumeric));
        }
    }
}
