//! A testbed server inside the test's own process.
use causewire_testbed::{
    Result,
    certificates::Certificates,
    counted::Counts,
    script::Script,
    server::{Running, start},
};
use std::fmt;

/// Stops when dropped.
pub struct Server {
    running: Running,
    _directory: tempfile::TempDir,
}

impl Server {
    /// The echo service on plaintext TCP.
    ///
    /// # Errors
    /// What a server may fail of: no port, no directory.
    pub async fn echo() -> Result<Self> {
        Self::script(Script::default()).await
    }

    /// A server that does what its script says.
    ///
    /// # Errors
    /// As [`Server::echo`].
    pub async fn script(script: Script) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let certificates = Certificates::generate()?;
        let running = start(script, &certificates, directory.path(), "server").await?;
        Ok(Server { running, _directory: directory })
    }

    /// `127.0.0.1:PORT`.
    pub fn target(&self) -> &str {
        &self.running.place.address
    }

    /// What the server has received.
    pub fn counts(&self) -> Counts {
        self.running.counts()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("target", &self.target()).finish_non_exhaustive()
    }
}
