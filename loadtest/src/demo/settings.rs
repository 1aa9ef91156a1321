//! The files of the demo: configuration, profile, campaigns, lists, and what the parts of the world are told.

use std::fmt::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use toml::{Table, Value};

use super::phones;
use super::plan::{ATTEMPTS_MAX, HOURS, LIST, OUTREACH, Plan, REACHING};
use super::{DemoError, io};

/// Name of the agent group.
pub const GROUP: &str = "blend";
/// Name of the trunk.
pub const TRUNK: &str = "carrier";
/// Name of the compliance profile.
pub const PROFILE: &str = "demo";

/// Writes all files.
///
/// # Errors
/// The folder cannot be written, or a shipped campaign cannot be read.
pub fn write(plan: &Plan) -> Result<(), DemoError> {
    put(plan, "lull.toml", &configuration(plan))?;
    put(plan, "profiles/demo.toml", &profile())?;
    for campaign in &plan.campaigns {
        put(plan, &format!("campaigns/{}.toml", campaign.key), &campaign_text(campaign)?)?;
        put(plan, &format!("lists/{}.csv", campaign.key), &campaign.list.csv)?;
    }
    put(plan, "carrier.json", &serde_json::to_string(&plan.carrier_setup).unwrap_or_default())?;
    put(plan, "agents.json", &serde_json::to_string(&plan.agents_setup).unwrap_or_default())
}

/// Only the owner may read: there are passwords in some of them.
fn put(plan: &Plan, name: &str, text: &str) -> Result<(), DemoError> {
    let path = plan.folder.join(name);
    let what = || format!("writing {}", path.display());
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(io(what()))?;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(io(what()))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(io(what()))
}

fn configuration(plan: &Plan) -> String {
    let Plan { http, sip, carrier, zone, channels, .. } = plan;
    let (rtp_min, rtp_max) = plan.rtp;
    let login = plan.carrier_setup.account.as_ref().map_or(String::new(), |account| {
        format!("username = \"{}\"\npassword = \"{}\"\n", account.username, account.password)
    });
    let mut text = format!(
        r#"# Written by the demo; what it does not say is as in the default file.
[installation]
title = "Lull demo"
zone = "{zone}"
region = "US"

[data]
profiles = "profiles"

[http]
listen = "{http}"
landing_url = "http://{http}"

[gateways.phones]
target = "{smsc}"
system_id = "{smsc_login}"
password = "{smsc_password}"
senders = ["{ours}"]
per_second = 20.0

[access]
logins_per_minute = 60

[sip]
listeners = [{{ transport = "udp", address = "{sip}" }}, {{ transport = "tcp", address = "{sip}" }}]
domain = "lull.demo"
phone_networks = ["127.0.0.0/8"]

[rtp]
address = "{sip_ip}"
port_min = {rtp_min}
port_max = {rtp_max}
allow_loopback = true

[trunks.{TRUNK}]
targets = ["{carrier}"]
{login}channels_max = {channels}
calls_per_second = 10.0
keep_alive_s = 10
codecs = ["pcmu", "pcma"]
allowed_prefixes = ["+1"]

[queues.service]
title = "客户服务 · Customer service"
service_level_target = 0.8
within_s = 10
wait_max_s = 120
waiting_max = 60
priority = 50
hold_prompt = "hold"
greeting_prompt = "please-wait"
closed_prompt = "closed"
overflow_prompt = "overflow"

[queues.orders]
title = "业务办理 · Orders"
service_level_target = 0.8
within_s = 10
wait_max_s = 120
waiting_max = 60
priority = 60
hold_prompt = "hold"
greeting_prompt = "please-wait"
closed_prompt = "closed"
overflow_prompt = "overflow"

[groups.{GROUP}]
title = "联动坐席 · Blended agents"
queues = ["orders", "service"]
outbound = true
idle_threshold = 0.6
hysteresis = 0.15
dwell_s = 4.0
reserve = 6
smoothing_s = 8.0
serve_first = "auto"
wrap_up_s = 20

[numbers]
"{service}" = {{ queue = "service" }}
"{orders}" = {{ queue = "orders" }}
"#,
        sip_ip = sip.ip(),
        smsc = plan.smsc,
        smsc_login = phones::SYSTEM_ID,
        smsc_password = phones::PASSWORD,
        ours = phones::OURS,
        service = crate::numbers::centre(0),
        orders = crate::numbers::centre(1),
    );
    for campaign in &plan.campaigns {
        let _ =
            writeln!(text, "\"{}\" = {{ campaign = \"{}\", queue = \"service\" }}", campaign.caller_id, campaign.key);
    }
    for (_, agent) in &plan.agents {
        let _ = write!(text, "\n[phones.{}]\npassword = \"{}\"\n", agent.phone, agent.phone_password);
    }
    text
}

/// A profile for numbers that nobody has: hours and deadlines as strict as the shipped ones, and no consent, because
/// there is nobody to give it.
fn profile() -> String {
    let (from, to) = HOURS;
    format!(
        r#"name = "{PROFILE}"
title = "Demo: fictitious numbers only"
notice = "For numbers reserved for fiction. Verify with counsel before real people are called under any profile."
sources = ["Written by the demo."]
abandon_rate_max = 0.03
connect_deadline_s = 2.0
ring_min_s = 15
attempt_caps = [{{ max = {ATTEMPTS_MAX}, within_s = 86400 }}]
abandon_cool_off_s = 86400
consent_required = false
information_message = "Who called and the number to call back."

[hours]
every-day = ["{from:02}:00-{to:02}:00"]
"#
    )
}

/// A shipped campaign with the demo's group, trunk and caller ID, open all day, and with retries within minutes.
fn campaign_text(campaign: &super::plan::Campaign) -> Result<String, DemoError> {
    let unreadable = || DemoError::Campaign(campaign.key);
    let mut table: Table = campaign.shipped.parse().map_err(|_| unreadable())?;
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("group", GROUP.into());
    set("profile", PROFILE.into());
    set("trunks", vec![TRUNK].into());
    set("caller_id", campaign.caller_id.clone().into());
    // All three are to be seen at work; with the shipped priorities the first would take every slot.
    set("priority", 50.into());
    set("ring_timeout_s", 25.into());
    set("attempts_max", i64::from(ATTEMPTS_MAX).into());
    set("wrap_up_s", 25.into());
    let (from, to) = HOURS;
    let hours: Table = format!("every-day = [\"{from:02}:00-{to:02}:00\"]").parse().map_err(|_| unreadable())?;
    set("hours", hours.into());
    for (disposition, after_s) in
        [("busy", 90), ("no_answer", 240), ("cancelled", 60), ("congestion", 30), ("machine", 600)]
    {
        let rule = Table::from_iter([("after_s".into(), after_s.into()), ("attempts_max".into(), 2.into())]);
        table
            .entry("retry")
            .or_insert_with(|| Table::new().into())
            .as_table_mut()
            .ok_or_else(unreadable)?
            .insert(disposition.to_owned(), rule.into());
    }
    if campaign.key == REACHING {
        let reaching: Table = reaching().parse().map_err(|_| unreadable())?;
        table.extend(reaching);
    }
    toml::to_string_pretty(&table).map_err(|_| unreadable())
}

/// Everybody on the list is written to, and who answers is called.
fn reaching() -> String {
    format!(
        r#"[leads]
after_reply = ["{LIST}"]

[outreach.{OUTREACH}]
list = "{LIST}"
per_minute = 240
language = "zh"

[outreach.{OUTREACH}.variants.short.text]
zh = "【Lull】{{name|您好}}，家庭共享套餐首月半价，回复1我们给您打电话，拒收请回复R"

[outreach.{OUTREACH}.variants.page.text]
zh = "【Lull】{{name|您好}}，家庭共享套餐首月半价：{{link}} 或回复1，拒收请回复R"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn campaigns_and_profile_are_read_without_complaint() {
        let home = tempfile::tempdir().unwrap();
        let options = <crate::demo::tests::Cli as clap::Parser>::parse_from(["x"]).options;
        let plan = Plan::make(&options, home.path()).await.unwrap();
        write(&plan).unwrap();
        let profile = profile();
        assert!(lull::model::profile_file::read("demo.toml", &profile).is_ok());
        for campaign in &plan.campaigns {
            let text = std::fs::read_to_string(home.path().join(format!("campaigns/{}.toml", campaign.key))).unwrap();
            let read = lull::model::campaign_file::read(campaign.key, &text, None);
            assert_eq!(read.unwrap().key.as_str(), campaign.key);
        }
    }
}
