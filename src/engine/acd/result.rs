//! Results that agents record: checked against the campaign, durable before they are acknowledged.
//!
//! A result can be recorded while talking, during wrap-up, and corrected as long as no further call has been finished.
//! A later one replaces an earlier one. Read [`Engine::record_result`] first.

use std::time::Duration;

use super::agent::{Desk, Recorded};
use super::desk::wrong_state;
use crate::engine::Engine;
use crate::engine::command::{Answer, Command, RequestRefusal};
use crate::engine::dialer::retry;
use crate::engine::event::RecordedOutcome;
use crate::engine::requests::{Pending, PendingResult};
use crate::engine::timers::Timer;
use crate::model::agent::AgentState;
use crate::model::attempt::{CallRef, CallResult};
use crate::model::campaign::{self, Campaign};
use crate::model::disposition::{Disposition, DispositionKind};
use crate::model::id::{RequestId, UserId};
use crate::model::lead::{Callback, LeadNext, SuppressionReason};
use crate::model::order::{AskedOrder, NewOrder};
use crate::model::promise::{self, PromiseFault};
use crate::model::time::Now;

/// Longest note, in characters: a page.
pub const NOTE_LENGTH_MAX: usize = 4000;
/// After the store refused a result whose wrap-up time is over, the agent has this long to try again.
pub const RECORD_AGAIN: Duration = Duration::from_secs(30);

impl Engine {
    /// Checks a result and sends it to the store; `Ok` means that the request will be answered when it is durable.
    pub(in crate::engine) fn record_result(
        &mut self,
        now: Now,
        request: RequestId,
        user: UserId,
        call: CallRef,
        outcome: RecordedOutcome,
    ) -> Result<(), RequestRefusal> {
        let Some(agent) = self.agents.get(&user) else { return Err(RequestRefusal::NotSignedIn) };
        let desk = match (&agent.desk, &agent.previous) {
            (Some(desk), _) if desk.call.call == call => desk,
            (_, Some(desk)) if desk.call.call == call => desk,
            (_, _) => return Err(RequestRefusal::NotYourCall),
        };
        if desk.connected.is_none() {
            return Err(wrong_state(&agent.state));
        }
        let campaign = desk.call.campaign.as_ref().and_then(|key| self.campaigns.get(key));
        let campaign = campaign.map(|board| board.campaign.clone());
        let disposition = meaning(campaign.as_deref(), &outcome)?;
        if let Some(campaign) = campaign.as_deref() {
            check_answers(campaign, disposition, &outcome)?;
        }
        let order = opened_order(campaign.as_deref(), disposition, outcome.order.as_ref())?;
        let callback = self.check_callback(now, campaign.as_deref(), desk, disposition, &outcome)?;
        if self.requests.is_full() {
            return Err(RequestRefusal::StoreDown);
        }
        let next = campaign.as_deref().filter(|_| desk.call.lead.is_some()).map(|campaign| match callback {
            Some(callback) => LeadNext::Callback(callback),
            None => retry::after_result(now.timestamp, campaign, &desk.customer, disposition),
        });
        let result = CallResult {
            request: Some(request),
            call,
            campaign: desk.call.campaign.clone(),
            lead: desk.call.lead,
            number: desk.call.number.clone(),
            agent: user,
            result: outcome.result,
            disposition,
            answers: outcome.answers.into_iter().filter(|(_, answer)| !answer.trim().is_empty()).collect(),
            note: outcome.note,
            at: now.timestamp,
            talk_ms: talk_ms(now, desk),
            wrap_up_ms: wrap_up_ms(now, desk),
            next,
            suppress: suppression(disposition),
            order,
        };
        let pending =
            PendingResult { user, call, disposition, replaces: desk.result, campaign: desk.call.campaign.clone() };
        self.requests.insert(request, Pending::Result(pending));
        self.desk_mut(user, call, |desk| {
            let again = match desk.recorded {
                Recorded::No => false,
                Recorded::Pending { again, .. } => again,
                Recorded::Yes => true,
            };
            desk.recorded = Recorded::Pending { request, again };
        });
        if let (Some(reason), Some(number)) = (result.suppress, result.number.clone()) {
            self.number_suppressed(now, &number, None, reason);
        }
        self.commands.push_back(Command::RecordResult { result });
        Ok(())
    }

    /// The store has answered a result.
    pub(in crate::engine) fn result_recorded(
        &mut self,
        now: Now,
        request: RequestId,
        result: &PendingResult,
        ok: bool,
    ) {
        let PendingResult { user, call, disposition, replaces, .. } = *result;
        self.desk_mut(user, call, |desk| {
            let Recorded::Pending { request: latest, again } = desk.recorded else { return };
            if ok {
                desk.result = Some(disposition);
                desk.call.recorded = true;
            }
            // An earlier request of the same call changes nothing while a later one is on its way.
            desk.recorded = match (latest == request, ok || again) {
                (true, true) => Recorded::Yes,
                (true, false) => Recorded::No,
                (false, durable) => Recorded::Pending { request: latest, again: durable },
            };
        });
        if ok {
            self.requests.now_replace(call, disposition);
            self.note_result(call, result.campaign.as_ref(), replaces, disposition);
        }
        self.touch_if_here(user);
        let answer = if ok { Answer::Done } else { Answer::Refused { why: RequestRefusal::StoreDown } };
        self.reply(request, answer);
        let Some(agent) = self.agents.get(&user) else { return };
        let AgentState::WrapUp { call: own, .. } = agent.state else { return };
        let recorded = agent.desk.as_ref().map(|desk| desk.recorded);
        if own != call {
            return;
        }
        match recorded {
            Some(Recorded::Yes) => self.finish_wrap_up(now, user),
            Some(Recorded::No) => self.give_time_to_record_again(now, user, call),
            Some(Recorded::Pending { .. }) | None => {}
        }
    }

    fn give_time_to_record_again(&mut self, now: Now, user: UserId, call: CallRef) {
        let timer = Timer::WrapUp { user };
        let earliest = now.later(RECORD_AGAIN);
        if self.timers.when(&timer).is_some_and(|at| at >= earliest.instant) {
            return;
        }
        self.timers.set(timer, earliest.instant);
        if let Some(agent) = self.agents.get_mut(&user) {
            agent.state = AgentState::WrapUp { call, until: earliest.timestamp };
        }
        self.touch(user);
    }

    /// Wrap-up ended and the agent said nothing: recorded by the dialer, so that the lead goes on.
    pub(in crate::engine) fn record_nothing_said(&mut self, now: Now, user: UserId, desk: &Desk) {
        let disposition = Disposition::NotRecorded;
        let campaign = desk.call.campaign.as_ref().and_then(|key| self.campaigns.get(key));
        let next = campaign
            .filter(|_| desk.call.lead.is_some())
            .map(|board| retry::after_result(now.timestamp, &board.campaign, &desk.customer, disposition));
        let result = CallResult {
            request: None,
            call: desk.call.call,
            campaign: desk.call.campaign.clone(),
            lead: desk.call.lead,
            number: desk.call.number.clone(),
            agent: user,
            result: disposition.as_str().to_owned(),
            disposition,
            answers: std::collections::BTreeMap::new(),
            note: String::new(),
            at: now.timestamp,
            talk_ms: talk_ms(now, desk),
            wrap_up_ms: wrap_up_ms(now, desk),
            next,
            suppress: None,
            order: None,
        };
        self.commands.push_back(Command::RecordResult { result });
    }

    fn check_callback(
        &self,
        now: Now,
        campaign: Option<&Campaign>,
        desk: &Desk,
        disposition: Disposition,
        outcome: &RecordedOutcome,
    ) -> Result<Option<Callback>, RequestRefusal> {
        let Some(callback) = outcome.callback.clone().filter(|_| !disposition.suppresses()) else {
            let needed = disposition == Disposition::Callback;
            return if needed { Err(RequestRefusal::CallbackRequired) } else { Ok(None) };
        };
        let (Some(campaign), Some(_)) = (campaign, desk.call.lead) else {
            return Err(RequestRefusal::NoLead { callback });
        };
        let profile = self.settings.profiles.get(&campaign.profile);
        promise::check(now.timestamp, callback.at, campaign, profile, &desk.customer.zones, desk.customer.numbers.kind)
            .map_err(|fault| match fault {
                PromiseFault::Past => RequestRefusal::OutOfRange {
                    field: "callback.at".to_owned(),
                    value: callback.at.to_string(),
                    expected: "a time in the future".to_owned(),
                },
                PromiseFault::OutsideWindow { next } => RequestRefusal::CallbackOutsideWindow { next },
            })?;
        Ok(Some(callback))
    }

    fn desk_mut(&mut self, user: UserId, call: CallRef, change: impl FnOnce(&mut Desk)) {
        let Some(agent) = self.agents.get_mut(&user) else { return };
        let desks = [agent.desk.as_mut(), agent.previous.as_mut()];
        if let Some(desk) = desks.into_iter().flatten().find(|desk| desk.call.call == call) {
            change(desk);
        }
    }

    fn touch_if_here(&mut self, user: UserId) {
        if self.agents.contains_key(&user) {
            self.touch(user);
        }
    }
}

/// What the chosen result means.
fn meaning(campaign: Option<&Campaign>, outcome: &RecordedOutcome) -> Result<Disposition, RequestRefusal> {
    let Some(campaign) = campaign else {
        let agents = Disposition::ALL.iter().copied().filter(|d| d.kind() == DispositionKind::Agent);
        let possible = agents.filter(|d| *d != Disposition::NotRecorded);
        return possible.clone().find(|d| d.as_str() == outcome.result).ok_or_else(|| RequestRefusal::UnknownResult {
            result: outcome.result.clone(),
            expected: possible.map(Disposition::as_str).collect::<Vec<_>>().join(", "),
        });
    };
    let Some(result) = campaign.results.iter().find(|result| result.key == outcome.result) else {
        let expected: Vec<&str> = campaign.results.iter().map(|result| result.key.as_str()).collect();
        return Err(RequestRefusal::UnknownResult { result: outcome.result.clone(), expected: expected.join(", ") });
    };
    if result.note_required && outcome.note.trim().is_empty() {
        return Err(RequestRefusal::NoteRequired);
    }
    Ok(result.disposition)
}

/// The order that a result opens: one that says accepted does, in a campaign that has something to order.
fn opened_order(
    campaign: Option<&Campaign>,
    disposition: Disposition,
    asked: Option<&AskedOrder>,
) -> Result<Option<NewOrder>, RequestRefusal> {
    let refused = |field: &str, problem: String| RequestRefusal::BadOrder { field: field.to_owned(), problem };
    let rules = campaign.and_then(|campaign| campaign.order.as_ref());
    match (rules, asked) {
        (Some(rules), asked) if disposition == Disposition::Accepted => {
            rules.order(asked).map(Some).map_err(|fault| refused(fault.field, fault.problem))
        }
        (_, None) => Ok(None),
        (None, Some(_)) => Err(refused("items", "this campaign has nothing to order".to_owned())),
        (Some(_), Some(_)) => {
            let problem = format!("the result means {disposition}; only one that means accepted opens an order");
            Err(refused("items", problem))
        }
    }
}

/// Whether required questions must have been answered: not when the customer cut the talk short.
fn needs_answers(disposition: Disposition) -> bool {
    matches!(disposition, Disposition::Accepted | Disposition::Considering | Disposition::Handled | Disposition::Other)
}

fn check_answers(
    campaign: &Campaign,
    disposition: Disposition,
    outcome: &RecordedOutcome,
) -> Result<(), RequestRefusal> {
    let bad = |question: &str, problem: String| RequestRefusal::BadAnswer { question: question.to_owned(), problem };
    if outcome.note.chars().count() > NOTE_LENGTH_MAX {
        return Err(bad("note", format!("longer than {NOTE_LENGTH_MAX} characters")));
    }
    for key in outcome.answers.keys() {
        if !campaign.questionnaire.iter().any(|question| question.key == *key) {
            return Err(bad(key, "the questionnaire has no such question".to_owned()));
        }
    }
    for question in &campaign.questionnaire {
        let answer = outcome.answers.get(&question.key).map(|answer| answer.trim()).unwrap_or_default();
        if answer.is_empty() {
            if question.required && needs_answers(disposition) {
                return Err(bad(&question.key, "must be answered for this result".to_owned()));
            }
            continue;
        }
        check_answer(&question.answer, answer).map_err(|problem| bad(&question.key, problem))?;
    }
    Ok(())
}

fn check_answer(kind: &campaign::Answer, answer: &str) -> Result<(), String> {
    match kind {
        campaign::Answer::Choice { options } if options.iter().any(|option| option == answer) => Ok(()),
        campaign::Answer::Choice { options } => {
            Err(format!("`{answer}` is not a choice; expected one of: {}", options.join(", ")))
        }
        campaign::Answer::Number { min, max } => {
            let number = answer.parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| format!("`{answer}` is not a number"))?;
            if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                let bound = |bound: Option<f64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
                return Err(format!("{answer} is out of range; expected {} to {}", bound(*min), bound(*max)));
            }
            Ok(())
        }
        campaign::Answer::Text { length_max } if answer.chars().count() > *length_max as usize => {
            Err(format!("longer than {length_max} characters"))
        }
        campaign::Answer::Text { .. } => Ok(()),
        campaign::Answer::Date => answer
            .parse::<jiff::civil::Date>()
            .map(|_| ())
            .map_err(|_| format!("`{answer}` is not a date; expected YYYY-MM-DD")),
    }
}

fn suppression(disposition: Disposition) -> Option<SuppressionReason> {
    match disposition {
        Disposition::DoNotCall => Some(SuppressionReason::DoNotCall),
        Disposition::Complaint => Some(SuppressionReason::Complaint),
        Disposition::Unwanted => Some(SuppressionReason::Unwanted),
        Disposition::Busy
        | Disposition::NoAnswer
        | Disposition::InvalidNumber
        | Disposition::Rejected
        | Disposition::Congestion
        | Disposition::TrunkFailure
        | Disposition::NotDialled
        | Disposition::Machine
        | Disposition::Fax
        | Disposition::Abandoned
        | Disposition::HungUp
        | Disposition::Cancelled
        | Disposition::Unknown
        | Disposition::Accepted
        | Disposition::Considering
        | Disposition::Declined
        | Disposition::Callback
        | Disposition::WrongPerson
        | Disposition::AgentMachine
        | Disposition::Disconnected
        | Disposition::Handled
        | Disposition::Other
        | Disposition::NotRecorded => None,
    }
}

/// From the connection to the end of the call, or to now.
fn talk_ms(now: Now, desk: &Desk) -> u64 {
    let Some(connected) = desk.connected else { return 0 };
    millis(desk.over.unwrap_or(now).instant.since(connected.instant))
}

/// From the end of the call to now.
fn wrap_up_ms(now: Now, desk: &Desk) -> u64 {
    desk.over.map_or(0, |over| millis(now.instant.since(over.instant)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
