//! TLS servers as a client that verifies sees them.
use crate::common::{call_over, serve, tls};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use serde_json::json;
use std::io;

fn reason(error: &io::Error) -> &TlsError {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

#[tokio::test]
async fn a_good_certificate_is_accepted() {
    let running = serve(json!({"tls": {}})).await;
    let story = call_over(tls(&running, None).await.unwrap()).await;
    assert_eq!(story.grpc_status(), Some("0"));
}

#[tokio::test]
async fn each_bad_certificate_fails_for_its_own_reason() {
    let refused = async |certificate: &str| {
        let running = serve(json!({"tls": {"certificate": certificate}})).await;
        match reason(&tls(&running, None).await.unwrap_err()) {
            TlsError::InvalidCertificate(error) => error.clone(),
            other => panic!("{certificate}: {other}"),
        }
    };
    assert!(matches!(refused("expired").await, CertificateError::ExpiredContext { .. }));
    assert!(matches!(refused("not_yet_valid").await, CertificateError::NotValidYetContext { .. }));
    assert!(matches!(refused("wrong_name").await, CertificateError::NotValidForNameContext { .. }));
    for certificate in ["unknown_ca", "self_signed", "chain_incomplete"] {
        assert_eq!(refused(certificate).await, CertificateError::UnknownIssuer, "{certificate}");
    }
    assert!(matches!(refused("client_auth_only").await, CertificateError::InvalidPurposeContext { .. }));
}

#[tokio::test]
async fn client_certificates_are_demanded_and_their_refusal_arrives() {
    let alert = async |client: Option<(&str, &str)>| {
        let running = serve(json!({"tls": {"client_certificate": true}})).await;
        let mut stream = tls(&running, client).await.unwrap();
        let error = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 10]).await.unwrap_err();
        match reason(&error) {
            TlsError::AlertReceived(alert) => *alert,
            other => panic!("{other}"),
        }
    };
    assert_eq!(alert(None).await, AlertDescription::CertificateRequired);
    assert_eq!(alert(Some(("client_wrong_ca", "client_wrong_ca_key"))).await, AlertDescription::UnknownCA);
    assert_eq!(alert(Some(("client_expired", "client_expired_key"))).await, AlertDescription::CertificateExpired);
    let running = serve(json!({"tls": {"client_certificate": true}})).await;
    let stream = tls(&running, Some(("client", "client_key"))).await.unwrap();
    assert_eq!(call_over(stream).await.grpc_status(), Some("0"));
}

#[tokio::test]
async fn alpn_can_be_absent_or_wrong() {
    let running = serve(json!({"tls": {"alpn": []}})).await;
    assert_eq!(tls(&running, None).await.unwrap().get_ref().1.alpn_protocol(), None);
    let running = serve(json!({"tls": {"alpn": ["http/1.1"]}})).await;
    let error = tls(&running, None).await.unwrap_err();
    assert_eq!(reason(&error), &TlsError::AlertReceived(AlertDescription::NoApplicationProtocol));
}
