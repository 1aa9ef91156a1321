//! Which calls were recorded.

use super::*;
use crate::model::attempt::{InboundEnd, InboundOutcome, RecordedCaller};
use crate::model::id::InboundId;
use crate::model::recording::{CallRecording, Recorded, RecordingReason, RecordingState, file_of};

fn begun(call: CallRef, seconds: u64) -> CallRecording {
    CallRecording::begun(call, UserId(7), after(seconds))
}

fn whole(begun: &CallRecording) -> CallRecording {
    CallRecording {
        state: RecordingState::Whole,
        ended_at: Some(begun.began_at + std::time::Duration::from_secs(20)),
        length_ms: Some(20_000),
        bytes: Some(320_058),
        sha256: Some("ab".repeat(32)),
        dropped_frames: Some(1),
        ..begun.clone()
    }
}

fn inbound(id: i64) -> InboundEnd {
    InboundEnd {
        call: InboundId(id),
        queue: None,
        campaign: Some(key("spring")),
        did: "100".to_owned(),
        caller: Some(number("+8613800000009")),
        offered_at: NOW,
        connected_at: Some(after(5)),
        ended_at: after(60),
        agent: Some(UserId(8)),
        outcome: InboundOutcome::Answered,
    }
}

impl Rig {
    async fn recorded(&self, recording: CallRecording) {
        self.store.record_recordings(vec![recording]).await.unwrap();
    }

    async fn standing(&self, call: CallRef) -> RecordingRow {
        self.store.recording(call).await.unwrap().unwrap()
    }

    /// Calls of `spring`, whose recordings are: whole, cut off, off, failed, running, removed, lost.
    async fn of_every_kind(&mut self) -> Vec<CallRef> {
        let mut calls = Vec::new();
        for place in 0..7 {
            let (_, attempt) = self.dialling(&format!("+861380000010{place}")).await;
            let ended = AttemptEnd { connected_at: Some(after(2)), ..end(attempt, Disposition::NotRecorded, None) };
            self.store.end_attempt(ended).await.unwrap();
            calls.push(CallRef::Outbound(attempt));
        }
        let of = |place: usize| whole(&begun(calls[place], place as u64));
        let cut_off = CallRecording {
            state: RecordingState::CutOff,
            reason: Some(RecordingReason::Crash),
            dropped_frames: None,
            ..of(1)
        };
        let rows = vec![
            of(0),
            cut_off,
            of(2),
            begun(calls[3], 3).without(RecordingReason::DiskFull),
            begun(calls[4], 4),
            of(5),
            of(6),
        ];
        self.store.record_recordings(rows).await.unwrap();
        assert_eq!(self.store.recordings_removed(&calls[5..6], RecordingReason::Retention).await.unwrap(), 1);
        assert_eq!(self.store.recordings_removed(&calls[2..3], RecordingReason::Erasure).await.unwrap(), 1);
        self.store.recordings_seen(&calls[6..7], &[], after(90)).await.unwrap();
        calls
    }
}

#[tokio::test]
async fn a_recording_is_written_down_when_it_begins_and_when_it_ends_and_its_end_stays() {
    let mut rig = Rig::new().await;
    let (_, attempt) = rig.dialling("+8613800000001").await;
    let call = CallRef::Outbound(attempt);
    assert_eq!(rig.store.recording(call).await.unwrap(), None);
    let begins = begun(call, 3);
    rig.recorded(begins.clone()).await;
    let running = rig.standing(call).await;
    assert_eq!((&running.recording, &running.campaign, running.lost_at), (&begins, &Some(key("spring")), None));
    assert_eq!(rig.store.running_recordings().await.unwrap(), std::slice::from_ref(&running));
    let ends = whole(&begins);
    rig.recorded(ends.clone()).await;
    // What comes late, or comes twice, changes nothing.
    rig.recorded(begins.clone()).await;
    rig.recorded(begins.without(RecordingReason::Crash)).await;
    assert_eq!(rig.standing(call).await.recording, ends);
    assert_eq!(rig.store.running_recordings().await.unwrap(), []);
    let rig = rig.crash().await;
    assert_eq!(rig.standing(call).await.recording, ends);
}

#[tokio::test]
async fn a_callers_recording_learns_its_campaign_whichever_is_written_first() {
    let rig = Rig::new().await;
    let (first, second) = (CallRef::Inbound(InboundId(1)), CallRef::Inbound(InboundId(2)));
    rig.recorded(whole(&begun(first, 5))).await;
    assert_eq!(rig.standing(first).await.campaign, None);
    for id in [1, 2] {
        assert_eq!(rig.store.record(vec![Write::Inbound(Box::new(inbound(id)))]).await, [Ok(Receipt::Inbound)]);
    }
    rig.recorded(CallRecording { agent: None, ..whole(&begun(second, 6)) }).await;
    for call in [first, second] {
        assert_eq!(rig.standing(call).await.campaign, Some(key("spring")), "{call}");
    }
    assert_eq!(rig.standing(second).await.recording.agent, Some(UserId(8)), "the agent of the call");
}

#[tokio::test]
async fn a_caller_who_is_recorded_is_found_by_number_while_the_call_is_up_and_once_when_it_is_over() {
    let rig = Rig::new().await;
    let who = number("+8613800000009");
    let call = CallRef::Inbound(InboundId(1));
    let end = inbound(1);
    let caller = RecordedCaller {
        call: end.call,
        queue: end.queue.clone(),
        campaign: end.campaign.clone(),
        did: end.did.clone(),
        caller: end.caller.clone(),
        offered_at: end.offered_at,
        agent: UserId(7),
    };
    let says = async |write: Write| rig.store.record(vec![write]).await;
    let begins = Write::Caller(Box::new(caller.clone()));
    // A second agent may take the call over.
    let other = RecordedCaller { agent: UserId(9), ..caller.clone() };
    for write in [begins.clone(), Write::Caller(Box::new(other))] {
        assert_eq!(says(write).await, [Ok(Receipt::Inbound)]);
    }
    assert_eq!(rig.store.recorded_callers().await.unwrap(), [caller]);
    rig.recorded(begun(call, 5)).await;
    let found = async || {
        let rows = rig.store.recordings_of_number(&who).await.unwrap();
        rows.into_iter().map(|row| (row.recording.call, row.recording.state, row.campaign)).collect::<Vec<_>>()
    };
    assert_eq!(found().await, [(call, RecordingState::Running, Some(key("spring")))]);
    let history = rig.store.number_history(&who, 9).await.unwrap().inbound;
    let told: Vec<_> = history.iter().map(|one| (one.id, one.offered_at, one.ended_at, one.outcome)).collect();
    assert_eq!(told, [(InboundId(1), NOW, None, None)]);

    // Whatever comes late or twice, it is one call.
    for write in [Write::Inbound(Box::new(end.clone())), begins, Write::Inbound(Box::new(end.clone()))] {
        assert_eq!(says(write).await, [Ok(Receipt::Inbound)]);
    }
    rig.recorded(whole(&begun(call, 5))).await;
    assert_eq!(found().await, [(call, RecordingState::Whole, Some(key("spring")))]);
    let history = rig.store.number_history(&who, 9).await.unwrap().inbound;
    let told: Vec<_> = history.iter().map(|one| (one.id, one.ended_at, one.outcome)).collect();
    assert_eq!(told, [(InboundId(1), Some(end.ended_at), Some(InboundOutcome::Answered))]);
    assert_eq!(rig.store.recorded_callers().await.unwrap(), []);
}

#[tokio::test]
async fn where_no_recording_is_missing_or_none_was_made_no_attempt_is_read_to_say_so() {
    let rig = Rig::in_file(Options::default()).await;
    let mut conn = rig.store.reader().await.unwrap();
    for (name, statements, index) in [
        ("ROWS_MISSING", figures::behind::STATEMENTS, "recordings_missing_of_attempts (campaign=? AND called_at>? AND"),
        ("ROWS_RECORDED", figures::behind::STATEMENTS, "recordings_of_attempts (campaign=? AND called_at>? AND"),
        ("PAGE_OF_MISSING", recordings::STATEMENTS, "recordings_missing (began_at>? AND"),
    ] {
        let statement = statements.iter().find(|statement| statement.name == name).unwrap();
        let plan = conn.explain(*statement).await.unwrap();
        let first = plan.first().map(String::as_str).unwrap_or_default();
        assert!(first.starts_with("SEARCH r USING INDEX ") && first.contains(index), "{name}: {plan:?}");
        let reads_all = plan.iter().any(|step| step.starts_with("SCAN") || step.contains("TEMP B-TREE"));
        assert!(!reads_all, "{name}: {plan:?}");
    }
}

#[tokio::test]
async fn calls_are_found_by_their_recordings_the_same_way_everywhere() {
    let mut rig = Rig::new().await;
    let calls = rig.of_every_kind().await;
    let (_, unconnected) = rig.dialling("+8613800000002").await;
    rig.store.end_attempt(end(unconnected, Disposition::Busy, None)).await.unwrap();
    let expected = [
        (Recorded::Yes, vec![calls[1], calls[0]]),
        (Recorded::No, vec![calls[5], calls[4], calls[2]]),
        (Recorded::Missing, vec![calls[6], calls[3]]),
    ];
    for (recorded, expected) in &expected {
        for campaign in [None, Some(key("spring"))] {
            let filter = RecordingFilter { campaign, recorded: Some(*recorded), ..RecordingFilter::default() };
            let found = rig.store.recordings(&filter, None, 100).await.unwrap();
            assert!(found.iter().all(|row| row.recorded() == *recorded), "{found:?}");
            let found: Vec<CallRef> = found.iter().map(|row| row.recording.call).collect();
            assert_eq!(&found, expected, "{recorded:?}");
        }
        let behind = Behind {
            campaign: key("spring"),
            from: NOW,
            to: after(100),
            disposition: None,
            result: None,
            list: None,
            agent: None,
            stage: None,
            recorded: Some(*recorded),
        };
        let mut attempts = rig.store.attempts_behind(&behind, None, 100).await.unwrap();
        attempts.retain(|attempt| attempt.id != unconnected);
        let mut found: Vec<CallRef> = attempts.iter().map(|attempt| CallRef::Outbound(attempt.id)).collect();
        let mut expected = expected.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{recorded:?}");
        // Page by page they are the same, the latest first; what else is asked counts as well.
        let mut paged: Vec<AttemptRow> = Vec::new();
        loop {
            let last = paged.last().map(|attempt| AttemptCursor { at: attempt.at, id: attempt.id });
            let page = rig.store.attempts_behind(&behind, last, 1).await.unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert!(paged.is_sorted_by_key(|attempt| std::cmp::Reverse((attempt.at, attempt.id))), "{paged:?}");
        let without_the_other = paged.iter().filter(|attempt| attempt.id != unconnected);
        assert_eq!(without_the_other.count(), expected.len(), "{recorded:?}");
        let none = Behind { disposition: Some(Disposition::Machine), ..behind.clone() };
        assert_eq!(rig.store.attempts_behind(&none, None, 100).await.unwrap(), []);
        let later = Behind { from: after(3600), to: after(7200), ..behind };
        assert_eq!(rig.store.attempts_behind(&later, None, 100).await.unwrap(), []);
    }
    let nobody = RecordingFilter { campaign: Some(key("summer")), ..RecordingFilter::default() };
    assert_eq!(rig.store.recordings(&nobody, None, 100).await.unwrap(), []);
    let within = RecordingFilter { from: Some(after(2)), to: Some(after(4)), ..RecordingFilter::default() };
    let found = rig.store.recordings(&within, None, 100).await.unwrap();
    assert_eq!(found.iter().map(|row| row.recording.call).collect::<Vec<_>>(), [calls[3], calls[2]]);
    // Page by page it is the same list.
    let (all, mut paged) = (RecordingFilter::default(), Vec::new());
    loop {
        let after = paged.last().map(|row: &RecordingRow| (row.recording.began_at, row.recording.call));
        let page = rig.store.recordings(&all, after, 3).await.unwrap();
        paged.extend(page.iter().cloned());
        if page.len() < 3 {
            break;
        }
    }
    assert_eq!(paged, rig.store.recordings(&all, None, 100).await.unwrap());
    assert_eq!(paged.len(), calls.len());
}

#[tokio::test]
async fn a_search_tells_of_the_recording_and_can_ask_for_it() {
    let mut rig = Rig::new().await;
    let mut said = Vec::new();
    for (place, text) in ["+8613800000001", "+8613800000002"].into_iter().enumerate() {
        let (lead, attempt) = rig.dialling(text).await;
        rig.store.end_attempt(end(attempt, Disposition::NotRecorded, None)).await.unwrap();
        let note = CallResult { note: "needle".to_owned(), ..result(attempt, lead, 0, Disposition::Declined) };
        rig.store.record_result(CallResult { at: after(60 + place as u64), ..note }).await.unwrap();
        said.push(CallRef::Outbound(attempt));
    }
    rig.recorded(whole(&begun(said[0], 1))).await;
    let search = |recorded| Search {
        campaign: key("spring"),
        text: "needle".to_owned(),
        question: None,
        from: NOW,
        to: after(1000),
        recorded,
    };
    for (recorded, expected) in [
        (None, vec![said[1], said[0]]),
        (Some(Recorded::Yes), vec![said[0]]),
        (Some(Recorded::No), vec![said[1]]),
        (Some(Recorded::Missing), vec![]),
    ] {
        let page = rig.store.search_results(&search(recorded), None, 10).await.unwrap();
        assert_eq!(page.found.iter().map(Found::call).collect::<Vec<_>>(), expected, "{recorded:?}");
        for found in page.found {
            let length = found.recording.as_ref().and_then(|row| row.recording.length_ms);
            assert_eq!(length, (found.call() == said[0]).then_some(20_000));
        }
    }
    let page = CallPage { campaign: key("spring"), from: NOW, to: after(9), after: None, limit: 9 };
    let exported = rig.store.calls(&page).await.unwrap();
    let told: Vec<_> = exported.iter().map(|call| (call.recording_file.clone(), call.recording_ms)).collect();
    assert_eq!(told, [(Some(file_of(said[0])), Some(20_000)), (None, None)]);
}

#[tokio::test]
async fn what_was_removed_tells_that_there_was_one_and_goes_with_the_calls_that_are_forgotten() {
    let mut rig = Rig::new().await;
    let calls = rig.of_every_kind().await;
    let removed = rig.standing(calls[5]).await.recording;
    let kept = (removed.state, removed.reason, removed.length_ms, removed.began_at);
    assert_eq!(kept, (RecordingState::Removed, Some(RecordingReason::Retention), Some(20_000), after(5)));
    assert_eq!((removed.file, removed.sha256), (None, None));
    // Those with a file, the oldest first: a running one is not old.
    let old = rig.store.filed_recordings(after(50), None, 100).await.unwrap();
    assert_eq!(old.iter().map(|row| row.recording.call).collect::<Vec<_>>(), [calls[0], calls[1], calls[6]]);
    let of_number = rig.store.recordings_of_number(&number("+8613800000101")).await.unwrap();
    assert_eq!(of_number.iter().map(|row| row.recording.call).collect::<Vec<_>>(), [calls[1]]);
    rig.recorded(whole(&begun(CallRef::Inbound(InboundId(1)), 5))).await;
    rig.store.record(vec![Write::Inbound(Box::new(inbound(1)))]).await;
    assert_eq!(rig.store.recordings_of_number(&number("+8613800000009")).await.unwrap().len(), 1);
    // A file that is there again is no longer lost.
    rig.store.recordings_seen(&[], &calls, after(95)).await.unwrap();
    assert_eq!(rig.standing(calls[6]).await.lost_at, None);
    // Rows go when their calls do, but not while there is a file: nobody would know whose it is.
    rig.store.forget_calls(after(1000)).await.unwrap();
    let left = rig.store.recordings(&RecordingFilter::default(), None, 100).await.unwrap();
    assert!(left.iter().all(|row| row.recording.file.is_some()), "{left:?}");
    assert_eq!(left.len(), 5);
}
