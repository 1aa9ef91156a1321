//! What every installation for a measurement has: a queue with a group, a profile, and campaigns that offer nothing.

/// The queue and the group, as sections of the configuration. Agents do nothing but wait: the gate is open to whoever is idle.
pub(crate) const BLEND: &str = r#"[queues.service]
title = "Service"
service_level_target = 0.8
within_s = 10
wait_max_s = 600
waiting_max = 1000
priority = 50
hold_prompt = "hold"
greeting_prompt = "please-wait"
closed_prompt = "closed"
overflow_prompt = "overflow"

[groups.blend]
title = "Agents"
queues = ["service"]
outbound = true
idle_threshold = 0.1
hysteresis = 0.05
dwell_s = 0.0
reserve = 0
smoothing_s = 0.0
serve_first = "auto"
wrap_up_s = 0
"#;

/// The profile `load`.
pub(crate) fn profile(abandon_rate_max: f64, ring_min_s: u32) -> String {
    format!(
        r#"name = "load"
title = "Measurement: fictitious numbers only"
notice = "For measurements on one machine. Never for people."
sources = ["Written by the measurement."]
abandon_rate_max = {abandon_rate_max:?}
connect_deadline_s = 2.0
ring_min_s = {ring_min_s}
attempt_caps = [{{ max = 100, within_s = 86400 }}]
abandon_cool_off_s = 0
consent_required = false
information_message = "none"

[hours]
every-day = ["00:00-24:00"]
"#
    )
}

/// A campaign of the group under that profile; `pacing` are the lines of its section.
pub(crate) fn campaign(key: &str, caller_id: &str, abandon_rate_max: f64, pacing: &str) -> String {
    format!(
        r#"key = "{key}"
title = "Measurement"
group = "blend"
assignment = "longest_idle"
profile = "load"
caller_id = "{caller_id}"
trunks = ["carrier"]
ring_timeout_s = 30
wrap_up_s = 0
attempts_max = 100
abandon_rate_max = {abandon_rate_max:?}
detect_machines = false
information_message = "information"

[offer]
name = "Nothing"

[[results]]
key = "done"
title = "Done"
disposition = "declined"

[hours]
every-day = ["00:00-24:00"]

[pacing]
{pacing}
"#
    )
}
