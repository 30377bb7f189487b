//! One run of an interop client.
use crate::Result;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{process::Command, time::timeout};

const PATIENCE: Duration = Duration::from_secs(120);
/// A name that the servers' certificate holds for.
const HOST: &str = "foo.test.google.fr";

#[derive(Debug)]
pub(crate) struct Client {
    program: PathBuf,
    language: String,
    tls: bool,
}

impl Client {
    pub(crate) fn new(language: &str, tls: bool) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("client");
        Client { program, language: language.to_owned(), tls }
    }

    /// Runs a case.
    ///
    /// # Errors
    /// What the client said before it failed.
    pub(crate) async fn run(&self, case: &str, port: u16, flags: &[String]) -> Result {
        let mut command = Command::new(&self.program);
        command.arg(&self.language).arg(format!("--test_case={case}")).args(flags);
        command.args(["--server_host=127.0.0.1".into(), format!("--server_port={port}")]);
        if self.tls {
            command.args(["--use_tls=true", "--use_test_ca=true"]).arg(format!("--server_host_override={HOST}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let ended = timeout(PATIENCE, command.output()).await;
        let output = ended.map_err(|_| format!("no end within {} s", PATIENCE.as_secs()))??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}\n{said}", output.status).into())
    }
}
