//! The budget of retries of one server name (gRFC A6, Throttling): failures take from it, successes give back, and below
//! half of it nothing is retried or hedged.
use crate::options::RetryThrottling;
use arc_swap::ArcSwap;
use std::sync::{
    Arc, LazyLock, Weak,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Without configuration, for the safe policy alone.
const SAFE: RetryThrottling = RetryThrottling { max_tokens: 100, token_ratio: 0.1 };

const TOKEN: u64 = 1000;

/// In thousandths of a token, so that three decimals of the ratio count.
#[derive(Debug)]
pub(crate) struct Throttle {
    max: u64,
    ratio: u64,
    left: AtomicU64,
    /// The service config asked for it: it binds every policy, not only the safe one.
    configured: bool,
}

impl Throttle {
    fn new(config: Option<&RetryThrottling>) -> Self {
        let RetryThrottling { max_tokens, token_ratio } = *config.unwrap_or(&SAFE);
        let max = u64::from(max_tokens) * TOKEN;
        let ratio = (token_ratio * TOKEN as f64) as u64;
        Throttle { max, ratio, left: AtomicU64::new(max), configured: config.is_some() }
    }

    pub(crate) fn failed(&self) {
        let _ = self.left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(TOKEN)));
    }

    /// A full budget, which is the usual one, is only read.
    pub(crate) fn succeeded(&self) {
        if self.left.load(Relaxed) < self.max {
            let _ = self.left.fetch_update(Relaxed, Relaxed, |left| Some((left + self.ratio).min(self.max)));
        }
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.is_used_up_after(false)
    }

    /// The same once a failure has taken its token, if it does.
    pub(crate) fn is_used_up_after(&self, failure: bool) -> bool {
        self.left.load(Relaxed).saturating_sub(if failure { TOKEN } else { 0 }) <= self.max / 2
    }

    pub(crate) fn is_configured(&self) -> bool {
        self.configured
    }

    fn is_of(&self, config: Option<&RetryThrottling>) -> bool {
        let other = Throttle::new(config);
        (self.max, self.ratio, self.configured) == (other.max, other.ratio, other.configured)
    }

    /// The same share of another size.
    fn scaled_from(self, old: &Throttle) -> Self {
        let left = u128::from(old.left.load(Relaxed)) * u128::from(self.max) / u128::from(old.max);
        self.left.store(u64::try_from(left).unwrap_or(self.max), Relaxed);
        self
    }
}

type Names = Vec<(Arc<str>, Weak<Throttle>)>;

/// Without a lock, which a fork could leave taken for ever.
static NAMES: LazyLock<ArcSwap<Names>> = LazyLock::new(ArcSwap::default);

/// The budget that all channels of this process to one server name share. Where its settings changed, the share that was
/// left stays.
pub(crate) fn throttle(name: &Arc<str>, config: Option<&RetryThrottling>) -> Arc<Throttle> {
    let mut found = Arc::new(Throttle::new(config));
    NAMES.rcu(|names| {
        let old = names.iter().find(|(known, _)| known == name).and_then(|(_, throttle)| throttle.upgrade());
        found = match old {
            Some(old) if old.is_of(config) => old,
            Some(old) => Arc::new(Throttle::new(config).scaled_from(&old)),
            None => Arc::new(Throttle::new(config)),
        };
        let others = names.iter().filter(|(known, throttle)| known != name && throttle.strong_count() > 0).cloned();
        others.chain([(name.clone(), Arc::downgrade(&found))]).collect::<Names>()
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_tokens: u32, token_ratio: f64) -> Option<RetryThrottling> {
        Some(RetryThrottling { max_tokens, token_ratio })
    }

    #[test]
    fn half_of_it_is_the_limit() {
        let throttle = Throttle::new(config(4, 0.5).as_ref());
        throttle.failed();
        assert!(!throttle.is_used_up());
        throttle.failed();
        assert!(throttle.is_used_up(), "two of four: retries need more than half");
        throttle.succeeded();
        assert!(!throttle.is_used_up());
        for _ in 0..9 {
            throttle.failed();
        }
        assert_eq!(throttle.left.load(Relaxed), 0);
        for _ in 0..99 {
            throttle.succeeded();
        }
        assert_eq!(throttle.left.load(Relaxed), 4000);
    }

    #[test]
    fn three_decimals_count() {
        let throttle = Throttle::new(config(1, 0.0019).as_ref());
        throttle.failed();
        throttle.succeeded();
        assert_eq!(throttle.left.load(Relaxed), 1);
    }

    #[test]
    fn a_name_has_one_budget_and_keeps_its_share() {
        let name: Arc<str> = "throttle.test:1".into();
        let first = throttle(&name, config(10, 0.1).as_ref());
        let second = throttle(&name, config(10, 0.1).as_ref());
        assert!(Arc::ptr_eq(&first, &second));
        first.failed();
        first.failed();
        let changed = throttle(&name, config(100, 0.1).as_ref());
        assert_eq!(changed.left.load(Relaxed), 80_000);
        assert!(!Arc::ptr_eq(&changed, &throttle(&"throttle.test:2".into(), config(100, 0.1).as_ref())));
        drop((first, second, changed));
        assert_eq!(throttle(&name, config(10, 0.1).as_ref()).left.load(Relaxed), 10_000);
    }
}
