//! Against a scripted name server on loopback.
use super::*;
use crate::{clock, rt::Handle};
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};
use tokio::net::UdpSocket;

/// What the server says to every question.
#[derive(Clone, Copy, Debug)]
enum Script {
    Addresses,
    NoData,
    Code(u8),
    Silence,
}

async fn server(script: Script) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (socket.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let count = asked.clone();
    Handle::current_or_own().unwrap().spawn("test.dns", async move {
        let mut packet = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
            count.fetch_add(1, SeqCst);
            if let Some(answer) = answer(&packet[..length], script) {
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    });
    (address, asked)
}

/// RFC 1035 section 4.
fn answer(query: &[u8], script: Script) -> Option<Vec<u8>> {
    const A: u8 = 1;
    const AAAA: u8 = 28;
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let question = &query[12..name_end + 4];
    let record: &[u8] = match (script, question[question.len() - 3]) {
        (Script::Addresses, A) => &[0xc0, 12, 0, A, 0, 1, 0, 0, 1, 0, 0, 4, 127, 0, 0, 7],
        (Script::Addresses, AAAA) => {
            &[0xc0, 12, 0, AAAA, 0, 1, 0, 0, 1, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        }
        _ => &[],
    };
    let code = match script {
        Script::Silence => return None,
        Script::Code(code) => code,
        Script::Addresses | Script::NoData => 0,
    };
    let counts = [0, 1, 0, u8::from(!record.is_empty()), 0, 0, 0, 0];
    Some([&query[..2], &[0x81, 0x80 | code], &counts, question, record].concat())
}

async fn look_up(host: &str, script: Script) -> Result<Vec<String>, Evidence> {
    let (address, _) = server(script).await;
    let resolved = DnsResolver::new(host, 80, vec![address]).resolve().await?;
    Ok(resolved.addresses.iter().map(ToString::to_string).collect())
}

fn name(answer: NameAnswer) -> Evidence {
    Evidence::Name { host: "users.test".into(), answer }
}

fn problem(problem: ResolverProblem) -> Evidence {
    Evidence::Resolver { host: "users.test".into(), problem }
}

#[tokio::test]
async fn a_name_has_its_addresses_version_four_first() {
    assert_eq!(look_up("users.test", Script::Addresses).await.unwrap(), ["127.0.0.7:80", "[::1]:80"]);
}

#[tokio::test]
async fn the_ways_to_fail_are_kept_apart() {
    const SERVFAIL: u8 = 2;
    const NXDOMAIN: u8 = 3;
    const REFUSED: u8 = 5;
    for (script, expected) in [
        (Script::Code(NXDOMAIN), name(NameAnswer::NxDomain)),
        (Script::NoData, name(NameAnswer::NoData)),
        (Script::Code(SERVFAIL), problem(ResolverProblem::ServFail)),
        (Script::Code(REFUSED), problem(ResolverProblem::Refused)),
    ] {
        assert_eq!(look_up("users.test", script).await, Err(expected), "{script:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_a_timeout() {
    let start = clock::now();
    assert_eq!(look_up("users.test", Script::Silence).await, Err(problem(ResolverProblem::Timeout)));
    let waited = clock::now().duration_since(start);
    assert!(waited >= Duration::from_secs(5) && waited <= super::super::LOOKUP_TIMEOUT, "{waited:?}");
}

#[tokio::test]
async fn localhost_needs_no_name_server() {
    let (address, asked) = server(Script::Code(2)).await;
    let resolved = DnsResolver::new("localhost", 80, vec![address]).resolve().await.unwrap();
    let all: Vec<_> = resolved.addresses.iter().map(ToString::to_string).collect();
    assert!(all.contains(&"127.0.0.1:80".to_owned()), "{all:?}");
    assert_eq!(asked.load(SeqCst), 0);
}

#[tokio::test]
async fn every_lookup_asks_again() {
    let (address, asked) = server(Script::Addresses).await;
    let resolver = DnsResolver::new("users.test", 80, vec![address]);
    resolver.resolve().await.unwrap();
    let first = asked.load(SeqCst);
    resolver.resolve().await.unwrap();
    assert!(asked.load(SeqCst) > first);
}

#[tokio::test]
async fn the_servers_of_the_options_are_asked_unless_the_target_names_one() {
    use crate::{
        options::{ChannelOptions, DnsOptions, Secret},
        resolve::{Target, resolver},
    };
    let ((good, _), (bad, _)) = (server(Script::Addresses).await, server(Script::Code(5)).await);
    let look_up = async |target: &str, server: SocketAddr| {
        let dns = DnsOptions { servers: vec![server.to_string()], ..DnsOptions::default() };
        let proxy = Some(Secret::new("off".to_owned()));
        let options = ChannelOptions { dns, proxy, ..ChannelOptions::default() };
        resolver(&Target::parse(target, false).unwrap(), None, &options, "rust").unwrap().resolve().await
    };
    assert!(look_up("dns:///users.test:80", good).await.is_ok());
    assert_eq!(look_up("users.test", bad).await, Err(problem(ResolverProblem::Refused)));
    assert!(look_up(&format!("dns://{good}/users.test"), bad).await.is_ok());
}
