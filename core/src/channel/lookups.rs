//! The lookups of one channel: one at a time, when `Pace` allows.
use crate::{
    clock::{self, Instant},
    failure::{Evidence, Failure, Phase, Reached, ShownTarget, Situation, diagnose},
    options::ChannelOptions,
    resolve::{Lookup, Pace, Resolved, Resolver, look_up},
};
use std::{fmt, future::pending, sync::Arc, time::Duration};

/// Owned by the controller.
pub(super) struct Lookups {
    resolver: Arc<dyn Resolver>,
    target: ShownTarget,
    host: ShownTarget,
    pace: Pace,
    current: Option<(Lookup, Instant)>,
    /// An answer has come.
    answered: bool,
    /// How long the last lookup took.
    took: Duration,
    /// When the last answer of use came.
    resolved: Option<Instant>,
}

impl Lookups {
    pub(super) fn new(
        resolver: Arc<dyn Resolver>,
        target: ShownTarget,
        host: ShownTarget,
        options: &ChannelOptions,
    ) -> Self {
        let pace = Pace::new(&options.dns, &options.backoff);
        Lookups { resolver, target, host, pace, current: None, answered: false, took: Duration::ZERO, resolved: None }
    }

    /// Somebody needs addresses, fresh ones if there are some.
    pub(super) fn want(&mut self) {
        if self.current.is_none() && !(self.answered && self.resolver.is_fixed()) {
            self.pace.want();
        }
    }

    /// The same, and at once.
    pub(super) fn hurry(&mut self) {
        self.pace.hurry();
        self.want();
    }

    /// Another network: a lookup on the old one would only end with its time, and begins anew.
    pub(super) fn network_changed(&mut self) {
        self.current = None;
        self.hurry();
    }

    /// The channel goes idle: nothing is looked up until somebody wants it.
    pub(super) fn stop(&mut self, options: &ChannelOptions) {
        self.pace = Pace::new(&options.dns, &options.backoff);
        (self.current, self.answered) = (None, false);
    }

    /// No answer has come yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.current.is_some() && !self.answered
    }

    /// Whether a lookup runs at this moment.
    pub(super) fn is_running(&self) -> bool {
        self.current.is_some()
    }

    /// When [`Lookups::tick`] has something to do.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        if self.current.is_some() { None } else { self.pace.due(now) }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) {
        // By `now` and not by the clock, which has moved on: `due` may mean "at once".
        if self.due(now).is_some_and(|due| due <= now) {
            self.pace.began();
            self.current = Some((Box::pin(look_up(self.resolver.clone(), self.host.clone())), now));
        }
    }

    /// The next answer, which is to be accepted or refused; never, while nothing is looked up.
    pub(super) async fn answer(&mut self) -> Result<Resolved, Failure> {
        let Some((lookup, started)) = &mut self.current else { return pending().await };
        let started = *started;
        let result = lookup.await;
        self.current = None;
        let now = clock::now();
        self.took = now.saturating_duration_since(started);
        result.map_err(|evidence| {
            self.pace.failed(now);
            self.failure(evidence, self.took)
        })
    }

    /// The last answer, which came at this time, is of use.
    pub(super) fn accept(&mut self, at: Instant) {
        self.pace.succeeded(at);
        self.answered = true;
        self.resolved = (!self.resolver.is_fixed()).then_some(at);
    }

    /// How old the addresses are; absent, where they do not age.
    pub(super) fn age(&self) -> Option<Duration> {
        self.resolved.map(|at| clock::now().saturating_duration_since(at))
    }

    /// The last answer is of no use: it counts as none, and is asked for again as after a failure.
    pub(super) fn refuse(&mut self, evidence: Evidence) -> Failure {
        self.pace.failed(clock::now());
        self.failure(evidence, self.took)
    }

    fn failure(&self, evidence: Evidence, took: Duration) -> Failure {
        let situation = Situation {
            reached: Some(Reached::No),
            phase: Some(Phase::Resolve),
            target: Some(self.target.clone()),
            ..Situation::default()
        };
        let mut failure = diagnose(evidence, situation);
        failure.record_mut().elapsed = vec![(Phase::Resolve, took)];
        failure
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("target", &self.target).field("running", &self.is_running()).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        balance::Waiting,
        channel::{ChannelCore, Parts},
        clock,
        failure::{Cause, Failure},
        observe::LogSink,
        options::ChannelOptions,
        resolve::{ResolveFuture, ResolveHook},
        subchannel::testing::{Server, rt},
    };
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering::Relaxed},
        },
        time::Duration,
    };
    use tokio::time::sleep;

    struct Always(String);

    impl ResolveHook for Always {
        fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
            Box::pin(async { Ok(vec![self.0.clone()].into()) })
        }
    }

    fn channel(hook: Arc<dyn ResolveHook>) -> Arc<ChannelCore> {
        let (user_agent, log) = (http::HeaderValue::from_static("grpc-test"), LogSink::default());
        let parts = Parts { resolver: Some(hook), language: "rust", credentials: None, user_agent, log };
        let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        ChannelCore::new("mine:///users", Arc::new(options), parts, rt()).unwrap()
    }

    fn age_ms(failure: &Failure) -> Option<u64> {
        let record: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
        record["evidence"]["resolved_age_ms"].as_u64()
    }

    async fn failure(channel: &ChannelCore) -> Failure {
        loop {
            match channel.picker().pick(false, &mut |_| ()).await {
                Err(failure) => return failure,
                Ok(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_tells_how_old_the_answer_is_once_that_matters() {
        for (waited, old) in [(Duration::from_secs(2), false), (Duration::from_secs(15), true)] {
            let server = Server::start().await;
            let channel = channel(Arc::new(Always(server.address.to_string())));
            let asked = clock::now();
            channel.picker().pick(true, &mut |_| ()).await.unwrap();
            sleep(waited).await;
            drop(server);
            let failure = failure(&channel).await;
            assert_eq!(failure.cause(), Cause::ConnectRefused);
            let age = clock::now().duration_since(asked).as_millis() as u64;
            assert_eq!(age_ms(&failure), old.then_some(age));
        }
    }

    /// Its first lookup runs on a network that is gone.
    struct Stuck(AtomicBool, String);

    impl ResolveHook for Stuck {
        fn resolve<'a>(&'a self, _: &'a str) -> ResolveFuture<'a> {
            Box::pin(async {
                if !self.0.swap(true, Relaxed) {
                    std::future::pending::<()>().await;
                }
                Ok(vec![self.1.clone()].into())
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_network_begins_the_running_lookup_anew() {
        let server = Server::start().await;
        let hook = Stuck(AtomicBool::new(false), server.address.to_string());
        let channel = channel(Arc::new(hook));
        let asked = clock::now();
        let picker = channel.picker();
        let mut ignore = |_: &Waiting| ();
        let picked = picker.pick(true, &mut ignore);
        let changed = async {
            sleep(Duration::from_secs(1)).await;
            channel.network_changed();
        };
        let (picked, ()) = tokio::join!(picked, changed);
        picked.unwrap();
        assert_eq!(clock::now().duration_since(asked).as_secs(), 1);
    }
}
