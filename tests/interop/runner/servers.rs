//! The servers, which others wrote, and ours.
use crate::Result;
use causewire_testbed::{
    certificates::Certificates,
    script::{Script, Testbed},
    server::{Running, start},
};
use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, sleep},
};

/// How long a server may take to listen: a JVM on a loaded machine.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A server that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) port: u16,
    _child: Option<Child>,
    _testbed: Option<(Running, tempfile::TempDir)>,
}

/// `program` of the same project instead of its usual one.
pub(crate) async fn launch(name: &str, tls: bool, program: Option<&str>) -> Result<Server> {
    match name {
        "grpc-go" => grpc_go(tls).await,
        "grpc-java" => grpc_java(tls, program).await,
        "testbed" if !tls => testbed(program).await,
        "testbed" => Err("the testbed has no certificate of the interop tests".into()),
        _ => Err(format!("no server is called {name}").into()),
    }
}

async fn grpc_go(tls: bool) -> Result<Server> {
    let directory = directory("CAUSEWIRE_INTEROP_GO")?;
    let port = free_port().await?;
    let mut command = Command::new(directory.join("server"));
    command.arg(format!("-port={port}")).arg(format!("-use_tls={tls}"));
    for (flag, file) in [("-tls_cert_file", "server1.pem"), ("-tls_key_file", "server1.key")] {
        command.arg(flag).arg(directory.join(file));
    }
    process(command, port).await
}

async fn grpc_java(tls: bool, program: Option<&str>) -> Result<Server> {
    let port = free_port().await?;
    let mut command = Command::new("java");
    command.arg("-Xmx1g").arg("-cp").arg(jars(&directory("CAUSEWIRE_INTEROP_JAVA")?));
    match program {
        Some(program) => command.arg(program),
        None => command.arg("io.grpc.testing.integration.TestServiceServer").arg(format!("--use_tls={tls}")),
    };
    command.arg(format!("--port={port}"));
    process(command, port).await
}

fn jars(directory: &Path) -> OsString {
    directory.join("*").into_os_string()
}

async fn testbed(program: Option<&str>) -> Result<Server> {
    let max_concurrent_streams = match program {
        None => None,
        Some("two_streams") => Some(2),
        Some(other) => return Err(format!("the testbed has no program {other}").into()),
    };
    let script = Script { testbed: Testbed { max_concurrent_streams, ..Testbed::default() }, ..Script::default() };
    let directory = tempfile::tempdir()?;
    let running = start(script, &Certificates::generate()?, directory.path(), "testbed").await?;
    let port = running.place.port.ok_or("no port")?;
    Ok(Server { port, _child: None, _testbed: Some((running, directory)) })
}

fn directory(variable: &str) -> Result<PathBuf> {
    let path =
        std::env::var_os(variable).ok_or_else(|| format!("{variable} says where the server is, and is not set"))?;
    Ok(PathBuf::from(path))
}

/// Free at this moment; the servers cannot say which port they chose themselves.
async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port())
}

async fn process(mut command: Command, port: u16) -> Result<Server> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| format!("{:?}: {e}", command.as_std().get_program()))?;
    let until = Instant::now() + START;
    loop {
        if let Some(status) = child.try_wait()? {
            return Err(format!("{:?} ended: {status}", command.as_std().get_program()).into());
        }
        if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_ok() {
            return Ok(Server { port, _child: Some(child), _testbed: None });
        }
        if Instant::now() > until {
            return Err(format!("{:?} does not listen", command.as_std().get_program()).into());
        }
        sleep(POLL).await;
    }
}
