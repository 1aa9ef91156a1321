//! What a failed call means: from SIP status and Q.850 cause to a disposition.
//!
//! | what came back | disposition |
//! | --- | --- |
//! | 486, 600 | busy |
//! | 480, 487 not asked for, 408 or silence after ringing, 5xx after ringing | no answer: the customer's phone rang |
//! | 404, 410, 484, 485, 604 | invalid number |
//! | 603, 608, other 6xx, 403 after ringing, 3xx | rejected |
//! | 607 (RFC 8197) | unwanted: suppresses the number |
//! | 5xx before ringing | congestion |
//! | 401, 403, 407, 408 or silence before ringing, other 4xx, 606, no trunk reached | trunk failure |
//! | we gave up after the ring time | no answer; trunk failure if the carrier never said a word |
//! | we gave up for another reason | cancelled, or not dialled if no INVITE left |
//! | no usable media in the answer | hung up: a person may have heard silence |
//!
//! Where the status only says "temporarily unavailable" or "server failure" (480, 5xx, 487, none), a Q.850 cause (ITU-T
//! Q.850, by RFC 3326) says more: 17 busy; 16, 18, 19, 20, 27 no answer; 1, 22, 28 invalid number; 21 rejected; 34, 38,
//! 41, 42, 44, 47 congestion.

use crate::engine::command::CancelReason;
use crate::model::attempt::{CallFailure, FailureKind};
use crate::model::disposition::Disposition;

/// What an attempt that was never answered ended as. `cancelled` is why we gave it up, if we did; `sent` is whether an
/// INVITE left.
pub fn disposition(failure: &CallFailure, cancelled: Option<CancelReason>, sent: bool) -> Disposition {
    match failure.kind {
        FailureKind::Cancelled => match cancelled {
            _ if !sent => Disposition::NotDialled,
            // The ring time ended before the transaction's own 32 s: a dead carrier, not a customer who does not answer.
            Some(CancelReason::RingTimeout) if !failure.rang && failure.status == 408 => Disposition::TrunkFailure,
            // Counted although no 18x may have come: a carrier that reports none must not make a phone ring for ever.
            Some(CancelReason::RingTimeout) => Disposition::NoAnswer,
            Some(CancelReason::InboundNeedsAgents | CancelReason::Suppressed | CancelReason::Stopped) | None => {
                Disposition::Cancelled
            }
        },
        FailureKind::Rejected => rejected(failure),
        FailureKind::Redirected => Disposition::Rejected,
        FailureKind::Timeout | FailureKind::Transport if failure.rang => Disposition::NoAnswer,
        FailureKind::Timeout | FailureKind::Transport | FailureKind::AuthFailed => Disposition::TrunkFailure,
        FailureKind::Media => Disposition::HungUp,
    }
}

/// Whether the failure is the trunk's own, so that the trunk rests and the customer's attempts are not consumed
/// (reliability.md I-17).
pub fn is_trunk_level(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Congestion | Disposition::TrunkFailure)
}

fn rejected(failure: &CallFailure) -> Disposition {
    let disposition = match failure.status {
        486 | 600 => Disposition::Busy,
        404 | 410 | 484 | 485 | 604 => Disposition::InvalidNumber,
        607 => Disposition::Unwanted,
        403 if failure.rang => Disposition::Rejected,
        480 | 487 => q850(failure.q850).unwrap_or(Disposition::NoAnswer),
        500..=599 => q850(failure.q850).unwrap_or(Disposition::Congestion),
        606 => Disposition::TrunkFailure,
        300..=399 | 601..=699 => Disposition::Rejected,
        0 => q850(failure.q850).unwrap_or(Disposition::TrunkFailure),
        _ => Disposition::TrunkFailure,
    };
    // A phone that rang was an attempt at its owner, whoever's fault the end was.
    if failure.rang && !disposition.counts_as_attempt() { Disposition::NoAnswer } else { disposition }
}

fn q850(cause: u8) -> Option<Disposition> {
    match cause {
        17 => Some(Disposition::Busy),
        16 | 18 | 19 | 20 | 27 => Some(Disposition::NoAnswer),
        1 | 22 | 28 => Some(Disposition::InvalidNumber),
        21 => Some(Disposition::Rejected),
        34 | 38 | 41 | 42 | 44 | 47 => Some(Disposition::Congestion),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, q850: u8, rang: bool) -> CallFailure {
        CallFailure { kind: FailureKind::Rejected, status, q850, rang, retry_after_s: None }
    }

    #[test]
    fn each_status_has_its_meaning() {
        let table = [
            (486, 0, true, Disposition::Busy),
            (600, 0, true, Disposition::Busy),
            (480, 0, false, Disposition::NoAnswer),
            (480, 17, false, Disposition::Busy),
            (404, 0, false, Disposition::InvalidNumber),
            (484, 34, false, Disposition::InvalidNumber),
            (410, 0, false, Disposition::InvalidNumber),
            (604, 0, false, Disposition::InvalidNumber),
            (403, 0, false, Disposition::TrunkFailure),
            (403, 0, true, Disposition::Rejected),
            (603, 0, true, Disposition::Rejected),
            (607, 0, true, Disposition::Unwanted),
            (608, 0, false, Disposition::Rejected),
            (606, 0, false, Disposition::TrunkFailure),
            (503, 0, false, Disposition::Congestion),
            (503, 1, false, Disposition::InvalidNumber),
            (503, 34, true, Disposition::NoAnswer),
            (488, 0, false, Disposition::TrunkFailure),
            (302, 0, false, Disposition::Rejected),
        ];
        for (status, q850, rang, expected) in table {
            assert_eq!(disposition(&failure(status, q850, rang), None, true), expected, "{status} {q850} {rang}");
        }
    }

    #[test]
    fn a_phone_that_rang_always_counts_as_an_attempt() {
        for status in 300..700 {
            for q850 in 0..128 {
                let disposition = disposition(&failure(status, q850, true), None, true);
                assert!(disposition.counts_as_attempt(), "{status} with cause {q850} after ringing is {disposition}");
            }
        }
    }

    #[test]
    fn silence_before_ringing_is_the_trunks_fault_and_after_it_the_customers_absence() {
        let silence = |rang| CallFailure { kind: FailureKind::Timeout, ..failure(408, 0, rang) };
        assert_eq!(disposition(&silence(false), None, true), Disposition::TrunkFailure);
        assert_eq!(disposition(&silence(true), None, true), Disposition::NoAnswer);
        let cancelled = CallFailure { kind: FailureKind::Cancelled, ..failure(487, 0, true) };
        assert_eq!(disposition(&cancelled, Some(CancelReason::RingTimeout), true), Disposition::NoAnswer);
        let unheard = CallFailure { kind: FailureKind::Cancelled, ..failure(408, 0, false) };
        assert_eq!(disposition(&unheard, Some(CancelReason::RingTimeout), true), Disposition::TrunkFailure);
        assert_eq!(disposition(&cancelled, Some(CancelReason::InboundNeedsAgents), true), Disposition::Cancelled);
        assert_eq!(disposition(&cancelled, Some(CancelReason::Suppressed), false), Disposition::NotDialled);
    }
}
