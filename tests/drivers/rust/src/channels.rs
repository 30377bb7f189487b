//! Channels by name, or by equal target and options.
use crate::{
    hooks::Script,
    request::{Call, ChannelOp, Hooks},
};
use causewire::{Channel, ChannelOptions, LogSink, RpcError};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A channel that cannot be built is the failure of each call on it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) channel: Result<Channel, Arc<RpcError>>,
    pub(crate) hooks: Arc<Script>,
}

#[derive(Default)]
pub(crate) struct Channels {
    entries: Mutex<HashMap<String, Entry>>,
    logs: Arc<Mutex<Vec<String>>>,
}

impl Channels {
    pub(crate) fn of_call(&self, call: &Call) -> Entry {
        let key = match &call.channel {
            Some(name) => name.clone(),
            None => format!("\0{:?} {:?}", call.target, call.options),
        };
        self.get(key, call.target.as_deref(), call.options.as_ref(), call.hooks.as_ref())
    }

    /// The first line of a channel may be an operation on it.
    pub(crate) fn of_op(&self, op: &ChannelOp) -> Option<Entry> {
        let known = self.lock().get(&op.channel).cloned();
        let new = || self.get(op.channel.clone(), op.target.as_deref(), op.options.as_ref(), op.hooks.as_ref());
        known.or_else(|| op.target.is_some().then(new))
    }

    fn get(&self, key: String, target: Option<&str>, options: Option<&Value>, hooks: Option<&Hooks>) -> Entry {
        self.lock().entry(key).or_insert_with(|| self.build(target, options, hooks)).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_logs(&self) -> Vec<String> {
        std::mem::take(&mut self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn build(&self, target: Option<&str>, options: Option<&Value>, hooks: Option<&Hooks>) -> Entry {
        let hooks = Arc::new(Script::new(hooks.cloned().unwrap_or_default()));
        let channel = self.channel(target.unwrap_or_default(), options, &hooks).map_err(Arc::new);
        Entry { channel, hooks }
    }

    fn channel(&self, target: &str, options: Option<&Value>, hooks: &Arc<Script>) -> Result<Channel, RpcError> {
        let document = options.map_or_else(|| "{}".to_owned(), Value::to_string);
        let options = ChannelOptions::parse(&document)?;
        let logs = self.logs.clone();
        let sink = LogSink::new(move |level, text| {
            logs.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level:?} {text}"));
        });
        let mut builder = Channel::builder(target).options(options).log(sink);
        if hooks.has_token() {
            builder = builder.credentials(hooks.clone());
        }
        if hooks.has_addresses() {
            builder = builder.resolver(hooks.clone());
        }
        builder.build()
    }
}
