//! "Did you mean …?"

/// The candidate nearest to what was written, if it is near enough to be what was meant.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One slip in four characters is a slip; more is another word.
    let slips_max = 1 + written.chars().count() / 4;
    let distance = |candidate: &str| {
        let (w, c) = (written.to_lowercase(), candidate.to_lowercase());
        // A unit that was left off (`after` for `after_s`) or a plural is one slip.
        if c.len() > 2 && w.len() > 2 && (c.starts_with(&w) || w.starts_with(&c)) { 1 } else { slips(&w, &c) }
    };
    let nearest = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    (nearest.0 <= slips_max).then_some(nearest.1)
}

/// `did you mean `x`?`, or else the whole choice if it is short enough to be read.
pub fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// More than this many names are a list to be looked up, not read in an error.
    const SHOWN_MAX: usize = 16;
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(nearest) = nearest(written, candidates.iter().copied()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    if candidates.is_empty() || candidates.len() > SHOWN_MAX {
        return None;
    }
    let quoted: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
    Some(format!("expected one of {}", quoted.join(", ")))
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other.
pub(in crate::model) fn slips(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut table = vec![0; (left.len() + 1) * width];
    for i in 0..=left.len() {
        for j in 0..width {
            table[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(left[i - 1] != right[j - 1]);
                let mut least = table[(i - 1) * width + j - 1] + same;
                least = least.min(table[(i - 1) * width + j] + 1).min(table[i * width + j - 1] + 1);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    least = least.min(table[(i - 2) * width + j - 2] + 1);
                }
                least
            };
        }
    }
    table[left.len() * width + right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_recognised_and_other_words_are_not() {
        let keys = ["after_s", "attempts_max", "ring_timeout_s"];
        assert_eq!(nearest("afer_s", keys), Some("after_s"));
        assert_eq!(nearest("after", keys), Some("after_s"));
        assert_eq!(nearest("attemps_max", keys), Some("attempts_max"));
        assert_eq!(nearest("rnig_timeout_s", keys), Some("ring_timeout_s"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(slips("ab", "ba"), 1);
        assert_eq!(slips("", "abc"), 3);
    }

    #[test]
    fn a_short_choice_is_listed_when_nothing_is_near() {
        assert_eq!(did_you_mean("zzzz", ["udp", "tcp"]).unwrap(), "expected one of `udp`, `tcp`");
        assert_eq!(did_you_mean("upd", ["udp", "tcp"]).unwrap(), "did you mean `udp`?");
    }
}
