//! What becomes of a delivery after a try: a pure function of what came back, how often it was tried, and the time.

use std::time::Duration;

use super::post::{Answer, PostError};
use crate::config::Webhooks;
use crate::model::time::Timestamp;
use crate::store::Verdict;

/// A receiver may put a try off by this much at most.
const PUT_OFF_MAX: Duration = Duration::from_secs(24 * 3600);
/// A wait is lengthened by up to this share by chance, so that what failed together does not come back together.
const SPREAD: f64 = 0.2;
/// The receiver wants to hear nothing more.
const GONE: u16 = 410;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// With the delivery.
    pub(super) verdict: Verdict,
    /// What went wrong.
    pub(super) error: Option<String>,
    /// Why the endpoint is to be told nothing more.
    pub(super) disable: Option<String>,
}

/// Judges a try that ended at `ended`, after `tries_before` others. `chance` decides how far the next one is spread.
pub(super) fn judge(
    answer: &Result<Answer, PostError>,
    tries_before: u32,
    ended: Timestamp,
    failing_since: Option<Timestamp>,
    settings: &Webhooks,
    chance: u64,
) -> Judged {
    let error = match answer {
        Ok(Answer { status: 200..=299, .. }) => {
            return Judged { verdict: Verdict::Delivered, error: None, disable: None };
        }
        Ok(Answer { status: GONE, .. }) => {
            let disable = Some("the receiver answered 410 Gone".to_owned());
            return Judged { verdict: Verdict::GivenUp, error: Some("answered 410 Gone".to_owned()), disable };
        }
        Ok(Answer { status: status @ 300..=399, .. }) => format!("answered {status}: a redirect is not followed"),
        Ok(Answer { status, .. }) => format!("answered {status}"),
        Err(error) => error.to_string(),
    };
    let asked = answer.as_ref().ok().and_then(|answer| answer.retry_after).unwrap_or_default().min(PUT_OFF_MAX);
    let place = usize::try_from(tries_before).unwrap_or(usize::MAX);
    let verdict = match settings.retry_after_s.get(place) {
        Some(wait_s) => Verdict::Again { at: ended + spread(*wait_s, chance).max(asked) },
        None => Verdict::GivenUp,
    };
    let patience = Duration::from_secs(u64::from(settings.disable_after_h) * 3600);
    let disable = failing_since
        .filter(|since| ended.since(*since) >= patience)
        .map(|since| format!("nothing could be delivered since {since}; the last try: {error}"));
    Judged { verdict, error: Some(error), disable }
}

fn spread(wait_s: u32, chance: u64) -> Duration {
    // The upper bits of a multiplication by an odd number depend on all bits of the factor.
    let share = (chance.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24);
    Duration::from_secs(wait_s.into()).mul_f64(1.0 + SPREAD * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_318_496_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn settings() -> Webhooks {
        Webhooks { retry_after_s: vec![5, 300, 1800], ..Webhooks::default() }
    }

    fn answered(status: u16) -> Result<Answer, PostError> {
        Ok(Answer { status, retry_after: None, text: String::new() })
    }

    fn judged(answer: &Result<Answer, PostError>, tries_before: u32) -> Judged {
        judge(answer, tries_before, NOW, None, &settings(), 0)
    }

    #[test]
    fn only_2xx_is_success() {
        for status in [200, 201, 204, 299] {
            assert_eq!(judged(&answered(status), 0).verdict, Verdict::Delivered, "{status}");
        }
        for status in [100, 199, 300, 301, 308, 400, 404, 429, 500, 503] {
            let judged = judged(&answered(status), 0);
            assert_eq!(judged.verdict, Verdict::Again { at: NOW + Duration::from_secs(5) }, "{status}");
            assert!(judged.error.unwrap().contains(&status.to_string()), "{status}");
        }
        assert!(judged(&answered(302), 0).error.unwrap().contains("not followed"));
    }

    #[test]
    fn waits_grow_and_end() {
        let failed: Result<Answer, PostError> = Err(PostError::TooSlow { seconds: 15 });
        for (tries_before, wait_s) in [(0, 5), (1, 300), (2, 1800)] {
            let at = NOW + Duration::from_secs(wait_s);
            assert_eq!(judged(&failed, tries_before).verdict, Verdict::Again { at });
        }
        assert_eq!(judged(&failed, 3).verdict, Verdict::GivenUp);
        assert_eq!(judged(&failed, u32::MAX).verdict, Verdict::GivenUp);
    }

    #[test]
    fn chance_lengthens_a_wait_by_a_fifth_at_most_and_spreads_neighbours() {
        let waits: Vec<Duration> = (0..1000).map(|chance| spread(1000, chance)).collect();
        assert!(waits.iter().all(|wait| (1000..=1200).contains(&wait.as_secs())));
        let late = waits.iter().filter(|wait| wait.as_secs() >= 1100).count();
        assert!((400..=600).contains(&late), "{late} of 1000 in the later half");
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less_or_for_ever() {
        let asks = |span: Duration| Ok(Answer { status: 503, retry_after: Some(span), text: String::new() });
        let at = |span: Duration| Verdict::Again { at: NOW + span };
        assert_eq!(judged(&asks(HOUR), 0).verdict, at(HOUR));
        assert_eq!(judged(&asks(Duration::from_secs(1)), 0).verdict, at(Duration::from_secs(5)));
        assert_eq!(judged(&asks(HOUR * 1000), 0).verdict, at(HOUR * 24));
    }

    #[test]
    fn gone_ends_it_and_so_do_days_without_a_delivery() {
        let gone = judged(&answered(410), 0);
        assert_eq!(gone.verdict, Verdict::GivenUp);
        assert!(gone.disable.unwrap().contains("410"));
        let long = HOUR * settings().disable_after_h;
        let since = |span: Duration| judge(&answered(500), 0, NOW, Some(NOW - span), &settings(), 0);
        assert_eq!(since(long - Duration::from_secs(1)).disable, None);
        let tired = since(long);
        assert!(tired.disable.unwrap().contains("answered 500"));
        // What waits goes on where the endpoint is enabled again.
        assert!(matches!(tired.verdict, Verdict::Again { .. }));
        assert_eq!(judge(&answered(200), 0, NOW, Some(NOW - long), &settings(), 0).disable, None);
    }
}
