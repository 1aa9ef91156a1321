//! What a gateway's provider tells by HTTP: checked, read, and taken in the way of all gateways. It is told whether or not
//! messages can be sent just then.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::line::{FACTS_AT_ONCE, Line, told};
use crate::config::{GatewayProtocol, HttpCallback};
use crate::runtime::handle::{Call, CallOfGateway, Called};
use crate::sms::Fact;

/// Calls of one provider that are under way at once. More wait.
const CALLS_AT_ONCE: usize = 16;

/// Answers calls until told to stop; what is under way is then finished.
pub(super) async fn answer(line: Arc<Line>, mut calls: mpsc::Receiver<CallOfGateway>, mut stop: watch::Receiver<bool>) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = under_way.join_next() => {}
            next = calls.recv(), if under_way.len() < CALLS_AT_ONCE => {
                let Some((call, reply)) = next else { break };
                let line = Arc::clone(&line);
                under_way.spawn(async move {
                    let called = line.called(&call).await;
                    // Whoever asked may have stopped waiting; it asks again.
                    drop(reply.send(called));
                });
            }
        }
    }
    while under_way.join_next().await.is_some() {}
}

impl Line {
    /// What became of a call: of what was understood, all is durable.
    async fn called(self: &Arc<Line>, call: &Call) -> Called {
        let Some(HttpCallback { rules, password }) = self.callback() else {
            return Called::Forged("the gateway takes no calls".to_owned());
        };
        if let Err(why) = rules.check(password.reveal(), call, self.tools.clock.now().timestamp) {
            return Called::Forged(why);
        }
        let read = rules.read(call);
        if !self.take_all(read.facts).await {
            return Called::NotKept;
        }
        match read.wrong.is_empty() {
            true => Called::Taken(rules.answer.clone()),
            false => Called::Unreadable(read.wrong),
        }
    }

    fn callback(&self) -> Option<&HttpCallback> {
        match &self.settings.protocol {
            GatewayProtocol::Http(gateway) => gateway.callback.as_ref(),
            GatewayProtocol::Smpp(_) => None,
        }
    }

    /// Whether all of it is durable.
    async fn take_all(self: &Arc<Line>, facts: Vec<Fact>) -> bool {
        let mut facts = facts.into_iter();
        let mut taking = JoinSet::new();
        let mut all = true;
        loop {
            while taking.len() < FACTS_AT_ONCE
                && let Some(fact) = facts.next()
            {
                let line = Arc::clone(self);
                taking.spawn(async move { line.take(fact).await });
            }
            match taking.join_next().await {
                Some(taken) => all &= taken.unwrap_or(false),
                None => return all,
            }
        }
    }
}
