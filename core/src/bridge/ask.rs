//! Questions to the host: a token, the addresses of a name. Bounded by the deadline of whoever waits, cancellable,
//! answered by number.
use super::{
    event::{Ask, AskKind, Event},
    queue::Post,
};
use crate::{
    credentials::{Provider, ProviderError, TokenFuture, TokenRequest},
    failure::{Evidence, ResolverProblem},
    options::Secret,
    resolve::{Resolution, ResolveFuture, ResolveHook},
};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tokio::sync::oneshot;

/// What the host answers. An exception's text never crosses: it may hold the secret itself.
#[derive(Debug)]
pub enum Answer {
    /// For `authorization: Bearer …`.
    Token(Secret<String>),
    /// For [`AskKind::Resolve`].
    Resolution(Resolution),
    /// The callback failed; `unavailable`: what it depends on could not be reached.
    Failed {
        /// What the callback depends on could not be reached.
        unavailable: bool,
    },
}

/// For a question that nobody will answer: what it was about can be asked again.
const NOBODY: Answer = Answer::Failed { unavailable: true };

/// The open questions of one channel.
pub(super) struct Asks {
    home: Post,
    open: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Asks {
    pub(super) fn new(home: Post) -> Arc<Self> {
        Arc::new(Asks { home, open: Mutex::default() })
    }

    /// An answer nobody waits for any more is dropped.
    pub(super) fn answer(&self, id: u64, answer: Answer) {
        let waiting = self.lock().remove(&id);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    async fn ask(&self, kind: AskKind) -> Answer {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id, sender);
        let asked = Asked { asks: self, id };
        if !self.home.ask(Event::Ask(Ask { id, kind })) {
            return asked.given_up();
        }
        tokio::select! {
            answer = receiver => answer.unwrap_or(NOBODY),
            () = self.home.closed() => asked.given_up(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Takes a question back when its asker stops waiting, and tells the host.
struct Asked<'a> {
    asks: &'a Asks,
    id: u64,
}

impl Asked<'_> {
    /// Nobody is there to answer it.
    fn given_up(&self) -> Answer {
        self.asks.lock().remove(&self.id);
        NOBODY
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let unanswered = self.asks.lock().remove(&self.id).is_some();
        if unanswered {
            self.asks.home.withdraw(self.id);
        }
    }
}

impl Provider for Asks {
    fn name(&self) -> &str {
        "token_provider"
    }

    fn token(&self, request: TokenRequest) -> TokenFuture<'_> {
        Box::pin(async move {
            let kind = AskKind::Token { method: request.method, audience: request.audience };
            match self.ask(kind).await {
                Answer::Token(token) => Ok(token),
                Answer::Failed { unavailable: true } => Err(ProviderError::Unavailable),
                Answer::Failed { unavailable: false } | Answer::Resolution(_) => Err(ProviderError::Refused),
            }
        })
    }
}

impl ResolveHook for Asks {
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a> {
        Box::pin(async move {
            match self.ask(AskKind::Resolve { target: Secret::new(target.into()) }).await {
                Answer::Resolution(found) => Ok(found),
                Answer::Failed { .. } | Answer::Token(_) => {
                    Err(Evidence::Resolver { host: target.into(), problem: ResolverProblem::Plugin })
                }
            }
        })
    }
}

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asks").field("open", &self.lock().len()).finish()
    }
}
