//! How a failure shows itself: as JSON, as text, as an error.
use super::{Failure, NotARecord, Record, Style, read, render as rendering, write};
use std::fmt;

impl Failure {
    /// The canonical JSON, the same bytes in every language.
    pub fn to_json(&self) -> String {
        write::to_json(self.record())
    }

    /// Reads a record that this or another version wrote. Keys that are not known are kept; a cause that is not known
    /// becomes the generic cause of its layer.
    ///
    /// # Errors
    /// [`NotARecord`] when the text is not JSON, or is not a record.
    pub fn from_json(json: &str) -> Result<Self, NotARecord> {
        read::from_json(json)
    }

    /// `UNAVAILABLE TLS_CERT_EXPIRED (tls, security, fix): … [dns:///users:443 10.0.0.7:443]`.
    pub fn line(&self) -> String {
        rendering::line(self.record())
    }

    /// Everything, on several lines, for the person who has to repair it. Has addresses and names.
    pub fn diagnostic(&self) -> String {
        rendering::diagnostic(self.record())
    }

    /// One line without addresses and names, to be shown to a stranger.
    pub fn public(&self) -> String {
        rendering::public(self.record())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({})", self.line())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.record().underlying.as_ref().map(|failure| failure as _)
    }
}

/// Renders a record from its JSON, for a language that holds nothing else.
///
/// # Errors
/// [`NotARecord`] when the text is not JSON, or is not a record.
pub fn render(json: &str, style: Style) -> Result<String, NotARecord> {
    let failure = Failure::from_json(json)?;
    Ok(match style {
        Style::Line => failure.line(),
        Style::Diagnostic => failure.diagnostic(),
        Style::Public => failure.public(),
    })
}

/// One line, so that no format string can print more than a log may hold.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", rendering::line(self))
    }
}
