//! An agent at work, through the API as the browser does it.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Api, Reply};
use super::until;

/// An agent who is signed in.
#[derive(Debug)]
pub struct Desk {
    api: Api,
    session: Value,
}

impl Desk {
    /// Signs in; the phone is rung.
    #[track_caller]
    pub fn sign_in(api: Api) -> Desk {
        let answer = api.post("/api/v1/desk/sign-in", &json!({})).good();
        Desk { api, session: answer["session"].clone() }
    }

    /// Does something.
    #[track_caller]
    pub fn act(&self, action: &Value) -> Reply {
        self.api.post("/api/v1/desk/act", &json!({ "session": self.session, "action": action }))
    }

    /// Becomes ready as soon as the phone is connected. With a lead due, the call may be there at once.
    #[track_caller]
    pub fn ready(&self) {
        until("the phone is connected", Duration::from_secs(25), || (self.state() != "connecting").then_some(()));
        self.act(&json!({ "action": "ready" })).good();
    }

    /// Pauses.
    #[track_caller]
    pub fn pause(&self) {
        self.act(&json!({ "action": "not_ready", "reason": "break" })).good();
    }

    /// Ends the customer's call.
    #[track_caller]
    pub fn hang_up(&self) {
        self.act(&json!({ "action": "hang_up" })).good();
    }

    /// Records a result of the call at hand.
    #[track_caller]
    pub fn record(&self, call: &Value, result: &str, note: &str) -> Reply {
        let outcome = json!({ "result": result, "answers": {}, "note": note });
        self.act(&json!({ "action": "record", "call": call, "outcome": outcome }))
    }

    /// What is on the screen.
    #[track_caller]
    pub fn screen(&self) -> Value {
        self.api.get("/api/v1/desk").good()
    }

    /// What the agent is doing.
    #[track_caller]
    pub fn state(&self) -> String {
        self.screen()["view"]["state"].as_str().unwrap_or("signed out").to_owned()
    }

    /// Waits for a state; gives the screen.
    #[track_caller]
    pub fn until_state(&self, state: &str) -> Value {
        until(&format!("the agent is `{state}`"), Duration::from_secs(25), || {
            let screen = self.screen();
            (screen["view"]["state"] == state).then_some(screen)
        })
    }
}
