//! What an agent records: a result of the campaign, valid answers, a note, a time for a callback.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use lull::model::campaign::{Answer, Campaign, Question};
use lull::model::disposition::Disposition;
use serde_json::{Value, json};

use crate::chance::Chance;

/// How often each disposition is what a talk comes to. Acceptance is about 15 %.
fn weight(disposition: Disposition) -> f64 {
    match disposition {
        Disposition::Accepted => 15.0,
        Disposition::Considering => 20.0,
        Disposition::Declined => 42.0,
        Disposition::Callback => 10.0,
        Disposition::WrongPerson => 6.0,
        Disposition::DoNotCall => 3.0,
        Disposition::Complaint => 0.5,
        Disposition::Other => 2.0,
        Disposition::Handled => 80.0,
        Disposition::Disconnected => 1.0,
        _ => 0.0, // the network's own, and what an agent says only of a machine
    }
}

/// What the agent says the call came to, as the API takes it.
///
/// `machine`: no person was heard. `callbacks`: whether a callback may be agreed.
pub fn outcome(
    campaign: Option<&Campaign>,
    machine: bool,
    callbacks: bool,
    now: Timestamp,
    chance: &mut Chance,
) -> Value {
    let Some(campaign) = campaign else {
        let plain = [Disposition::Handled, Disposition::Other, Disposition::Disconnected];
        let picked = chance.weighted(&plain.map(weight)).map_or(Disposition::Handled, |index| plain[index]);
        return json!({ "result": picked.as_str(), "answers": {}, "note": "caller's matter" });
    };
    let found = |wanted| campaign.results.iter().find(|result| result.disposition == wanted);
    let weights: Vec<f64> =
        campaign
            .results
            .iter()
            .map(|result| {
                if result.disposition == Disposition::Callback && !callbacks { 0.0 } else { weight(result.disposition) }
            })
            .collect();
    let by_weight = || campaign.results.get(chance_index(chance, &weights));
    let machine =
        if machine { found(Disposition::AgentMachine).or_else(|| found(Disposition::WrongPerson)) } else { None };
    let Some(result) = machine.or_else(by_weight) else {
        return json!({ "result": "other", "note": "no result fits" });
    };
    let mut recorded = json!({
        "result": result.key,
        "answers": answers(&campaign.questionnaire, now, chance),
        "note": if result.note_required || chance.happens(0.2) { "as agreed on the phone" } else { "" },
    });
    if result.disposition == Disposition::Callback {
        let minutes = chance.between(5.0, 90.0) as i64;
        let at = now.checked_add(minutes.minutes()).unwrap_or(now);
        recorded["callback"] = json!({ "at": at.as_millisecond(), "personal": chance.happens(0.3) });
    }
    recorded
}

fn chance_index(chance: &mut Chance, weights: &[f64]) -> usize {
    chance.weighted(weights).unwrap_or(0)
}

/// Answers that fit their questions. Questions that need not be answered are answered as a rule.
pub fn answers(questions: &[Question], now: Timestamp, chance: &mut Chance) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for question in questions {
        if question.required || chance.happens(0.7) {
            answers.insert(question.key.clone(), answer(&question.answer, now, chance));
        }
    }
    answers
}

fn answer(kind: &Answer, now: Timestamp, chance: &mut Chance) -> String {
    match kind {
        Answer::Choice { options } if options.is_empty() => String::new(),
        Answer::Choice { options } => chance.pick(options).clone(),
        Answer::Number { min, max } => {
            let low = min.unwrap_or(0.0).ceil();
            let high = max.unwrap_or(low + 9.0).floor();
            // Between two fractions there may be no whole number: then the smallest allowed.
            if high < low {
                min.unwrap_or(0.0).to_string()
            } else {
                chance.between(low, high + 1.0).floor().min(high).to_string()
            }
        }
        Answer::Text { length_max } => "幸福路 12 号".chars().take(*length_max as usize).collect(),
        Answer::Date => {
            let days = 1 + chance.below(14) as i64;
            let day = now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(days.days());
            day.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign() -> Campaign {
        let text = include_str!("../../../campaigns/family-plan.toml");
        lull::model::campaign_file::read("family-plan.toml", text, None).unwrap()
    }

    #[test]
    fn every_required_question_is_answered_within_its_bounds() {
        let campaign = campaign();
        for seed in 0..200 {
            let answers = answers(&campaign.questionnaire, Timestamp::UNIX_EPOCH, &mut Chance::of(seed, "answers"));
            for question in &campaign.questionnaire {
                let answer = answers.get(&question.key);
                assert!(answer.is_some() || !question.required, "{} is missing", question.key);
                let Some(answer) = answer else { continue };
                let fits = match &question.answer {
                    Answer::Choice { options } => options.contains(answer),
                    Answer::Number { min, max } => {
                        let number: f64 = answer.parse().unwrap();
                        min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
                    }
                    Answer::Text { length_max } => answer.chars().count() <= *length_max as usize,
                    Answer::Date => answer.len() == 10 && answer.starts_with("1970-01-"),
                };
                assert!(fits, "{}: {answer}", question.key);
            }
        }
    }

    #[test]
    fn about_one_in_seven_accepts_and_a_callback_has_its_time() {
        let campaign = campaign();
        let mut accepted = 0;
        for seed in 0..2000 {
            let mut chance = Chance::of(seed, "outcome");
            let recorded = outcome(Some(&campaign), false, true, Timestamp::UNIX_EPOCH, &mut chance);
            let result = campaign.results.iter().find(|r| recorded["result"] == r.key.as_str()).unwrap();
            accepted += usize::from(result.disposition == Disposition::Accepted);
            assert_eq!(result.disposition == Disposition::Callback, recorded["callback"]["at"].is_i64());
            assert!(!result.note_required || recorded["note"] != "");
        }
        assert!((240..380).contains(&accepted), "{accepted}");
    }

    #[test]
    fn without_callbacks_none_is_agreed() {
        let campaign = campaign();
        for seed in 0..300 {
            let mut chance = Chance::of(seed, "outcome");
            let recorded = outcome(Some(&campaign), false, false, Timestamp::UNIX_EPOCH, &mut chance);
            assert!(recorded.get("callback").is_none());
        }
    }
}
