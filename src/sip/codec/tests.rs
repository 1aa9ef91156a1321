//! What telephones and carriers do send, and other parsers trip over.

use proptest::prelude::*;

use super::*;
use crate::sip::header::{CSeq, NameAddr, Via, split};
use crate::sip::uri::Uri;

fn read(text: &str) -> Message {
    Message::read(text.as_bytes()).expect("readable")
}

fn request(lines: &str) -> Message {
    read(&format!("OPTIONS sip:a@b SIP/2.0\r\n{lines}\r\n"))
}

#[test]
fn folded_lines_are_joined_and_the_body_is_not_touched() {
    let message = read(
        "INVITE sip:a@b SIP/2.0\r\nTO :\r\n sip:v@x.example ;   tag    = 1918181833n\r\nSubject: one\r\n\ttwo\r\n  three\r\nl: 9\r\n\r\nv=0\r\n a=b",
    );
    assert_eq!(message.fault, None);
    assert_eq!(NameAddr::read(&message.text(Name::To).expect("To")).and_then(|to| to.tag()), Some("1918181833n"));
    assert_eq!(message.other("subject").as_deref(), Some("one two three"));
    assert_eq!(&message.body[..], b"v=0\r\n a=b");
}

#[test]
fn compact_names_are_names() {
    let message = request("v: 1\r\nF: 2\r\nt: 3\r\ni: 4\r\nm: 5\r\nl: 0\r\nc: 6\r\nk: timer\r\nx: 90\r\n");
    for (name, value) in [
        (Name::Via, "1"),
        (Name::From, "2"),
        (Name::To, "3"),
        (Name::CallId, "4"),
        (Name::Contact, "5"),
        (Name::ContentType, "6"),
        (Name::Supported, "timer"),
        (Name::SessionExpires, "90"),
    ] {
        assert_eq!(message.text(name).as_deref(), Some(value), "{name:?}");
    }
}

#[test]
fn names_are_read_without_case_and_with_spaces_before_the_colon() {
    let message = request("cAlL-iD  \t: x\r\n");
    assert_eq!(message.text(Name::CallId).as_deref(), Some("x"));
}

#[test]
fn an_extension_method_is_kept_and_known_to_be_unknown() {
    let message = read("FOO sip:a@b SIP/2.0\r\nCSeq: 1 FOO\r\n\r\n");
    assert_eq!((message.method(), message.method_token(), message.fault), (Some(None), &b"FOO"[..], None));
}

#[test]
fn latin_1_bytes_spoil_one_value_and_nothing_after_it() {
    let text = b"INVITE sip:a@b SIP/2.0\r\nFrom: \"J\xf6rg\" <sip:j@x>;tag=1\r\nTo: <sip:t@x>\r\nl: 2\r\n\r\nv=";
    let message = Message::read(text).expect("readable");
    assert_eq!(message.raw(Name::From), Some(&b"\"J\xf6rg\" <sip:j@x>;tag=1"[..]), "echoed as it came");
    let from = message.text(Name::From).expect("From").into_owned();
    assert_eq!(
        NameAddr::read(&from).map(|from| (from.display().into_owned(), from.uri.to_owned())),
        Some(("J\u{fffd}rg".into(), "sip:j@x".into()))
    );
    assert_eq!(message.text(Name::To).as_deref(), Some("<sip:t@x>"));
    assert_eq!(&message.body[..], b"v=");
}

#[test]
fn without_content_length_a_datagram_is_body_to_its_end_and_with_it_the_rest_is_dropped() {
    assert_eq!(&read("INVITE sip:a@b SIP/2.0\r\n\r\nv=0\r\n").body[..], b"v=0\r\n");
    assert_eq!(&read("INVITE sip:a@b SIP/2.0\r\nl: 3\r\n\r\nv=0\r\nINVITE").body[..], b"v=0");
    for wrong in ["l: 99", "l: -1", "l: 3\r\nContent-Length: 4", "l: 3 3", "l:"] {
        let message = read(&format!("INVITE sip:a@b SIP/2.0\r\n{wrong}\r\n\r\nv=0"));
        assert_eq!(message.fault.map(|fault| fault.status), Some(400), "{wrong}");
    }
}

#[test]
fn several_vias_in_one_line_are_several_vias() {
    let message = request("Via: SIP/2.0/UDP a;branch=z9hG4bK1;x=\"1,2\", SIP/2.0/TCP b:5061;branch=z9hG4bK2\r\n");
    let line = message.text(Name::Via).expect("Via").into_owned();
    let vias: Vec<Via<'_>> = split(&line, b',').filter_map(Via::read).collect();
    assert_eq!(
        vias.iter().map(|via| (via.host, via.port, via.branch())).collect::<Vec<_>>(),
        [("a", None, Some("z9hG4bK1")), ("b", Some(5061), Some("z9hG4bK2"))]
    );
}

#[test]
fn separators_in_quotes_and_brackets_separate_nothing() {
    let message = request("Contact: \"Doe; J, <x>\" <sip:a,b@c;x=1>;q=0.5, <sip:d@e;y>\r\n");
    let line = message.text(Name::Contact).expect("Contact").into_owned();
    let found: Vec<_> =
        split(&line, b',').filter_map(NameAddr::read).map(|one| (one.uri, one.params.value("q"))).collect();
    assert_eq!(found, [("sip:a,b@c;x=1", Some("0.5")), ("sip:d@e;y", None)]);
}

#[test]
fn request_uris_are_kept_as_they_were_written() {
    for uri in ["tel:+15551234567890123", "sip:[2001:db8::1]:5060", "sip:a%20b@h", "sip:user;par=u%40x@h", "sips:a@h"] {
        let message = read(&format!("INVITE {uri} SIP/2.0\r\n\r\n"));
        assert_eq!((message.request_uri().as_ref(), message.fault), (uri, None));
        assert!(Uri::read(uri).is_ok(), "{uri}");
    }
}

#[test]
fn reason_phrases_are_kept_custom_long_empty_or_missing() {
    for (line, status, phrase) in [
        ("SIP/2.0 183 Session Progress", 183, "Session Progress"),
        ("SIP/2.0 480 Kein Anschluss; unter dieser: Nummer", 480, "Kein Anschluss; unter dieser: Nummer"),
        ("SIP/2.0 200 ", 200, ""),
        ("SIP/2.0 200", 200, ""),
    ] {
        let message = read(&format!("{line}\r\n\r\n"));
        assert_eq!((message.status(), message.phrase().as_ref()), (Some(status), phrase));
    }
    for bad in
        ["SIP/2.0 4294967301 x", "SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 2000 x", "SIP/3.0 200 OK", "SIP/2.0  200 OK"]
    {
        assert!(Message::read(format!("{bad}\r\n\r\n").as_bytes()).is_none(), "{bad}");
    }
}

#[test]
fn what_can_make_two_readers_see_two_messages_is_refused() {
    for bad in ["X: a\rb", "X: a\0b", "X a", ": a", "X\0: a", "X Y: a", "(X): a"] {
        assert_eq!(request(&format!("{bad}\r\n")).fault.map(|fault| fault.status), Some(400), "{bad:?}");
    }
}

#[test]
fn a_message_too_large_or_with_too_many_headers_is_none() {
    let header = |count: usize| format!("OPTIONS sip:a@b SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(Message::read(header(HEADERS_MAX).as_bytes()).is_some());
    assert!(Message::read(header(HEADERS_MAX + 1).as_bytes()).is_none());
    let body = |len: usize| [b"OPTIONS sip:a@b SIP/2.0\r\n\r\n".as_slice(), &vec![b'x'; len]].concat();
    assert!(Message::read(&body(MESSAGE_MAX - 27)).is_some());
    assert!(Message::read(&body(MESSAGE_MAX - 26)).is_none());
    for nothing in ["", "\r\n", "\r\n\r\n", "hello", "\0\0\0\0"] {
        assert!(Message::read(nothing.as_bytes()).is_none(), "{nothing:?}");
    }
}

#[test]
fn a_datagram_may_start_with_line_breaks_and_use_lone_line_feeds() {
    let message = read("\r\n\r\nOPTIONS sip:a@b SIP/2.0\nTo: x\nl: 1\n\ny");
    assert_eq!((message.text(Name::To).as_deref(), &message.body[..], message.fault), (Some("x"), &b"y"[..], None));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(message) = Message::read(&bytes) {
            prop_assert!(message.length() <= bytes.len() + 2 * bytes.len());
        }
    }

    #[test]
    fn no_damage_to_a_message_makes_a_reader_panic(
        cuts in proptest::collection::vec((0usize..400, any::<u8>()), 1..6),
        pieces in proptest::collection::vec("[ \t\r\n;,<>\":=@%\\\\/a]{0,4}", 1..4),
    ) {
        let mut bytes = b"INVITE sip:a@b;x SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport\r\nFrom: \"D\" <sip:a@b>;tag=1\r\n\
            To: <sip:c@d>\r\nCSeq: 1 INVITE\r\nCall-ID: x\r\nContact: <sip:e@f;lr>;expires=3\r\nSession-Expires: 90;refresher=uac\r\nl: 3\r\n\r\nv=0".to_vec();
        for (at, byte) in cuts {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        for (index, piece) in pieces.iter().enumerate() {
            let at = (index * 97) % bytes.len();
            bytes.splice(at..at, piece.bytes());
        }
        let Some(message) = Message::read(&bytes) else { return Ok(()) };
        for (_, token, value) in message.fields() {
            prop_assert!(!token.is_empty() && !value.contains(&b'\n'));
            let text = String::from_utf8_lossy(value);
            for one in split(&text, b',') {
                std::hint::black_box((Via::read(one), NameAddr::read(one).map(|party| (party.display().len(), party.user().len()))));
            }
            std::hint::black_box((CSeq::read(&text), crate::sip::header::SessionExpires::read(&text)));
            std::hint::black_box((crate::sip::header::q850_cause(&text), crate::sip::header::retry_after_s(&text)));
        }
        _ = std::hint::black_box(Uri::read(&message.request_uri()));
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_messages(sizes in proptest::collection::vec(1usize..40, 1..60)) {
        let whole = b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbody\r\nBYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n".repeat(3);
        let mut framer = Framer::default();
        let (mut at, mut pieces, mut sizes) = (0, Vec::new(), sizes.into_iter().cycle());
        while at < whole.len() {
            let end = whole.len().min(at + sizes.next().unwrap_or(1));
            framer.push(&whole[at..end]);
            while let Some(piece) = framer.next_piece() {
                pieces.push(piece);
            }
            at = end;
        }
        let messages = pieces.iter().filter(|piece| matches!(piece, StreamPiece::Message(_))).count();
        prop_assert_eq!((messages, pieces.len()), (6, 9));
    }

    #[test]
    fn garbage_in_a_stream_is_bounded(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4_000), 0..40)) {
        let mut framer = Framer::default();
        for chunk in chunks {
            framer.push(&chunk);
            while let Some(piece) = framer.next_piece() {
                if matches!(piece, StreamPiece::Garbage(_)) {
                    return Ok(());
                }
            }
        }
    }

    /// On plain messages both readers must see the same.
    #[test]
    fn plain_messages_read_as_rsip_reads_them(
        user in "[a-z0-9]{1,12}",
        host in "[a-z]{1,8}\\.example",
        port in 1024u16..65_535,
        branch in "[a-zA-Z0-9]{1,20}",
        tag in "[a-z0-9]{1,12}",
        call_id in "[a-z0-9]{1,20}@[a-z]{1,8}",
        cseq in 1u32..2_000_000_000,
        body in "[ -~]{0,80}",
    ) {
        let text = format!(
            "INVITE sip:{user}@{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch}\r\n\
             From: <sip:{user}@{host}>;tag={tag}\r\nTo: <sip:{user}@{host}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} INVITE\r\nMax-Forwards: 70\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        use rsip::prelude::{HeadersExt as _, ToTypedHeader as _, UntypedHeader as _};
        let ours = read(&text);
        let rsip::SipMessage::Request(theirs) = rsip::SipMessage::try_from(text.as_bytes()).expect("plain") else {
            return Err(TestCaseError::fail("a request"));
        };
        prop_assert_eq!(ours.fault, None);
        prop_assert_eq!(ours.request_uri().into_owned(), theirs.uri.to_string());
        prop_assert_eq!(&ours.body[..], &theirs.body[..]);
        prop_assert_eq!(ours.text(Name::CallId).expect("Call-ID").into_owned(), theirs.call_id_header().expect("Call-ID").value());
        let via = ours.text(Name::Via).expect("Via").into_owned();
        let theirs_via = theirs.via_header().expect("Via").typed().expect("Via");
        prop_assert_eq!(Via::read(&via).and_then(|via| via.branch().map(str::to_owned)), theirs_via.branch().map(|branch| branch.value().to_owned()));
        let from = ours.text(Name::From).expect("From").into_owned();
        let theirs_from = theirs.from_header().expect("From").typed().expect("From");
        prop_assert_eq!(NameAddr::read(&from).and_then(|from| from.tag().map(str::to_owned)), theirs_from.tag().map(|tag| tag.value().to_owned()));
        prop_assert_eq!(NameAddr::read(&from).map(|from| from.uri.to_owned()), Some(theirs_from.uri.to_string()));
        let number = ours.text(Name::CSeq).expect("CSeq").into_owned();
        prop_assert_eq!(CSeq::read(&number).map(|cseq| cseq.number), Some(theirs.cseq_header().expect("CSeq").seq().expect("number")));
    }
}
