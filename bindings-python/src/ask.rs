//! A question of the core to a Python callback. It answers itself, so that nobody has to keep the channel for it.
use causewire::bridge::{self, Answer, AskKind, Resolution, Secret};
use pyo3::prelude::*;

#[pyclass(frozen, module = "causewire._causewire")]
pub(crate) struct Ask {
    ask: bridge::Ask,
    channel: crate::fork::Owned<bridge::Channel>,
}

#[pymethods]
impl Ask {
    #[getter]
    fn id(&self) -> u64 {
        self.ask.id
    }

    /// `token` or `resolve`
    #[getter]
    fn kind(&self) -> &'static str {
        match self.ask.kind {
            AskKind::Token { .. } => "token",
            AskKind::Resolve { .. } => "resolve",
        }
    }

    #[getter]
    fn method(&self) -> &str {
        match &self.ask.kind {
            AskKind::Token { method, .. } => method,
            AskKind::Resolve { .. } => "",
        }
    }

    #[getter]
    fn audience(&self) -> &str {
        match &self.ask.kind {
            AskKind::Token { audience, .. } => audience,
            AskKind::Resolve { .. } => "",
        }
    }

    #[getter]
    fn target(&self) -> &str {
        match &self.ask.kind {
            AskKind::Resolve { target } => target.expose(),
            AskKind::Token { .. } => "",
        }
    }

    fn token(&self, token: String) {
        self.answer(Answer::Token(Secret::new(token)));
    }

    #[pyo3(signature = (addresses, service_config=None))]
    fn resolution(&self, addresses: Vec<String>, service_config: Option<String>) {
        self.answer(Answer::Resolution(Resolution { addresses, service_config }));
    }

    /// `unavailable`: what the callback depends on could not be reached.
    fn failed(&self, unavailable: bool) {
        self.answer(Answer::Failed { unavailable });
    }
}

impl Ask {
    pub(crate) fn new(ask: bridge::Ask, channel: bridge::Channel) -> Self {
        Ask { ask, channel: crate::fork::Owned::new(channel) }
    }

    fn answer(&self, answer: Answer) {
        if let Some(channel) = self.channel.get() {
            channel.answer(self.ask.id, answer);
        }
    }
}
