use proptest::prelude::*;

use super::*;
use crate::failure::Evidence;

fn entries(metadata: &Metadata) -> Vec<(String, Vec<u8>)> {
    metadata.iter().map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec())).collect()
}

fn refused(key: &str, value: &[u8]) -> MetadataFault {
    Metadata::new().append(key, value).unwrap_err()
}

#[test]
fn order_and_duplicates_are_kept_and_keys_are_lower_case() {
    let mut metadata = Metadata::new();
    for (key, value) in [("X-B", "1"), ("a.b_c", "2"), ("x-b", ""), ("x-b", " ~")] {
        metadata.append(key, value.as_bytes()).unwrap();
    }
    let pair = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    assert_eq!(entries(&metadata), [pair("x-b", "1"), pair("a.b_c", "2"), pair("x-b", ""), pair("x-b", " ~")]);
    assert_eq!(metadata.get("x-b"), Some(Value::Ascii(b"1")));
    assert_eq!((metadata.len(), metadata.is_empty()), (4, false));
}

#[test]
fn what_may_not_be_sent_is_named_without_its_value() {
    for (key, offset) in [("a key", Some(1)), ("a\n", Some(1)), ("é", Some(0)), (":path", Some(0)), ("a,b", Some(1))] {
        let fault = refused(key, b"CANARY");
        assert_eq!((fault.part, fault.key.as_deref(), fault.offset), (Part::Key, None, offset), "{key}");
    }
    assert_eq!(refused("", b"").reason, "has an empty key");
    for key in ["grpc-timeout", "GRPC-x", "te", "content-type", "User-Agent", "host", "connection", "transfer-encoding"]
    {
        let fault = refused(key, b"CANARY");
        assert_eq!((fault.part, fault.key), (Part::Key, Some(key.to_ascii_lowercase())), "{key}");
    }
    for value in [&b"CANARY\n"[..], b"CANARY\r", b"CANARY\0", b"CANARY\x7f", b"CANARY\xff", b"CANARY\t"] {
        let fault = refused("X-Token", value);
        assert_eq!((fault.part, fault.offset, fault.field()), (Part::Value, Some(6), "metadata.x-token".into()));
        let shown = format!("{fault} {fault:?} {:?}", fault.evidence());
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}

#[test]
fn a_fault_is_evidence_with_the_path_of_the_entry() {
    let Evidence::Request { field, reason } = refused("x-token", b"a\n").evidence() else { panic!() };
    assert_eq!(field, "metadata.x-token");
    assert!(reason.ends_with("(byte 1)"), "{reason}");
}

#[test]
fn binary_values_leave_unpadded_and_are_read_in_every_form() {
    let mut metadata = Metadata::new();
    metadata.append("trace-bin", &[0, 1, 0xff, 0xfe]).unwrap();
    metadata.append("empty-bin", b"").unwrap();
    let mut headers = HeaderMap::new();
    metadata.clone().extend_headers(&mut headers);
    assert_eq!(headers.get("trace-bin").unwrap(), "AAH//g");
    assert_eq!(entries(&metadata)[0].1, [0, 1, 0xff, 0xfe]);
    assert_eq!(metadata.get("empty-bin"), Some(Value::Binary(Bytes::new())));

    let read = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.append("x-bin", HeaderValue::from_static(value));
        entries(&Metadata::from_headers(headers)).into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(read("AAE"), [[0, 1]]);
    assert_eq!(read("AAE="), [[0, 1]]);
    assert_eq!(read("AAE=,Ag, AwQ="), [vec![0, 1], vec![2], vec![3, 4]]);
    assert_eq!(read("not base64!"), [b"not base64!"], "kept as it came rather than lost");
}

#[test]
fn a_peers_headers_lose_only_the_status() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("grpc-status", "0"),
        ("x-a", "1"),
        ("grpc-message", "m"),
        ("x-b", "\u{e9}"),
        ("x-a", "2"),
        ("grpc-status-details-bin", "AA"),
        ("grpc-encoding", "gzip"),
    ] {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let keys: Vec<String> = entries(&Metadata::from_headers(headers)).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["x-a", "x-a", "x-b", "grpc-encoding"]);
}

#[test]
fn what_a_peer_sent_can_be_added_to() {
    let mut headers = HeaderMap::new();
    headers.append("grpc-status", HeaderValue::from_static("0"));
    headers.append("x-a", HeaderValue::from_static("1"));
    let mut metadata = Metadata::from_headers(headers);
    assert_eq!((metadata.len(), metadata.is_empty()), (1, false));
    metadata.append("x-b", b"2").unwrap();
    let mut same = Metadata::new();
    same.append("x-a", b"1").unwrap();
    assert_ne!(metadata, same);
    same.append("x-b", b"2").unwrap();
    assert_eq!(metadata, same);
}

#[test]
fn a_key_is_judged_alike_however_often_it_comes() {
    let long = "x".repeat(100);
    for _ in 0..2 {
        for key in ["x-tenant", "X-Tenant", &long] {
            let mut metadata = Metadata::new();
            metadata.append(key, b"v").unwrap();
            assert_eq!(entries(&metadata), [(key.to_ascii_lowercase(), b"v".to_vec())]);
        }
        assert_eq!(refused("grpc-x", b"").key.as_deref(), Some("grpc-x"));
        // more keys than are remembered
        for n in 0..100 {
            let (key, mut metadata) = (format!("x-{n}"), Metadata::new());
            metadata.append(&key, b"").unwrap();
            assert_eq!(metadata.get(&key), Some(Value::Ascii(b"")));
        }
    }
}

#[test]
fn size_is_counted_as_grpc_does() {
    let mut metadata = Metadata::new();
    metadata.append("ab", b"cde").unwrap();
    metadata.append("x-bin", &[0, 1]).unwrap();
    let mut headers = HeaderMap::new();
    metadata.clone().extend_headers(&mut headers);
    assert_eq!(metadata.size(), (2 + 3 + 32) + (5 + 3 + 32));
    assert_eq!(headers_size(&headers), metadata.size());
}

#[test]
fn debug_shows_keys_and_lengths() {
    let mut metadata = Metadata::new();
    metadata.append("authorization", b"Bearer CANARY").unwrap();
    let shown = format!("{metadata:?} {:?}", metadata.get("authorization"));
    assert!(shown.contains("authorization") && shown.contains("13 bytes") && !shown.contains("CANARY"), "{shown}");
}

#[test]
fn the_flat_form_is_exact() {
    let mut metadata = Metadata::new();
    metadata.append("k", b"v").unwrap();
    metadata.append("b-bin", &[7]).unwrap();
    let packed = metadata.pack();
    assert_eq!(packed, b"\x01\0\0\0k\x01\0\0\0v\x05\0\0\0b-bin\x01\0\0\0\x07");
    assert_eq!(Metadata::unpack(&packed.clone().into()).unwrap(), metadata);
    assert_eq!(Metadata::unpack(&Bytes::new()).unwrap(), Metadata::new());
}

#[test]
fn a_bad_flat_form_says_which_entry() {
    let entry = |key: &[u8], value: &[u8]| {
        let mut packed = Vec::new();
        for part in [key, value] {
            packed.extend_from_slice(&u32::try_from(part.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(part);
        }
        packed
    };
    let good = entry(b"k", b"v");
    for (second, part) in [
        (entry(b"k", b"a\n"), Part::Value),
        (entry(b"\xff", b""), Part::Key),
        (entry(b"grpc-x", b""), Part::Key),
        (b"\x01\0\0".to_vec(), Part::Frame),
        (b"\xff\xff\xff\xffk".to_vec(), Part::Frame),
        (b"\x01\0\0\0k\x02\0\0\0v".to_vec(), Part::Frame),
    ] {
        let fault = Metadata::unpack(&[good.clone(), second].concat().into()).unwrap_err();
        assert_eq!((fault.part, fault.index), (part, Some(1)));
    }
    assert_eq!(Metadata::unpack(&entry(b"a b", b"").into()).unwrap_err().field(), "metadata[0]");
}

proptest! {
    #![proptest_config(crate::failure::seeded())]

    #[test]
    fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(metadata) = Metadata::unpack(&bytes.into()) {
            prop_assert_eq!(Metadata::unpack(&metadata.pack().into()).unwrap(), metadata);
        }
    }

    #[test]
    fn what_is_valid_survives(
        list in proptest::collection::vec(("x-[a-z0-9_.-]{0,8}", "[ -~]{0,20}", proptest::collection::vec(any::<u8>(), 0..20)), 0..5),
    ) {
        let mut metadata = Metadata::new();
        for (key, text, bytes) in &list {
            let key = key.trim_end_matches("-bin");
            metadata.append(key, text.as_bytes()).unwrap();
            metadata.append(&format!("{key}-bin"), bytes).unwrap();
        }
        let given: Vec<(String, Vec<u8>)> = list.iter().flat_map(|(key, text, bytes)| {
            let key = key.trim_end_matches("-bin");
            [(key.to_owned(), text.clone().into_bytes()), (format!("{key}-bin"), bytes.clone())]
        }).collect();
        prop_assert_eq!(entries(&metadata), given);
        prop_assert_eq!(Metadata::unpack(&metadata.pack().into()).unwrap(), metadata);
    }

    #[test]
    fn no_header_of_a_peer_panics(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let mut headers = HeaderMap::new();
            headers.append("x-bin", value);
            let metadata = Metadata::from_headers(headers);
            prop_assert!(!metadata.pack().is_empty() && metadata.size() > 32);
        }
    }
}
