//! Whether the SMS gateways can be reached, and whether they let us in. No message is sent.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::doctor::Finding;
use crate::config::{Config, Gateway, GatewayProtocol};
use crate::model::name::GatewayName;
use crate::runtime::messages::connect;
use crate::sms::http::callback::Proof;

/// A gateway that answers later would fail people's patience as well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at every gateway. `running`: the service is up, and holds the bind that a provider may allow once only.
pub(super) fn examine(config: &Config, running: bool) -> io::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut findings = Vec::new();
    for (name, gateway) in &config.gateways {
        let subject = format!("gateway {name}");
        findings.push(match &gateway.protocol {
            GatewayProtocol::Smpp(_) if running => {
                let says = "the running service is bound to it, or tries to: `GET /api/v1/gateways` says how it stands";
                Finding::ok("gateway_in_use", &subject, says)
            }
            GatewayProtocol::Smpp(_) | GatewayProtocol::Http(_) => runtime.block_on(reach(&subject, gateway)),
        });
        findings.extend(callback(&subject, name, gateway, config.http.public_url.as_deref()));
    }
    Ok(findings)
}

async fn reach(subject: &str, gateway: &Gateway) -> Finding {
    let slow = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
    let connected = timeout(PATIENCE, connect(gateway)).await.unwrap_or_else(|_| slow());
    let (session, _facts) = match connected {
        Ok(connected) => connected,
        Err(why) => {
            let advice = match &gateway.protocol {
                GatewayProtocol::Smpp(_) => {
                    "check address and port, system_id and password, and with the provider whether it lets this machine in"
                }
                GatewayProtocol::Http(_) => "check the address, and the firewall in between",
            };
            return Finding::error("gateway_unreachable", subject, why, advice);
        }
    };
    session.end().await;
    match &gateway.protocol {
        GatewayProtocol::Smpp(smpp) => {
            Finding::ok("gateway", subject, format!("it took the bind of `{}`", smpp.system_id))
        }
        GatewayProtocol::Http(http) if http.settings.target.tls => Finding::ok(
            "gateway",
            subject,
            format!("it can be reached, and proves that it is {}", http.settings.target.host),
        ),
        GatewayProtocol::Http(_) => Finding::ok("gateway", subject, "it can be reached, without encryption"),
    }
}

/// What it may tell on its own.
fn callback(subject: &str, name: &GatewayName, gateway: &Gateway, public_url: Option<&str>) -> Option<Finding> {
    let GatewayProtocol::Http(http) = &gateway.protocol else { return None };
    let Some(callback) = &http.callback else {
        let says = "no receipt is known, and nothing that customers send, also no STOP";
        let advice = format!("add [gateways.{name}.callback], and give the provider its address: docs/messages.md");
        return Some(Finding::warning("gateway_without_callback", subject, says, advice));
    };
    let own = public_url.unwrap_or("https://…").trim_end_matches('/');
    let place = format!("{own}/api/v1/gateways/{name}/callback");
    Some(match callback.rules.proof {
        Proof::Signature(_) => {
            Finding::ok("gateway_callback", subject, format!("its provider tells at {place}, signed"))
        }
        Proof::Address => {
            let says = format!(
                "its provider tells at {place}/PASSWORD: whoever reads a secret in the address, in the log of a proxy, can tell us anything"
            );
            let advice = "have the provider sign if it can (proof = \"signature\"), or name its networks";
            match callback.rules.networks.is_empty() {
                true => Finding::warning("gateway_callback_address", subject, says, advice),
                false => Finding::ok("gateway_callback", subject, format!("its provider tells at {place}/PASSWORD")),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::doctor::Level;
    use crate::config::{Sources, load};

    #[test]
    fn gateways_that_cannot_be_reached_and_those_that_hear_nothing_are_told_with_advice() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lull.toml");
        // Nothing listens at the port of discarded things.
        let text = r#"
            [gateways.api]
            protocol = "http"
            url = "http://127.0.0.1:9/?to={to}&text={text}"
            method = "GET"
            senders = ["10"]
            [gateways.smsc]
            target = "127.0.0.1:9"
            system_id = "lull"
            password = "x"
            senders = ["10"]
        "#;
        std::fs::write(&file, text).unwrap();
        let config = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_or_else(|e| panic!("{e}"));
        let codes = |running| -> Vec<(Level, String)> {
            examine(&config, running).unwrap().into_iter().map(|finding| (finding.level, finding.code)).collect()
        };
        let unreachable = (Level::Error, "gateway_unreachable".to_owned());
        let deaf = (Level::Warning, "gateway_without_callback".to_owned());
        assert_eq!(codes(false), [unreachable.clone(), deaf.clone(), unreachable.clone()]);
        let in_use = (Level::Ok, "gateway_in_use".to_owned());
        assert_eq!(codes(true), [unreachable, deaf, in_use]);
    }
}
