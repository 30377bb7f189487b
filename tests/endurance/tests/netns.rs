//! A path that goes dead between two machines, which takes two network namespaces: the kernel notices it before we do.
use bytes::Bytes;
use causewire::{Channel, ChannelOptions, Kind, Request, failure::Cause};
use causewire_testbed::pb::testbed::EchoRequest;
use prost::Message;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::time::timeout;

const UNARY: &str = "/causewire.testbed.v1.Testbed/Echo";
const BIDI: &str = "/causewire.testbed.v1.Testbed/EchoBidi";
const PORT: u16 = 7443;

/// A namespace with one server, at the other end of a cable.
struct Machine {
    name: String,
    client: String,
    server: String,
    child: Child,
}

impl Machine {
    /// Why there is none: a sentence.
    fn start() -> Result<Machine, String> {
        let id = std::process::id();
        let (name, near, far) = (format!("cw-{id}"), format!("cwn{id}"), format!("cwf{id}"));
        // Addresses for documentation (RFC 5737), of two machines only.
        let (client, server) = ("198.51.100.1".to_owned(), "198.51.100.2".to_owned());
        ip(&["netns", "add", &name])?;
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &name])?;
        ip(&["addr", "add", &format!("{client}/30"), "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        ip(&["-n", &name, "addr", "add", &format!("{server}/30"), "dev", &far])?;
        ip(&["-n", &name, "link", "set", &far, "up"])?;
        let mut child = Command::new("ip")
            .args(["netns", "exec", &name, env!("CARGO_BIN_EXE_causewire-endurance"), "backend"])
            .arg(format!("{server}:{PORT}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the server does not start in its namespace");
        Ok(Machine { name, client, server, child })
    }

    /// From now on the server's packets go nowhere, and nobody is told.
    fn cut(&self) {
        ip(&["-n", &self.name, "route", "add", "blackhole", &self.client]).unwrap();
    }

    fn mend(&self) {
        ip(&["-n", &self.name, "route", "del", "blackhole", &self.client]).unwrap();
    }

    fn channel(&self) -> Channel {
        let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        Channel::builder(format!("{}:{PORT}", self.server)).options(options).build().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // With the namespace goes its end of the cable, and so the whole.
        let _ = ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("`ip` (iproute2): {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn echo() -> Bytes {
    EchoRequest { payload: b"hello".to_vec(), ..EchoRequest::default() }.encode_to_vec().into()
}

async fn call(channel: &Channel) -> Result<(), causewire::RpcError> {
    let request = Request::new(echo()).timeout(Duration::from_secs(60));
    channel.unary_bytes(UNARY, request).await.map(drop)
}

/// One machine and one cable for all cases, because they wait at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_path_is_found_and_replaced_with_default_options() {
    if !is_permitted() {
        eprintln!("\n\n  SKIPPED: this test needs the privilege to make network namespaces (CAP_SYS_ADMIN)\n\n");
        return;
    }
    let machine = Machine::start().unwrap_or_else(|reason| panic!("{reason}"));
    let (quiet, busy) = (machine.channel(), machine.channel());
    call(&busy).await.unwrap();
    let mut silent = quiet.start::<(), ()>(BIDI, Kind::Bidi, Request::new(None)).unwrap();
    assert!(silent.send_bytes(echo()).await.unwrap());
    assert!(silent.message_bytes().await.unwrap().is_some());

    machine.cut();
    let cut = Instant::now();
    // Nothing to send: the kernel's keepalive asks. Something to send that is not acknowledged: TCP_USER_TIMEOUT.
    let (read, sent) = tokio::join!(
        timeout(Duration::from_secs(60), silent.message_bytes()),
        timeout(Duration::from_secs(60), call(&busy)),
    );
    for (failure, what) in [(read.unwrap().unwrap_err(), "silent"), (sent.unwrap().unwrap_err(), "busy")] {
        let failure = failure.failure();
        eprintln!("{what}: {} after {:.1} s", failure.to_json(), cut.elapsed().as_secs_f64());
        assert_eq!(failure.cause(), Cause::KeepaliveTimeout, "{what}");
        let errno = failure.record().evidence("errno_name").and_then(|name| name.as_str());
        assert_eq!(errno, Some("ETIMEDOUT"), "{what}");
    }
    assert!(cut.elapsed() < Duration::from_secs(45), "{:?}", cut.elapsed());

    machine.mend();
    for channel in [&quiet, &busy] {
        let mut request = Request::new(echo()).timeout(Duration::from_secs(60));
        request.options.wait_for_ready = Some(true);
        channel.unary_bytes(UNARY, request).await.unwrap();
    }
}

/// Asks the kernel for a namespace in a thread of its own, which then ends, and the namespace with it.
fn is_permitted() -> bool {
    let denied = std::thread::spawn(|| {
        // SAFETY: takes no memory; it is about this thread alone.
        let made = unsafe { libc::unshare(libc::CLONE_NEWNET) } == 0;
        !made && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
    });
    !denied.join().unwrap()
}
