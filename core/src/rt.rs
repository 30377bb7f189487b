//! The one runtime and the one spawn.
//!
//! A program that already runs on tokio lends us its runtime; everybody else gets the process's own, one thread named
//! `causewire`, started by the first channel and never stopped.
use pin_project_lite::pin_project;
use std::{
    cell::Cell,
    future::{Future, pending},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    thread,
};
use tokio::runtime;

const THREAD: &str = "causewire";

/// Where tasks run.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    runtime: runtime::Handle,
}

impl Handle {
    /// The runtime at hand when called on one, the process's own otherwise.
    ///
    /// # Errors
    /// The operating system gave no thread or no descriptor for the runtime.
    pub(crate) fn current_or_own() -> io::Result<Handle> {
        match runtime::Handle::try_current() {
            Ok(runtime) => Ok(Handle { runtime }),
            Err(_) => Handle::own(),
        }
    }

    /// The process's own runtime.
    ///
    /// # Errors
    /// See [`Handle::current_or_own`].
    pub(crate) fn own() -> io::Result<Handle> {
        let mut own = current_node().own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*own {
            return Ok(Handle { runtime: runtime.clone() });
        }
        let runtime = start()?;
        *own = Some(runtime.clone());
        Ok(Handle { runtime })
    }

    /// Runs a task. A panic in it ends the task alone: its values are dropped while [`panicked`] names `site`, so that
    /// their guards can report CORE_FAULT to the calls that the task carried.
    pub(crate) fn spawn<F>(&self, site: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle(self.runtime.spawn(guarded(site, future)))
    }
}

/// Runs what blocks on a thread for such things. Nothing: it panicked, or the runtime has ended.
#[cfg(any(target_vendor = "apple", test))]
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// A spawned task. Dropping the handle lets the task run on.
#[derive(Debug)]
pub(crate) struct JoinHandle<T>(tokio::task::JoinHandle<Result<T, TaskEnd>>);

impl<T> JoinHandle<T> {
    /// Ends the task at its next await.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, TaskEnd>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(end) => end,
            Err(error) if error.is_panic() => Err(TaskEnd::Panicked { site: "rt.drop" }),
            Err(_) => Err(TaskEnd::Aborted),
        })
    }
}

/// Why a task gave no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskEnd {
    Panicked { site: &'static str },
    Aborted,
}

thread_local! {
    static TASK: Cell<Task> = const { Cell::new(Task { site: None, failed: false }) };
}

#[derive(Clone, Copy)]
struct Task {
    site: Option<&'static str>,
    failed: bool,
}

/// The site of the task whose values are being dropped on this thread because it panicked.
pub(crate) fn panicked() -> Option<&'static str> {
    let task = TASK.get();
    task.site.filter(|_| task.failed || thread::panicking())
}

/// Names the task that runs on this thread, until dropped.
struct Running(Task);

impl Running {
    fn enter(site: &'static str, failed: bool) -> Running {
        Running(TASK.replace(Task { site: Some(site), failed }))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        TASK.set(self.0);
    }
}

/// Runs a future in place with the same care for its panics as a task's.
pub(crate) fn guarded<F: Future>(site: &'static str, future: F) -> Guarded<F> {
    Guarded { site, future: Some(future) }
}

pin_project! {
    /// See [`guarded`]. Not an `async fn`, which would hold the future twice: as its argument and where it is pinned.
    pub(crate) struct Guarded<F> {
        site: &'static str,
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, TaskEnd>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let Some(future) = me.future.as_mut().as_pin_mut() else { return Poll::Ready(Err(TaskEnd::Aborted)) };
        let site = *me.site;
        let end = {
            let _running = Running::enter(site, false);
            match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(output)) => Ok(output),
                Err(_) => Err(TaskEnd::Panicked { site }),
            }
        };
        let _failed = end.is_err().then(|| Running::enter(site, true));
        me.future.set(None); // what the unwinding left, dropped where a guard of it may fail without aborting us
        Poll::Ready(end)
    }
}

fn start() -> io::Result<runtime::Handle> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(THREAD.to_owned()).spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}

/// One generation of the process. A fork child may find any lock of its parent's held by a thread that it does not
/// have, so it gets a node of its own and never looks into an older one.
struct Node {
    own: Mutex<Option<runtime::Handle>>,
    /// Set only by [`forked`], which runs while the child has one thread: it is never found half set.
    next: OnceLock<Box<Node>>,
}

impl Node {
    const fn new() -> Node {
        Node { own: Mutex::new(None), next: OnceLock::new() }
    }
}

static FIRST: Node = Node::new();
static GENERATION: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
/// Counts the forks between this process and the one that loaded the library. What was made in another generation
/// belongs to another process.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

/// To be called in a fork child before anything else of this library, by the thread that survived the fork.
pub(crate) fn forked() {
    let mut last = &FIRST;
    while let Some(next) = last.next.get() {
        last = next;
    }
    if last.next.set(Box::new(Node::new())).is_ok() {
        GENERATION.fetch_add(1, Ordering::AcqRel);
    }
}

fn current_node() -> &'static Node {
    let mut last = &FIRST;
    while let Some(next) = last.next.get() {
        last = next;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    struct Guard(Arc<Mutex<Option<Option<&'static str>>>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(panicked());
        }
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_alone_and_the_guards_see_the_site() {
        let handle = Handle::current_or_own().unwrap();
        let seen = Arc::new(Mutex::new(None));
        let guard = Guard(seen.clone());
        let task = handle.spawn("test.task", async move {
            let _guard = guard;
            tokio::task::yield_now().await;
            panic!("planted")
        });
        let end: Result<(), _> = task.await;
        assert_eq!(end, Err(TaskEnd::Panicked { site: "test.task" }));
        assert_eq!(*seen.lock().unwrap(), Some(Some("test.task")));
        assert_eq!(panicked(), None);
        assert_eq!(handle.spawn("test.next", async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn an_aborted_task_is_no_fault() {
        let handle = Handle::current_or_own().unwrap();
        let seen = Arc::new(Mutex::new(None));
        let guard = Guard(seen.clone());
        let task = handle.spawn("test.task", async move {
            let _guard = guard;
            pending::<()>().await
        });
        tokio::task::yield_now().await;
        task.abort();
        assert_eq!(task.await, Err(TaskEnd::Aborted));
        assert_eq!(*seen.lock().unwrap(), Some(None));
    }

    // One test for the statics: they are the process's.
    #[test]
    fn the_own_runtime_has_its_thread_and_each_generation_gets_another() {
        let name_of_thread = |handle: &Handle| {
            let (tell, told) = mpsc::channel();
            handle.spawn("test.own", async move { tell.send(thread::current().name().map(str::to_owned)).unwrap() });
            told.recv().unwrap()
        };
        let first = Handle::current_or_own().unwrap();
        assert_eq!(name_of_thread(&first).as_deref(), Some(THREAD));
        assert_eq!(Handle::own().unwrap().runtime.id(), first.runtime.id());
        // A lock that a vanished thread of the parent holds must not matter to the child.
        let held = current_node().own.lock().unwrap();
        let before = generation();
        forked();
        assert_eq!(generation(), before + 1);
        let child = Handle::own().unwrap();
        assert_ne!(child.runtime.id(), first.runtime.id());
        assert_eq!(name_of_thread(&child).as_deref(), Some(THREAD));
        drop(held);
    }
}
