//! Landing pages in Chromium with its scripts switched off, with codes through a real SMSC simulator, on an address of their own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::browser::browse;
use crate::messages::with_gateway;
use crate::rig::{Api, Centre, PASSWORD, Plan, SOON, Smsc, free_port, until};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";
const CAT: &str = "+8613800000003";
const DAN: &str = "+8613800000004";

const LANDING: &str = "
[landing]
consent_days = 30
consent_version = \"2026-11\"
embed_from = [\"http://localhost:SHOP\"]

[landing.zh]
headline = \"春季套餐\"
text = \"首月半价。\"
consent = \"我同意接听一次关于春季套餐的来电。\"

[landing.en]
headline = \"The spring plan\"
text = \"Half price in the first month.\"
consent = \"I agree to one call about the spring plan.\"
done = \"We call you tonight.\"
";

#[test]
fn customers_register_and_opt_out_on_a_small_phone_without_scripts() {
    let smsc = Smsc::start();
    let shop = free_port().to_string();
    let plan = Plan { agents: 0, campaign_tables: LANDING.replace("SHOP", &shop), ..Plan::default() };
    let mut centre = Centre::prepared(plan);
    with_gateway(&centre, &smsc, "");
    let alone = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let pages = format!("http://{alone}");
    fs::create_dir(centre.path("conf.d")).expect("a folder can be made");
    centre.write("conf.d/landing.toml", &format!("[http]\nlanding_listen = \"{alone}\"\nlanding_url = \"{pages}\"\n"));
    centre.serve();
    smsc.until_bound();
    let boss = centre.boss();
    let link = |number: &str| {
        let made = boss.post("/api/v1/campaigns/spring/links", &json!({ "number": number })).good();
        made["address"].as_str().expect("an address").to_owned()
    };
    let (of_ann, of_ben) = (link(ANN), link(BEN));
    assert!(of_ann.starts_with(&format!("{pages}/r/")), "{of_ann}");

    // A messenger looks at the link before Ann does.
    let path = of_ann.strip_prefix(&pages).expect("it begins with the address");
    let outside = Api::anonymous(alone);
    let looked = outside.with_header("User-Agent", "WhatsApp/2.24.1 A").get(path);
    assert!(looked.status == 200 && looked.text().contains("The spring plan"), "{}", looked.text());
    let view = || boss.get("/api/v1/campaigns/spring/landing").good();
    assert_eq!((&view()["visits"], &view()["previews"]), (&json!(0), &json!(1)), "{}", view());

    let given = [
        ("link", of_ann.as_str()),
        ("out", of_ben.as_str()),
        ("pages", pages.as_str()),
        ("login", "boss"),
        ("password", PASSWORD),
        ("typed", "138 0000 0003"),
        ("embedded", "(138) 0000-0004"),
        ("shop", shop.as_str()),
    ];
    browse(&centre, "landing", &given);

    // Whoever agreed is a lead with exactly the words that were shown, in the language in which they were.
    let leads = centre.rows(
        "select l.number as number, s.name as list, l.priority as priority from leads l join lists s on s.id = l.list_id
         order by l.number",
    );
    let numbers: Vec<_> = leads.iter().map(|lead| lead["number"].as_str().expect("a number")).collect();
    assert_eq!(numbers, [ANN, CAT, DAN], "{leads:?}");
    assert_eq!((&leads[0]["list"], &leads[0]["priority"]), (&json!("web"), &json!(90)), "{leads:?}");
    let consents =
        centre.rows("select number, kind, text, text_version, channel, source from consents order by number");
    let said: Vec<_> = consents.iter().map(|one| (one["kind"].as_str(), one["text"].as_str())).collect();
    let (agreed, english) = ("我同意接听一次关于春季套餐的来电。", "I agree to one call about the spring plan.");
    let expected =
        [("given", agreed), ("revoked", "No more calls and messages"), ("given", english), ("given", english)];
    assert_eq!(said, expected.map(|(kind, text)| (Some(kind), Some(text))), "{consents:?}");
    let source = consents[0]["source"].as_str().expect("a source");
    assert!(source.starts_with("page spring link ") && source.ends_with(" ip 127.0.0.1"), "{source}");
    assert_eq!(consents[0]["text_version"], "2026-11");
    assert_eq!(
        centre.value("select count(*) from pre_registrations where preferred_at is not null and link_id is not null"),
        1
    );
    assert_eq!(
        centre.value(&format!("select reason from suppressions where number = '{BEN}' and scope = '*'")),
        "opt_out"
    );
    // Codes went to the two numbers that were typed, through the gateway, and nowhere else.
    let codes = smsc.until_submitted(2);
    let to: Vec<_> = codes.iter().map(|one| one["to"].as_str().expect("a number")).collect();
    assert_eq!(to, ["8613800000003", "8613800000004"], "{codes:?}");
    // Ann and Ben once each, however often they loaded a page; and one browser without a link, on two pages.
    let counts = view();
    assert_eq!((&counts["visited"], &counts["registrations"]), (&json!(2), &json!(3)), "{counts}");
    assert_eq!((&counts["visits"], &counts["previews"]), (&json!(3), &json!(1)), "{counts}");

    // Whoever has opted out gets no code, and nobody learns that from the page.
    let asked = |number: &str| {
        let page = outside.with_header("User-Agent", "Mozilla/5.0").get("/p/spring?lang=en").text();
        let (_, after) = page.split_once("name=\"form\" value=\"").expect("a form");
        let form = after.split('"').next().expect("its seal");
        let body = format!("form={form}&do=send_code&number={}", number.replace('+', "%2B"));
        let answer = outside.upload("/p/spring?lang=en", "application/x-www-form-urlencoded", body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let (before, _) =
            answer.text().split_once("name=\"form\"").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a form");
        before
    };
    let (of_ben, of_eve) = (asked(BEN), asked("+8613800000005"));
    assert_eq!(of_ben, of_eve);
    smsc.until_submitted(3);
    assert_eq!(centre.value(&format!("select count(*) from messages where number = '{BEN}'")), 0);

    // Nothing else is at that address.
    for elsewhere in ["/", "/api/v1/openapi.json", "/livez", "/api/v1/campaigns"] {
        assert_eq!(outside.get(elsewhere).status, 404, "{elsewhere}");
    }
    boss.post("/api/v1/campaigns/spring/state", &json!({ "state": "ended" })).good();
    until("the page says that the offer is over", SOON, || (outside.get("/p/spring").status == 410).then_some(()));
}
