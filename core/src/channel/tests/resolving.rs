//! Resolvers of the program.
use super::*;
use crate::failure::{Category, ResolverProblem};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Answers from a script, the last entry for ever.
#[derive(Default)]
struct Scripted {
    answers: Vec<Result<Vec<String>, Evidence>>,
    asked: Arc<AtomicUsize>,
}

impl ResolveHook for Scripted {
    fn resolve<'a>(&'a self, target: &'a str) -> ResolveFuture<'a> {
        assert_eq!(target, "mine:///users");
        let number = self.asked.fetch_add(1, SeqCst);
        match self.answers.get(number).or(self.answers.last()).cloned() {
            Some(answer) => Box::pin(async { answer.map(Into::into) }),
            None => Box::pin(std::future::pending()),
        }
    }
}

fn plugin_failed() -> Evidence {
    Evidence::Resolver { host: "users".into(), problem: ResolverProblem::Plugin }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_of_the_program_is_asked_and_asked_again() {
    let server = Server::start().await;
    let asked = Arc::<AtomicUsize>::default();
    let answers = vec![Err(plugin_failed()), Err(plugin_failed()), Ok(vec![server.address.to_string()])];
    let channel = hooked(Scripted { answers, asked: asked.clone() }, plaintext());
    assert_eq!(&*channel.authority(), "users");
    let failure = pick(&channel).await.unwrap_err();
    assert_eq!((failure.cause(), failure.record().phase), (Cause::ResolverFailed, Some(Phase::Resolve)));
    assert_eq!(failure.record().category, Category::Network);
    let start = clock::now();
    pick_ready(&channel).await;
    let waited = clock::now().duration_since(start).as_secs_f64();
    assert!((2.0..=3.2).contains(&waited), "1 s and 1.6 s, each +-20 %: {waited}");
    assert_eq!(asked.load(SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_hangs_is_the_phase_and_then_a_timeout() {
    let channel = hooked(Scripted::default(), plaintext());
    channel.connect();
    phase(&channel, Phase::Resolve).await;
    assert_eq!(channel.state(), State::Connecting);
    let failure = pick(&channel).await.unwrap_err();
    assert_eq!(failure.cause(), Cause::ResolverFailed);
    assert_eq!(failure.record().elapsed, [(Phase::Resolve, Duration::from_secs(30))]);
}

#[tokio::test(start_paused = true)]
async fn a_moved_server_is_found_and_names_are_not_looked_up_too_often() {
    let (first, second) = (Server::start().await, Server::start().await);
    let asked = Arc::<AtomicUsize>::default();
    let answers = vec![Ok(vec![first.address.to_string()]), Ok(vec![second.address.to_string()])];
    let channel = hooked(Scripted { answers, asked: asked.clone() }, plaintext());
    let start = clock::now();
    pick(&channel).await.unwrap();
    drop(first);
    reaches(&channel, State::Idle).await;
    assert_eq!(pick(&channel).await.unwrap_err().cause(), Cause::ConnectRefused);
    assert_eq!(asked.load(SeqCst), 1, "30 s between two lookups");
    assert_eq!(**pick_ready(&channel).await.peer(), second.address.to_string());
    assert_eq!(asked.load(SeqCst), 2);
    assert!(clock::now().duration_since(start) >= Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_sees_new_addresses_while_all_is_well() {
    let (first, second) = (Server::start().await, Server::start().await);
    let mut options = plaintext();
    options.dns.refresh_ms = 10_000;
    let answers = vec![Ok(vec![first.address.to_string()]), Ok(vec![second.address.to_string()])];
    let channel = hooked(Scripted { answers, ..Scripted::default() }, options);
    assert_eq!(**pick(&channel).await.unwrap().peer(), first.address.to_string());
    channel.wait_for_state_change(State::Ready).await;
    assert_eq!(**pick(&channel).await.unwrap().peer(), second.address.to_string());
}
