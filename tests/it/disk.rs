//! A disk that is full, and has room again.

use serde_json::json;

use crate::rig::{AGENT_HZ, CARRIER, CUSTOMER_HZ, Centre, Disk, Ear, Law, Phone, Plan, SOON, Sipp, scenario, until};

const ANN: &str = "+8613800000001";
const BEN: &str = "+8613800000002";

#[test]
fn on_a_full_disk_dialling_stops_calls_go_on_and_a_result_is_kept_until_there_is_room() {
    let Some(disk) = Disk::of_mb(24) else {
        // Without the right to mount anything there is no disk that a test may fill.
        eprintln!("not run: this machine lets nobody have a disk of his own (unshare)");
        return;
    };
    let mut centre = Centre::prepared(Plan { disk: Some(disk.clone()), ..Plan::default() });
    centre.customers(&[ANN, BEN]);
    centre.serve();
    let ear = Ear::open(CARRIER, CUSTOMER_HZ, Law::Mu);
    let mut carrier = Sipp::carrier(&centre, &scenario::answers(&ear, 0, 200), 2);
    let phone = Phone::registered(&centre, 1, AGENT_HZ);
    let desk = centre.agent_ready(1);
    let screen = desk.until_state("talking");
    ear.until_hears(AGENT_HZ, 5, 0);

    let boss = centre.boss();
    disk.fill(&centre);
    let mut number = 8_613_900_000_000_u64;
    let refused = until("the store takes no more", SOON, || {
        number += 1;
        let answer = boss.post("/api/v1/suppressions", &json!({ "number": format!("+{number}"), "reason": "manual" }));
        assert!(answer.status < 300 || answer.status == 503, "{}: {}", answer.status, answer.text());
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.text().contains("nothing was changed"), "{}", refused.text());
    let (packets, samples) = (ear.packets(), phone.heard().len());
    ear.until_hears(AGENT_HZ, 10, packets);
    phone.until_hears(CUSTOMER_HZ, 10, samples);
    desk.hang_up();
    desk.until_state("wrap_up");
    let call = &screen["view"]["call"]["call"];
    desk.record(call, "taken", "Kept beside the full disk.").good();
    desk.until_state("ready");
    centre.until_board_of(&boss, "the board says why nothing is dialled", |board| {
        board["campaigns"][0]["not_dialling"] == "store_down"
    });
    assert_eq!(carrier.got("INVITE").len(), 1, "nothing was dialled");

    disk.free(&centre);
    carrier.until_gets("INVITE", SOON);
    until("the other number is dialled", SOON, || (carrier.got("INVITE").len() == 2).then_some(()));
    desk.until_state("talking");
    desk.hang_up();
    carrier.finish(SOON);
    let kept = disk.rows(&centre, "select result, disposition, note from results where note <> ''");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!((&kept[0]["disposition"], &kept[0]["note"]), (&"accepted".into(), &"Kept beside the full disk.".into()));
    let ended = disk.rows(&centre, &format!("select disposition from attempts where number = '{ANN}'"));
    assert_eq!(ended[0]["disposition"], "accepted", "{ended:?}");
}
