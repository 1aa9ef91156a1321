//! The messages of RFC 4475, as a carrier sends them, and a service that answers the next one after each.
//!
//! The outcomes are those a user agent on a trunk gives: a REGISTER is answered 405, a call to a number that is not ours
//! 404. The messages lie in the data folder beside the project; where
//! it is missing, the test says so and passes.

use std::path::Path;
use std::time::Duration;

use crate::rig::{CARRIER, Centre, Plan, SOON, Stranger};

/// What must come back.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// A final response with one of these.
    Answer(&'static [u16]),
    /// It is understood: a final response that is no complaint about its syntax.
    Understood,
    /// No datagram.
    Silence,
    /// Whatever it is, the service goes on.
    GoesOn,
}

use Outcome::{Answer, GoesOn, Silence, Understood};

const MESSAGES: &[(&str, Outcome)] = &[
    // First, because another message has its branch and the method of its CSeq: it would be taken for a repetition.
    ("mismatch01", Answer(&[400])),
    ("wsinv", Understood),
    ("intmeth", Answer(&[405, 501])),
    ("esc01", Understood),
    ("escnull", Answer(&[405])),
    ("esc02", Answer(&[405, 501])),
    ("lwsdisp", Answer(&[200])),
    ("longreq", Understood),
    ("dblreq", Answer(&[405])),
    ("semiuri", Answer(&[200])),
    ("transports", Answer(&[200])),
    ("mpart01", Answer(&[405, 415])),
    ("unreason", Silence),
    ("noreason", Silence),
    ("badinv01", Answer(&[400])),
    ("clerr", Answer(&[400])),
    ("ncl", Answer(&[400])),
    ("scalar02", Answer(&[400])),
    ("scalarlg", Silence),
    ("quotbal", Answer(&[400])),
    ("ltgtruri", Answer(&[400])),
    ("lwsruri", Answer(&[400])),
    ("lwsstart", Answer(&[400])),
    ("trws", Answer(&[200, 400])),
    ("escruri", Answer(&[400])),
    ("baddate", GoesOn),
    ("regbadct", Answer(&[400, 405])),
    ("badaspec", Answer(&[400])),
    ("baddn", Answer(&[200, 400])),
    ("badvers", Answer(&[505])),
    ("mismatch02", Answer(&[400, 501])),
    ("bigcode", Silence),
    ("badbranch", GoesOn),
    ("insuf", Answer(&[400])),
    ("unkscm", Answer(&[416])),
    ("novelsc", Answer(&[416])),
    ("unksm2", Answer(&[400, 405])),
    ("bext01", Answer(&[420])),
    ("invut", Answer(&[415])),
    ("regaut01", Answer(&[405])),
    ("multi01", Answer(&[400])),
    ("mcl01", Answer(&[400])),
    ("bcast", Silence),
    ("zeromf", Answer(&[200])),
    ("cparam01", Answer(&[405])),
    ("cparam02", Answer(&[405])),
    ("regescrt", Answer(&[405])),
    ("sdp01", Answer(&[406])),
    ("inv2543", Understood),
];

#[test]
fn every_message_of_rfc_4475_has_its_outcome_and_none_stops_the_service() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/rfc4475");
    if !folder.is_dir() {
        eprintln!("skipped: {} is missing", folder.display());
        return;
    }
    let centre = Centre::running(Plan { agents: 0, ..Plan::default() });
    let mut wrong = Vec::new();
    for (name, outcome) in MESSAGES {
        let file = |kind: &str| folder.join(kind).join(format!("{name}.dat"));
        let message =
            std::fs::read(file("valid")).or_else(|_| std::fs::read(file("invalid"))).expect("the message is there");
        // A socket of its own for each: what is repeated for one is not taken for an answer to another.
        let carrier = Stranger::at(CARRIER, centre.sip_port);
        carrier.say(&message);
        carrier.say(carrier.request("OPTIONS", "ping", &format!("after-{name}")).as_bytes());
        let mut statuses = Vec::new();
        loop {
            let heard = carrier.hears(SOON).unwrap_or_else(|| panic!("{name} stopped the service"));
            if heard.contains(&format!("after-{name}")) {
                assert!(heard.starts_with("SIP/2.0 200"), "{name}: {heard}");
                break;
            }
            statuses.push(status(&heard));
        }
        // What takes a look into the database is answered later than a question.
        let patience = if matches!(outcome, Silence | GoesOn) { 50 } else { 500 };
        while !statuses.iter().any(|status| *status >= 200)
            && let Some(heard) = carrier.hears(Duration::from_millis(patience))
        {
            statuses.push(status(&heard));
        }
        let last = statuses.iter().copied().find(|status| *status >= 200);
        let is_so = match outcome {
            Answer(expected) => last.is_some_and(|status| expected.contains(&status)),
            Understood => last.is_some_and(|status| status != 400),
            Silence => statuses.is_empty(),
            GoesOn => true,
        };
        if !is_so {
            wrong.push(format!("{name}: {statuses:?}, expected {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn status(message: &str) -> u16 {
    message.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
