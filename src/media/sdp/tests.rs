use super::*;
use proptest::prelude::*;

const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn local() -> LocalMedia {
    LocalMedia::new(OURS, 40_000, 77)
}

fn read(body: &str) -> Result<RemoteMedia, SdpError> {
    parse(body.as_bytes(), &MediaPolicy::default())
}

/// A description with these lines after the session's own.
fn with(connection: &str, rest: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\n{connection}t=0 0\r\n{rest}")
}

const CONNECTION: &str = "c=IN IP4 198.51.100.7\r\n";

#[test]
fn an_offer_of_ours_reads_back_and_is_agreed_by_both_sides() {
    let offered = offer(&local());
    assert_eq!(
        std::str::from_utf8(&offered).unwrap(),
        "v=0\r\no=lull 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=ptime:20\r\na=sendrecv\r\n"
    );
    let seen = parse(&offered, &MediaPolicy::default()).unwrap();
    let mut peer = LocalMedia::new("192.0.2.9".parse().unwrap(), 50_000, 5);
    peer.codecs = vec![Law::A];
    let (answered, theirs) = answer(&peer, &seen).unwrap();
    let ours = accept_answer(&local(), &parse(&answered, &MediaPolicy::default()).unwrap()).unwrap();
    assert_eq!(ours.codec, Codec { payload_type: 8, law: Law::A });
    assert_eq!((ours.codec, ours.telephone_event_out), (theirs.codec, theirs.telephone_event_out));
    assert_eq!(ours.target, Some("192.0.2.9:50000".parse().unwrap()));
    assert_eq!(theirs.target, Some("192.0.2.1:40000".parse().unwrap()));
}

#[test]
fn a_carriers_description_with_odd_form_is_understood() {
    let body = "v=0\n o=x 1 1 IN IP4 198.51.100.7\ns=\u{fffd}\nm=audio 12000/1 RTP/AVP 18 8 0 13 96 97\n\
                c=IN IP4 198.51.100.9/127\na=rtpmap:96 telephone-event/8000\na=rtpmap:97 telephone-event/48000\n\
                a=ptime:-20\na=fmtp:96 0-16\na=rtcp:12345 IN IP4 198.51.100.9\nb=AS:84\nx\n";
    let remote = read(body).unwrap();
    assert_eq!(remote.target, Some("198.51.100.9:12000".parse().unwrap()));
    assert_eq!(remote.codecs.iter().map(|codec| codec.law).collect::<Vec<_>>(), [Law::A, Law::Mu]);
    assert_eq!((remote.telephone_event, remote.ptime_ms, remote.rtcp_port), (Some(96), None, Some(12_345)));
}

#[test]
fn a_law_under_a_dynamic_payload_type_keeps_that_type() {
    let remote = read(&with(CONNECTION, "m=audio 12000 RTP/AVP 118\r\na=rtpmap:118 pcma/8000/1\r\n")).unwrap();
    assert_eq!(remote.codecs, [Codec { payload_type: 118, law: Law::A }]);
}

#[test]
fn every_fault_is_named() {
    let audio = "m=audio 12000 RTP/AVP 0\r\n";
    let cases: Vec<(String, &str)> = vec![
        ("hello".into(), "SDP does not begin with v=0"),
        (with(CONNECTION, ""), "SDP has no m=audio line"),
        (with(CONNECTION, "m=video 12000 RTP/AVP 96\r\n"), "SDP has no m=audio line"),
        (with("", audio), "SDP has no c= line for its audio"),
        (with("c=IN IP4 media.example.com\r\n", audio), "SDP line `c=IN IP4 media.example.com`: expected"),
        (with("c=IN IP4\r\n", audio), "SDP line `c=IN IP4`: expected"),
        (with("c=IN IP6 198.51.100.7\r\n", audio), "expected c=IN IP4 or IP6"),
        (with("c=IN IP4 224.2.1.1/127\r\n", audio), "audio to 224.2.1.1: multicast"),
        (with("c=IN IP6 ff02::1\r\n", audio), "audio to ff02::1: multicast"),
        (with("c=IN IP4 255.255.255.255\r\n", audio), "audio to 255.255.255.255: broadcast"),
        (with("c=IN IP4 127.0.0.1\r\n", audio), "audio to 127.0.0.1: loopback"),
        (with("c=IN IP6 ::ffff:127.0.0.1\r\n", audio), "loopback"),
        (with("c=IN IP4 169.254.1.1\r\n", audio), "audio to 169.254.1.1: link local"),
        (with("c=IN IP4 0.1.2.3\r\n", audio), "audio to 0.1.2.3: reserved"),
        (with("c=IN IP6 ::\r\n", audio), "audio to ::: reserved"),
        (with(CONNECTION, "m=audio 0 RTP/AVP 0\r\n"), "SDP refuses audio"),
        (with(CONNECTION, "m=audio 53 RTP/AVP 0\r\n"), "audio to port 53, expected 1024 or above"),
        (with(CONNECTION, "m=audio 99999 RTP/AVP 0\r\n"), "SDP line `m=audio 99999 RTP/AVP 0`: expected"),
        (with(CONNECTION, "m=audio\r\n"), "SDP line `m=audio`: expected"),
        (with(CONNECTION, "m=audio 12000 RTP/SAVP 0\r\n"), "audio over RTP/SAVP, expected RTP/AVP"),
        (with(CONNECTION, "m=audio 12000 RTP/AVP 18 9\r\n"), "no codec in common"),
        (with(CONNECTION, &audio.repeat(17)), "more than 16 m= lines"),
        ("v=0\r\n".to_owned() + &"a=x\r\n".repeat(200_000), "SDP body is 1000005 bytes"),
    ];
    for (body, expected) in cases {
        let error = read(&body).expect_err(expected).to_string();
        assert!(error.contains(expected), "`{error}` should say `{expected}`");
    }
}

#[test]
fn thousands_of_formats_cost_a_bounded_look() {
    let formats: String = (0..5_000).map(|number| format!(" {}", 96 + number % 32)).collect();
    let body = with(CONNECTION, &format!("m=audio 12000 RTP/AVP{} 0\r\n", &formats[..15_000]));
    assert_eq!(read(&body).unwrap_err(), SdpError::NoCommonCodec);
}

#[test]
fn loopback_and_networks_follow_the_policy() {
    let body = with("c=IN IP4 127.0.0.1\r\n", "m=audio 12000 RTP/AVP 0\r\n");
    let demo = MediaPolicy { allow_loopback: true, networks: Vec::new() };
    assert!(parse(body.as_bytes(), &demo).is_ok());
    let carrier = Network { address: "198.51.100.0".parse().unwrap(), prefix_bits: 24 };
    let fenced = MediaPolicy { allow_loopback: true, networks: vec![carrier] };
    assert!(matches!(
        parse(body.as_bytes(), &fenced),
        Err(SdpError::Forbidden { why: ForbiddenAddress::OutsideNetworks, .. })
    ));
    assert!(parse(with(CONNECTION, "m=audio 12000 RTP/AVP 0\r\n").as_bytes(), &fenced).is_ok());
    assert!(Network { address: OURS, prefix_bits: 0 }.contains("203.0.113.9".parse().unwrap()));
}

#[test]
fn networks_are_read_as_people_write_them() {
    let network: Network = "198.51.100.0/24".parse().unwrap();
    assert!(network.contains("198.51.100.77".parse().unwrap()) && !network.contains("198.51.101.1".parse().unwrap()));
    assert_eq!("2001:db8::1".parse::<Network>().unwrap().prefix_bits, 128);
    for text in ["198.51.100.0/33", "carrier", "198.51.100.0/", "/8"] {
        let error = text.parse::<Network>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is no network")), "{error}");
    }
}

#[test]
fn the_three_ways_of_hold_are_answered_and_nothing_is_sent() {
    for (connection, attribute, answered) in [
        (CONNECTION, "a=sendonly\r\n", "a=recvonly"),
        (CONNECTION, "a=inactive\r\n", "a=inactive"),
        ("c=IN IP4 0.0.0.0\r\n", "", "a=recvonly"),
        ("c=IN IP4 0.0.0.0\r\n", "a=sendonly\r\n", "a=recvonly"),
    ] {
        let remote = read(&with(connection, &format!("m=audio 12000 RTP/AVP 0\r\n{attribute}"))).unwrap();
        let (body, agreed) = answer(&local(), &remote).unwrap();
        assert!(std::str::from_utf8(&body).unwrap().contains(answered), "{connection}{attribute}");
        assert!(agreed.is_held());
    }
    let holding = LocalMedia { direction: Direction::SendOnly, ..local() };
    let remote = read(&with(CONNECTION, "m=audio 12000 RTP/AVP 0\r\na=recvonly\r\n")).unwrap();
    assert_eq!(accept_answer(&holding, &remote).unwrap().direction, Direction::SendOnly);
}

#[test]
fn other_streams_are_refused_in_their_place_and_a_dead_audio_line_is_passed_over() {
    let rest = "m=video 9000 RTP/AVP 96 97\r\nm=audio 0 RTP/AVP 0\r\nm=audio 12000 RTP/AVP 0 8 96\r\n\
                a=rtpmap:96 telephone-event/8000\r\n";
    let remote = read(&with(CONNECTION, rest)).unwrap();
    let (body, _) = answer(&local(), &remote).unwrap();
    let lines: Vec<_> = std::str::from_utf8(&body).unwrap().lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines, ["m=video 0 RTP/AVP 96 97", "m=audio 0 RTP/AVP 0", "m=audio 40000 RTP/AVP 0 96"]);
}

#[test]
fn an_address_of_the_other_ip_version_is_an_error_not_a_socket_failure() {
    let remote = read(&with("c=IN IP6 2001:db8::1\r\n", "m=audio 12000 RTP/AVP 0\r\n")).unwrap();
    assert!(matches!(answer(&local(), &remote), Err(SdpError::AddressFamily { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_what_passes_can_be_answered(
        lines in proptest::collection::vec(
            prop_oneof![
                Just("v=0".to_owned()),
                Just("c=IN IP4 198.51.100.7".to_owned()),
                "m=audio [0-9/]{0,6} RTP/AVP [0-9 ]{0,12}",
                "[a-z]=[ -~]{0,24}",
                "a=rtpmap:[0-9]{1,3} (PCMU|PCMA|x)/(8000|16000)",
            ],
            0..12,
        ),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut body = format!("v=0\n{}\n", lines.join("\n")).into_bytes();
        body.extend(noise);
        if let Ok(remote) = parse(&body, &MediaPolicy::default()) {
            prop_assert!(remote.target.is_none_or(|target| target.port() >= 1024));
            let (answered, _) = answer(&local(), &remote).unwrap();
            prop_assert!(answered.starts_with(b"v=0\r\n"));
        }
    }
}
