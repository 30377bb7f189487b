//! The record's JSON, its reading, its renderings.
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// A record with every key.
fn full() -> Failure {
    let connect = Evidence::Connect { address: "10.0.0.1:443".into(), errno: Some(4242), waited: Duration::ZERO };
    let underlying = diagnose(connect, Situation::default());
    let situation = Situation {
        reached: Some(Reached::No),
        phase: Some(Phase::Backoff),
        method: Some("/acme.Users/Get".into()),
        target: Some("dns:///users:443".into()),
        peer: Some("10.0.0.1:443".into()),
        via_proxy: Some("proxy:3128".into()),
        underlying: Some(underlying),
        ..Situation::default()
    };
    let evidence = Evidence::Deadline { budget: Duration::from_millis(1500), already_past: false };
    let mut failure = diagnose(evidence, situation);
    let record = failure.record_mut();
    record.peer_text = Some(peer_text(b"line\nbreak"));
    record.deadline = Some(Deadline { budget: Duration::from_millis(1500), source: DeadlineSource::ServiceConfig });
    record.stream = Some(StreamFacts {
        sent_messages: 1,
        sent_bytes: u64::MAX,
        received_messages: 0,
        received_bytes: 0,
        id: Some(1),
    });
    let ms = Duration::from_millis;
    record.elapsed =
        vec![(Phase::Resolve, ms(3)), (Phase::Connect, ms(4)), (Phase::Backoff, ms(5)), (Phase::Connect, ms(6))];
    record.attempts = [Attempt {
        address: Some("10.0.0.1:443".into()),
        peer: None,
        code: Some(Code::Unavailable),
        cause: Some(Cause::NetworkUnreachable),
        delay: ms(1000),
        next: Some(ms(1600)),
        elapsed: vec![(Phase::Connect, ms(4))],
    }]
    .into();
    record.retry_stopped = Some(RetryStopped::Deadline);
    record.details = vec![
        Detail::RetryInfo(RetryInfo { retry_delay_ms: 50 }),
        Detail::Unknown(UnknownDetail { type_url: "type.googleapis.com/acme.Reason".into(), value: "AAE=".into() }),
    ];
    record.details_state = Some(DetailsState::Decoded);
    record.channel_state = Some("TRANSIENT_FAILURE".into());
    failure
}

const FULL: &str = concat!(
    r#"{"v":1,"code":4,"status":"DEADLINE_EXCEEDED","cause":"DEADLINE_NOT_SENT","cause_id":1101,"layer":"deadline","#,
    r#""category":"network","origin":"local","retry":"safe","reached":"no","phase":"backoff","method":"/acme.Users/Get","#,
    r#""target":"dns:///users:443","peer":"10.0.0.1:443","via_proxy":"proxy:3128","#,
    r#""hint":"The deadline of 1500 ms passed before the request was sent, in phase backoff; last problem: NETWORK_UNREACHABLE.","#,
    r#""peer_text":"line\\nbreak","evidence":{"already_past":false},"#,
    r#""deadline":{"budget_ms":1500,"source":"service_config"},"#,
    r#""stream":{"sent_messages":"1","sent_bytes":"18446744073709551615","received_messages":"0","received_bytes":"0","id":1},"#,
    r#""elapsed":{"resolve_ms":3,"connect_ms":10,"backoff_ms":5},"#,
    r#""attempts":[{"address":"10.0.0.1:443","code":14,"cause":"NETWORK_UNREACHABLE","delay_ms":1000,"next_ms":1600,"elapsed":{"connect_ms":4}}],"#,
    r#""retry_stopped":"deadline","underlying":{"v":1,"code":14,"status":"UNAVAILABLE","cause":"NETWORK_UNREACHABLE","#,
    r#""cause_id":303,"layer":"tcp","category":"network","origin":"local","retry":"safe","reached":"no","#,
    r#""hint":"This host has no route to 10.0.0.1:443. Check the network and the VPN.","#,
    r#""evidence":{"address":"10.0.0.1:443","errno":4242}},"#,
    r#""details":[{"type":"google.rpc.RetryInfo","retry_delay_ms":50},"#,
    r#"{"type_url":"type.googleapis.com/acme.Reason","value":"AAE="}],"details_state":"decoded","channel_state":"TRANSIENT_FAILURE"}"#,
);

#[test]
fn the_json_is_canonical_byte_for_byte() {
    assert_eq!(full().to_json(), FULL);
}

#[test]
fn what_is_read_is_written_again() {
    let read = Failure::from_json(FULL).unwrap();
    assert_eq!(read.to_json(), FULL);
    assert_eq!(read.record().underlying.as_ref().unwrap().record().cause, Cause::NetworkUnreachable);
    assert_eq!(read.record().stream, full().record().stream);
    assert_eq!(read.record().details, full().record().details);
}

#[test]
fn a_record_of_a_newer_version_is_read() {
    let newer = r#"{"v":1,"code":14,"status":"UNAVAILABLE","cause":"TCP_NOVELTY","cause_id":399,"layer":"tcp","category":"novel","origin":"local","retry":"safe","reached":"no","phase":"novel","hint":"h","evidence":{"list":[1,{"b":1.5,"a":null}]},"zeta":{"z":1,"a":2},"alpha":true}"#;
    let read = Failure::from_json(newer).unwrap();
    assert_eq!(read.cause(), Cause::ConnectionLost);
    assert_eq!(
        (read.record().category, read.record().retry, read.record().phase),
        (Category::Network, Retry::Safe, None)
    );
    assert_eq!(read.record().hint(), "h");
    assert!(
        read.to_json().ends_with(r#""evidence":{"list":[1,{"b":1.5,"a":null}]},"zeta":{"z":1,"a":2},"alpha":true}"#)
    );
}

#[test]
fn what_is_no_record_says_where() {
    for (text, key) in [
        ("", ""),
        ("[]", ""),
        ("{}", "cause"),
        (r#"{"cause":"X"}"#, "layer"),
        (r#"{"cause":"CORE_FAULT","code":99}"#, "code"),
        (r#"{"cause":"CORE_FAULT","method":1}"#, "method"),
        (r#"{"cause":"CORE_FAULT","stream":{}}"#, "stream"),
        (r#"{"cause":"CORE_FAULT","attempts":1}"#, "attempts"),
        (r#"{"cause":"CORE_FAULT","underlying":{}}"#, "cause"),
    ] {
        assert_eq!(Failure::from_json(text), Err(NotARecord { key }), "{text}");
    }
    let deep = format!("{}{}", r#"{"cause":"CORE_FAULT","underlying":"#.repeat(5000), "1");
    assert_eq!(Failure::from_json(&deep), Err(NotARecord { key: "" }));
}

#[test]
fn a_chain_of_any_length_can_be_written_and_read() {
    let mut failure = diagnose(Evidence::Core { site: "x" }, Situation::default());
    for _ in 0..1000 {
        failure =
            diagnose(Evidence::Core { site: "x" }, Situation { underlying: Some(failure), ..Situation::default() });
    }
    let json = failure.to_json();
    assert_eq!(Failure::from_json(&json).unwrap().to_json(), json);
    assert!(failure.diagnostic().len() < 20_000);
}

#[test]
fn one_line_says_what_where_and_what_to_do() {
    assert_eq!(
        full().line(),
        "DEADLINE_EXCEEDED DEADLINE_NOT_SENT (deadline, network, safe): The deadline of 1500 ms passed before the \
         request was sent, in phase backoff; last problem: NETWORK_UNREACHABLE. [dns:///users:443 10.0.0.1:443]"
    );
    assert_eq!(format!("{}", full()), full().line());
}

#[test]
fn the_diagnostic_is_for_a_person_at_night() {
    let expected = "\
DEADLINE_EXCEEDED DEADLINE_NOT_SENT (1101)
The deadline of 1500 ms passed before the request was sent, in phase backoff; last problem: NETWORK_UNREACHABLE.
  what      a network fault in the deadline layer, decided by this process
  where     /acme.Users/Get on dns:///users:443 at 10.0.0.1:443 via the proxy proxy:3128
  sent      no, the request never reached the server
  retry     safe: a second try cannot run it twice (stopped: deadline)
  phase     backoff: waiting before the next attempt
  deadline  1500 ms (set by service_config)
  time      resolve 3 ms, connect 10 ms, backoff 5 ms
  stream    1: sent 1 message (18446744073709551615 bytes), received 0 (0 bytes)
  attempts  1. 10.0.0.1:443 UNAVAILABLE NETWORK_UNREACHABLE after 1000 ms (connect 4 ms)
  evidence  already_past  false
  peer said \"line\\nbreak\"
  details   google.rpc.RetryInfo, type.googleapis.com/acme.Reason
  because
  UNAVAILABLE NETWORK_UNREACHABLE (303)
  This host has no route to 10.0.0.1:443. Check the network and the VPN.
    what      a network fault in the tcp layer, decided by this process
    sent      no, the request never reached the server
    retry     safe: a second try cannot run it twice
    evidence  address  10.0.0.1:443
              errno    4242";
    assert_eq!(full().diagnostic(), expected);
}

#[test]
fn the_public_form_names_nobody() {
    let text = full().public();
    assert_eq!(
        text,
        "DEADLINE_EXCEEDED DEADLINE_NOT_SENT (1101, network): The deadline of 1500 ms passed before the request was \
         sent, in phase backoff; last problem: NETWORK_UNREACHABLE."
    );
}

#[test]
fn a_language_renders_from_json() {
    assert_eq!(render(FULL, Style::Line).unwrap(), full().line());
    assert_eq!(render(FULL, Style::Diagnostic).unwrap(), full().diagnostic());
    assert_eq!(render(FULL, Style::Public).unwrap(), full().public());
    assert!(render("{", Style::Line).is_err());
}

#[test]
fn debug_shows_no_more_than_the_line() {
    let mut failure = full();
    failure.record_mut().peer_text = Some("CANARY".into());
    assert_eq!(format!("{failure:?}"), format!("Failure({})", failure.line()));
    assert!(!format!("{failure:?} {:#?}", failure.record()).contains("CANARY"));
}

#[test]
fn suppressed_peer_text_leaves_no_word_of_the_peer() {
    let mut failure = full();
    failure.record_mut().suppress_peer_text();
    let json = failure.to_json();
    assert!(!json.contains("peer_text") && !json.contains("google.rpc"), "{json}");
}

#[test]
fn the_underlying_failure_is_the_source() {
    let failure = full();
    let source = std::error::Error::source(&failure).and_then(|source| source.downcast_ref::<Failure>());
    assert_eq!(source.map(Failure::cause), Some(Cause::NetworkUnreachable));
}

#[test]
fn a_clone_is_not_changed_with_its_original() {
    let mut failure = full();
    let clone = failure.clone();
    failure.record_mut().peer = None;
    assert_eq!(clone.to_json(), FULL);
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u32>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        ".*".prop_map(Json::from),
        any::<u64>().prop_map(Json::big),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::List),
            proptest::collection::vec((".*", inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let text = proptest::option::of(".*".prop_map(|text: String| std::sync::Arc::<str>::from(text)));
    let values = proptest::collection::vec(("[a-z_]{1,12}", json_value()), 0..4);
    let extra = proptest::collection::vec(("x-[a-z]{1,8}", json_value()), 0..3);
    let spent = proptest::collection::vec((0..Phase::ALL.len(), any::<u32>()), 0..4);
    let cause = 0..Cause::ALL.len();
    (cause, text.clone(), text, values, extra, spent, any::<[u64; 4]>()).prop_map(
        |(cause, method, peer, values, extra, spent, counts)| {
            let mut record = Record::new(Cause::ALL[cause]);
            (record.method, record.peer) = (method, peer);
            record.evidence = values.into_iter().map(|(key, value)| (key.into(), value)).collect();
            record.extra = extra;
            record.elapsed =
                spent.into_iter().map(|(phase, ms)| (Phase::ALL[phase], Duration::from_millis(ms.into()))).collect();
            let [sent_messages, sent_bytes, received_messages, received_bytes] = counts;
            record.stream =
                Some(StreamFacts { sent_messages, sent_bytes, received_messages, received_bytes, id: None });
            record.attempts = [Attempt { elapsed: record.elapsed.clone(), ..Attempt::default() }].into();
            Failure::new(record)
        },
    )
}

proptest! {
    #![proptest_config(crate::failure::seeded())]

    #[test]
    fn any_record_survives_the_round_trip(failure in any_failure(), below in any_failure()) {
        let mut failure = failure;
        failure.record_mut().underlying = Some(below);
        let json = failure.to_json();
        let read = Failure::from_json(&json).unwrap();
        prop_assert_eq!(read.to_json(), json);
        prop_assert_eq!(read.line(), failure.line());
    }

    #[test]
    fn no_text_panics_the_reader(text in ".*", cut in 0..FULL.len(), byte in any::<char>()) {
        let _ = Failure::from_json(&text);
        let mut broken: String = FULL.chars().take(cut).collect();
        broken.push(byte);
        broken.extend(FULL.chars().skip(cut + 1));
        if let Ok(read) = Failure::from_json(&broken) {
            let _ = (read.to_json(), read.diagnostic(), read.public());
        }
    }
}
