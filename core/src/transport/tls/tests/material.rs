//! Material that cannot be used is refused when it is parsed.
use super::{
    super::{name::host, *},
    pki::*,
};
use crate::failure::evidence::Evidence;

fn refused(pem: &TlsPem<'_>) -> String {
    let evidence = *TlsMaterial::parse(pem).expect_err("refused");
    let Evidence::TlsMaterial { field, .. } = &evidence else { panic!("{evidence:?}") };
    field.to_string()
}

#[test]
fn bad_material_names_its_field_and_shows_nothing_of_it() {
    let ca = ca("Known");
    let (ours, other) = (cert(Some(&ca), |_| {}), cert(Some(&ca), |_| {}));
    let good = TlsPem {
        ca_pem: Some(ca.pem().leak().as_bytes()),
        cert_pem: Some(ours.pem.as_bytes()),
        key_pem: Some(ours.key_pem.as_bytes()),
        server_name: None,
    };
    TlsMaterial::parse(&good).unwrap();
    let broken = b"-----BEGIN CERTIFICATE-----\nCANARY!!!\n-----END CERTIFICATE-----\n";
    let no_der = b"-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n";
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nQ0FOQVJZ\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let bad_key = b"-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----\n";
    let cases = [
        ("tls.ca_pem", TlsPem { ca_pem: Some(broken), ..good }),
        ("tls.ca_pem", TlsPem { ca_pem: Some(no_der), ..good }),
        ("tls.ca_pem", TlsPem { ca_pem: Some(b""), ..good }),
        ("tls.ca_pem", TlsPem { ca_pem: Some(ours.key_pem.as_bytes()), ..good }),
        ("tls.cert_pem", TlsPem { cert_pem: Some(broken), ..good }),
        ("tls.cert_pem", TlsPem { cert_pem: Some(no_der), ..good }),
        ("tls.cert_pem", TlsPem { cert_pem: None, ..good }),
        ("tls.key_pem", TlsPem { key_pem: None, ..good }),
        ("tls.key_pem", TlsPem { key_pem: Some(encrypted), ..good }),
        ("tls.key_pem", TlsPem { key_pem: Some(bad_key), ..good }),
        ("tls.key_pem", TlsPem { key_pem: Some(ours.pem.as_bytes()), ..good }),
        ("tls.key_pem", TlsPem { key_pem: Some(other.key_pem.as_bytes()), ..good }),
        ("tls.server_name", TlsPem { server_name: Some("not a name"), ..good }),
    ];
    for (at, (field, pem)) in cases.iter().enumerate() {
        assert_eq!(refused(pem), *field, "case {at}");
        let evidence = format!("{:?} {pem:?}", TlsMaterial::parse(pem).unwrap_err());
        assert!(!evidence.contains("CANARY") && !evidence.contains("BEGIN"), "{evidence}");
    }
    let Evidence::TlsMaterial { reason, .. } = *TlsMaterial::parse(&cases[11].1).unwrap_err() else { panic!() };
    assert_eq!(reason, "does not belong to tls.cert_pem");
}

#[test]
fn debug_shows_no_key() {
    let ca = ca("Known");
    let ours = cert(Some(&ca), |_| {});
    let pem = TlsPem {
        ca_pem: Some(ca.pem().leak().as_bytes()),
        cert_pem: Some(ours.pem.as_bytes()),
        key_pem: Some(ours.key_pem.as_bytes()),
        server_name: Some("localhost"),
    };
    let shown = format!("{pem:?} {:?}", TlsMaterial::parse(&pem).unwrap());
    assert!(shown.contains("localhost") && shown.len() < 300 && !shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn the_system_has_roots_or_says_that_it_has_none() {
    match TlsMaterial::parse(&TlsPem::default()) {
        Ok(material) => assert!(!material.roots.is_empty()),
        Err(evidence) => assert!(matches!(*evidence, Evidence::TlsMaterial { .. }), "{evidence:?}"),
    }
}

#[test]
fn the_host_of_an_authority() {
    for (authority, expected) in [
        ("users", "users"),
        ("users:443", "users"),
        ("127.0.0.1:443", "127.0.0.1"),
        ("[::1]:443", "::1"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("", ""),
        ("[", ""),
    ] {
        assert_eq!(host(authority), expected, "{authority}");
    }
}
