//! What SIPp does in a call: scenarios as its XML, put together from the steps they share.

use super::{CARRIER, Ear};

const HEAD: &str = r#"<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="lull">
"#;

fn scenario(steps: &[&str]) -> String {
    format!("{HEAD}{}</scenario>\n", steps.concat())
}

/// Takes an INVITE and remembers its CSeq, which a CANCEL would hide.
const INVITE: &str = r#"<recv request="INVITE" timeout="90000"><action>
  <ereg regexp="[0-9]+ INVITE" search_in="hdr" header="CSeq:" assign_to="invited"/>
</action></recv>
"#;

/// A provisional or final response to the INVITE without a body.
fn respond(line: &str, more: &str) -> String {
    format!(
        r#"<send><![CDATA[
SIP/2.0 {line}
[last_Via:]
[last_From:]
[last_To:];tag=[pid]S[call_number]
[last_Call-ID:]
CSeq: [$invited]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
{more}Content-Length: 0

]]></send>
"#
    )
}

/// `200 OK` with the description of an ear.
fn accept(ear: &Ear, payload_type: u8) -> String {
    let port = ear.port;
    let law = if payload_type == 8 { "PCMA" } else { "PCMU" };
    format!(
        r#"<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]S[call_number]
[last_Call-ID:]
CSeq: [$invited]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=customer 1 1 IN IP4 {CARRIER}
s=-
c=IN IP4 {CARRIER}
t=0 0
m=audio {port} RTP/AVP {payload_type}
a=rtpmap:{payload_type} {law}/8000
]]></send>
"#
    )
}

/// Waits for the service's BYE and answers it.
const HUNG_UP_ON: &str = r#"<recv request="BYE" timeout="60000"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<pause milliseconds="50"/>
"#;

/// Takes a CANCEL and answers it.
const CANCELLED: &str = r#"<recv request="CANCEL" timeout="60000"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]S[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"#;

const ACK: &str = "<recv request=\"ACK\" timeout=\"40000\"/>\n";

fn pause(ms: u32) -> String {
    format!("<pause milliseconds=\"{ms}\"/>\n")
}

fn ringing() -> String {
    respond("180 Ringing", "")
}

/// A customer who answers after ringing, and talks until the service hangs up.
pub fn answers(ear: &Ear, payload_type: u8, ring_ms: u32) -> String {
    scenario(&[INVITE, &ringing(), &pause(ring_ms), &accept(ear, payload_type), ACK, HUNG_UP_ON])
}

/// A customer who answers and hangs up after a while.
pub fn answers_and_leaves(ear: &Ear, talk_ms: u32) -> String {
    let parties = "<ereg regexp=\"&lt;.*\" search_in=\"hdr\" header=\"From:\" assign_to=\"caller\"/>\n\
                   <ereg regexp=\"&lt;.*\" search_in=\"hdr\" header=\"To:\" assign_to=\"callee\"/>\n</action>";
    let invite = INVITE.replace("</action>", parties).replacen("timeout", "rrs=\"true\" timeout", 1);
    scenario(&[&invite, &ringing(), &accept(ear, 0), ACK, &pause(talk_ms), BYE])
}

/// Our BYE in a call that the service placed: From and To change places.
const BYE: &str = r#"<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: [$callee];tag=[pid]S[call_number]
To: [$caller]
Call-ID: [call_id]
CSeq: 7 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" timeout="20000"/>
"#;

/// Refuses: the last three digits of the number are the status, one of these. `more` are further headers of the refusal.
pub fn refuses_with_the_status_of_the_number(statuses: &[u16], more: &str) -> String {
    let is = |status: &u16| {
        format!("<ereg regexp=\"{status}@\" search_in=\"hdr\" header=\"To:\" assign_to=\"is{status}\"/>\n")
    };
    let looks: String = statuses.iter().map(is).collect();
    let invite = INVITE.replace("</action>", &format!("{looks}</action>"));
    let turn = |status: &u16| format!("<nop next=\"say{status}\" test=\"is{status}\"/>\n");
    let turns: String = statuses.iter().map(turn).collect();
    let refuse = |status: &u16| {
        let refusal = respond(&format!("{status} Refused"), more);
        format!("<label id=\"say{status}\"/>\n{refusal}<recv request=\"ACK\" next=\"end\"/>\n")
    };
    let refusals: String = statuses.iter().map(refuse).collect();
    let unexpected = "<nop><action><error message=\"a number without a status was called\"/></action></nop>\n";
    scenario(&[&invite, &respond("100 Trying", ""), &turns, unexpected, &refusals, "<label id=\"end\"/>\n"])
}

/// Rings until it is cancelled.
pub fn rings_out() -> String {
    let terminated = respond("487 Request Terminated", "");
    scenario(&[INVITE, &ringing(), CANCELLED, &terminated, ACK])
}

/// Rings, and answers just when the CANCEL comes.
pub fn answers_a_cancelled_call(ear: &Ear) -> String {
    scenario(&[INVITE, &ringing(), CANCELLED, &accept(ear, 0), ACK, HUNG_UP_ON])
}

/// Rings; then either of CANCEL and BYE ends it: what a service that was killed owes its carrier.
pub fn rings_until_the_service_comes_back() -> String {
    let terminated = respond("487 Request Terminated", "");
    scenario(&[INVITE, &ringing(), CANCELLED, &terminated, "<pause milliseconds=\"300\"/>"])
}

/// Challenges the INVITE, and answers only the right password.
pub fn challenges(ear: &Ear, username: &str, password: &str) -> String {
    let challenge = respond(
        "401 Unauthorized",
        "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"47ebe028cda119c35d4877b383027d28\", \
         qop=\"auth,auth-int\", algorithm=MD5\n",
    );
    let verified = INVITE.replace(
        "</action>",
        &format!("<verifyauth assign_to=\"valid\" username=\"{username}\" password=\"{password}\"/>\n</action>"),
    );
    let gate = "<nop next=\"right\" test=\"valid\"/>\n";
    let wrong = respond("403 Wrong password", "");
    scenario(&[
        INVITE,
        &challenge,
        ACK,
        &verified,
        gate,
        &wrong,
        ACK,
        "<nop><action><error message=\"the password was wrong\"/></action></nop>\n",
        "<label id=\"right\"/>\n",
        &accept(ear, 0),
        ACK,
        HUNG_UP_ON,
    ])
}

/// A caller of the number given on the command line, who talks until the service hangs up, or for `talk_ms`.
pub fn calls(ear: &Ear, from: &str, talk_ms: Option<u32>) -> String {
    let port = ear.port;
    let invite = format!(
        r#"<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{from}@{CARRIER}>;tag=[pid]C[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{from}@[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=caller 1 1 IN IP4 {CARRIER}
s=-
c=IN IP4 {CARRIER}
t=0 0
m=audio {port} RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true" timeout="20000"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{from}@{CARRIER}>;tag=[pid]C[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"#
    );
    let bye = format!(
        r#"<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:{from}@{CARRIER}>;tag=[pid]C[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200" timeout="20000"/>
"#
    );
    match talk_ms {
        Some(talk_ms) => scenario(&[&invite, &pause(talk_ms), &bye]),
        None => scenario(&[&invite, HUNG_UP_ON]),
    }
}

/// A REGISTER that answers a challenge. `expected` is the final status.
pub fn registers(username: &str, password: &str, expected: u16) -> String {
    let register = |sequence: u8, more: &str| {
        format!(
            r#"<send retrans="500"><![CDATA[
REGISTER sip:lull.local SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@lull.local>;tag=[pid]R[call_number]
To: <sip:[service]@lull.local>
Call-ID: [call_id]
CSeq: {sequence} REGISTER
Contact: <sip:[service]@[local_ip]:[local_port]>
Expires: 60
Max-Forwards: 70
{more}Content-Length: 0

]]></send>
"#
        )
    };
    let answer = format!("[authentication username={username} password={password}]\n");
    scenario(&[
        &register(1, ""),
        "<recv response=\"401\" auth=\"true\" timeout=\"10000\"/>\n",
        &register(2, &answer),
        &format!("<recv response=\"{expected}\" timeout=\"10000\"/>\n"),
    ])
}

/// Refuses every call at once.
pub fn refuses(line: &str) -> String {
    scenario(&[INVITE, &respond(line, ""), ACK])
}

/// Rings, and then refuses.
pub fn rings_and_refuses(line: &str) -> String {
    scenario(&[INVITE, &ringing(), &respond(line, ""), ACK])
}

/// Challenges with each of these headers in turn, whatever is answered, and then answers the call, if there is an ear.
pub fn challenges_with(headers: &[&str], ear: Option<&Ear>) -> String {
    let challenge = |header: &&str| {
        let challenge = respond("407 Proxy Authentication Required", &format!("{header}\n"));
        format!("{INVITE}{challenge}{ACK}")
    };
    let challenges: String = headers.iter().map(challenge).collect();
    match ear {
        Some(ear) => scenario(&[&challenges, INVITE, &accept(ear, 0), ACK, HUNG_UP_ON]),
        None => scenario(&[&challenges]),
    }
}

/// Challenges, and then rings until something is cancelled.
pub fn challenges_and_rings(header: &str) -> String {
    let challenge = respond("407 Proxy Authentication Required", &format!("{header}\n"));
    let cancelled = "<recv request=\"CANCEL\" timeout=\"60000\"/>\n";
    scenario(&[INVITE, &challenge, ACK, INVITE, &ringing(), cancelled, &pause(2_000)])
}

/// A customer who answers; the BYE is challenged with each of these headers in turn, and then accepted if that is so
/// expected.
pub fn challenges_the_bye(ear: &Ear, headers: &[&str], accepts: bool) -> String {
    let challenge = |header: &&str| {
        let refusal = HUNG_UP_ON.replace("200 OK", "401 Unauthorized");
        let refusal = refusal.replace("Content-Length", &format!("{header}\nContent-Length"));
        refusal.replace("<pause milliseconds=\"50\"/>\n", "")
    };
    let challenges: String = headers.iter().map(challenge).collect();
    let end = if accepts { HUNG_UP_ON.to_owned() } else { pause(1_000) };
    scenario(&[INVITE, &ringing(), &accept(ear, 0), ACK, &challenges, &end])
}

/// The first header of this name in a message; empty without one.
pub fn header(message: &str, name: &str) -> String {
    let of = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    message.lines().find_map(of).unwrap_or_default()
}

/// The value of a parameter of a digest header, without quotes; empty without one.
pub fn parameter(header: &str, name: &str) -> String {
    let fields = header.split_once(' ').map_or("", |(_, fields)| fields);
    let of = |field: &str| Some(field.trim().strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').to_owned());
    fields.split(',').find_map(of).unwrap_or_default()
}
