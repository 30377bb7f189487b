//! One queue per JavaScript environment, and the one function through which its news enter JavaScript.
use crate::{batch::Writer, memory::Value};
use bytes::Bytes;
use causewire::bridge::{Queue, Sent};
use napi::{
    Env, Result, Status,
    bindgen_prelude::{Function, JsValuesTupleIntoVec, Unknown},
    check_status, sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking},
};
use napi_derive::napi;
use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
};

/// Calls whose news are taken at once; further ones come with the next turn of the event loop.
const TAKE: usize = 256;

/// Rings JavaScript. Weak: it does not keep the process alive by itself.
type Bell = ThreadsafeFunction<Wake, Unknown<'static>, Delivery, Status, false, true, 0>;

/// Whose queue has news.
#[derive(Clone, Copy)]
pub(crate) enum Wake {
    Calls,
    /// The questions, log lines and states of this channel.
    Channel(u32),
}

/// The state of one environment; it never leaves that environment's thread.
pub(crate) struct Home {
    queue: Queue,
    bell: Arc<Bell>,
    writer: RefCell<Writer>,
    channels: RefCell<HashMap<u32, Queue>>,
    last_channel: Cell<u32>,
    kept_alive: Cell<bool>,
}

impl Home {
    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// A queue for what belongs to a channel and not to one of its calls.
    pub(crate) fn open_channel(&self) -> (u32, Queue) {
        let id = self.last_channel.get().wrapping_add(1);
        self.last_channel.set(id);
        let bell = self.bell.clone();
        let queue = Queue::new(move || ring(&bell, Wake::Channel(id)));
        self.channels.borrow_mut().insert(id, queue.clone());
        (id, queue)
    }

    pub(crate) fn forget_channel(&self, id: u32) {
        let queue = self.channels.borrow_mut().remove(&id);
        if let Some(queue) = queue {
            queue.abandon();
        }
    }

    /// Holds the event loop while a call is in flight, and only then.
    pub(crate) fn hold(&self, env: Env) -> Result<()> {
        let wanted = self.queue.in_flight() > 0;
        if self.kept_alive.replace(wanted) == wanted {
            return Ok(());
        }
        let raw = self.bell.raw();
        // SAFETY: we are on the thread of `env`, to which the function belongs; `bell` keeps it.
        check_status!(unsafe {
            if wanted {
                sys::napi_ref_threadsafe_function(env.raw(), raw)
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), raw)
            }
        })
    }

    fn take(&self, env: Env, wake: Wake) -> Result<Vec<Value>> {
        let (channel, queue) = match wake {
            Wake::Calls => (0, Some(self.queue.clone())),
            Wake::Channel(id) => (id, self.channels.borrow().get(&id).cloned()),
        };
        let mut writer = self.writer.borrow_mut();
        writer.begin()?;
        if let Some(queue) = queue {
            let batch = queue.take(TAKE);
            for event in batch.events {
                writer.write(env, channel, event)?;
            }
            if batch.more {
                ring(&self.bell, wake);
            }
        }
        self.hold(env)?;
        writer.finish(env)
    }

    fn abandon(&self) {
        self.queue.abandon();
        let channels = std::mem::take(&mut *self.channels.borrow_mut());
        channels.values().for_each(Queue::abandon);
    }
}

fn ring(bell: &Bell, wake: Wake) {
    // A failure means that the environment is closing, where nobody waits for news any more.
    bell.call(wake, NonBlocking);
}

/// The arguments of a call into JavaScript, taken and written at the moment of the call.
pub(crate) struct Delivery {
    home: Rc<OnceCell<Rc<Home>>>,
    wake: Wake,
}

impl JsValuesTupleIntoVec for Delivery {
    fn into_vec(self, env: sys::napi_env) -> Result<Vec<Value>> {
        match self.home.get() {
            Some(home) => home.take(Env::from_raw(env), self.wake),
            None => Ok(Vec::new()),
        }
    }
}

/// What JavaScript holds of its environment's state.
#[napi]
pub struct Border {
    pub(crate) home: Rc<Home>,
}

#[napi]
impl Border {
    /// `deliver` is called once per batch; `batch.rs` says with what.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, deliver: Function<'_, Unknown<'static>, Unknown<'static>>) -> Result<Self> {
        let slot = Rc::new(OnceCell::<Rc<Home>>::new());
        let cell = slot.clone();
        let bell = deliver
            .build_threadsafe_function::<Wake>()
            .weak::<true>()
            .build_callback(move |context| Ok(Delivery { home: cell.clone(), wake: context.value }))?;
        let bell = Arc::new(bell);
        let ringer = bell.clone();
        let home = Rc::new(Home {
            queue: Queue::new(move || ring(&ringer, Wake::Calls)),
            bell,
            writer: RefCell::default(),
            channels: RefCell::default(),
            last_channel: Cell::new(0),
            kept_alive: Cell::new(false),
        });
        let _ = slot.set(home.clone());
        env.add_env_cleanup_hook(home.clone(), |home| home.abandon())?;
        Ok(Border { home })
    }

    /// 0: accepted; 1: accepted, wait for room before the next; 2: the call is over.
    #[napi(catch_unwind)]
    pub fn send(&self, call: f64, message: &[u8]) -> u32 {
        number_of(self.home.queue.send(call as u64, Bytes::copy_from_slice(message)))
    }

    /// As `send`, and not compressed although the call compresses.
    #[napi(catch_unwind)]
    pub fn send_uncompressed(&self, call: f64, message: &[u8]) -> u32 {
        number_of(self.home.queue.send_uncompressed(call as u64, Bytes::copy_from_slice(message)))
    }

    #[napi(catch_unwind)]
    pub fn close_send(&self, call: f64) {
        self.home.queue.close_send(call as u64);
    }

    #[napi(catch_unwind)]
    pub fn cancel(&self, call: f64) {
        self.home.queue.cancel(call as u64);
    }

    /// The reader has consumed this many messages.
    #[napi(catch_unwind)]
    pub fn credit(&self, call: f64, messages: u32) {
        self.home.queue.credit(call as u64, messages);
    }
}

fn number_of(sent: Sent) -> u32 {
    match sent {
        Sent::Accepted => 0,
        Sent::Full => 1,
        Sent::Ended => 2,
        Sent::Closed => 3,
    }
}
