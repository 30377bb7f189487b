//! No panic crosses: what a host calls runs in here.
use crate::failure::{Evidence, Failure};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic becomes CORE_FAULT, and the host's process goes on. Locks are taken over when poisoned, so whatever was half
/// done belongs to this one call.
pub(super) fn guarded<T>(site: &'static str, entry: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(entry)).unwrap_or_else(|_| Err(Evidence::Core { site }.into()))
}

/// For entries that cannot fail: a panic leaves `otherwise`.
pub(super) fn guarded_or<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(entry)).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Cause;

    #[test]
    fn a_panic_is_a_failure() {
        let failed: Result<(), _> = guarded("bridge.test", || panic!("planted"));
        assert_eq!(failed.unwrap_err().cause(), Cause::CoreFault);
        assert_eq!(guarded_or(7, || panic!("planted")), 7);
    }
}
