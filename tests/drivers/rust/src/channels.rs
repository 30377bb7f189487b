//! Channels by name, or by equal target and options.
use crate::{hooks::Script, request::Call};
use causewire::{Channel, ChannelOptions, LogSink, RpcError};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A channel that cannot be built is the failure of each call on it.
#[derive(Clone)]
pub struct Entry {
    pub channel: Result<Channel, Arc<RpcError>>,
    pub hooks: Arc<Script>,
}

#[derive(Default)]
pub struct Channels {
    entries: Mutex<HashMap<String, Entry>>,
    logs: Arc<Mutex<Vec<String>>>,
}

impl Channels {
    pub fn of_call(&self, call: &Call) -> Entry {
        let key = match &call.channel {
            Some(name) => name.clone(),
            None => format!("\0{:?} {:?}", call.target, call.options),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(key).or_insert_with(|| self.build(call)).clone()
    }

    pub fn named(&self, name: &str) -> Option<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub fn take_logs(&self) -> Vec<String> {
        std::mem::take(&mut self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn build(&self, call: &Call) -> Entry {
        let hooks = Arc::new(Script::new(call.hooks.clone().unwrap_or_default()));
        Entry { channel: self.channel(call, &hooks).map_err(Arc::new), hooks }
    }

    fn channel(&self, call: &Call, hooks: &Arc<Script>) -> Result<Channel, RpcError> {
        let document = call.options.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
        let options = ChannelOptions::parse(&document)?;
        let logs = self.logs.clone();
        let sink = LogSink::new(move |level, text| {
            logs.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{level:?} {text}"));
        });
        let mut builder = Channel::builder(call.target.clone().unwrap_or_default()).options(options).log(sink);
        if hooks.has_token() {
            builder = builder.credentials(hooks.clone());
        }
        if hooks.has_addresses() {
            builder = builder.resolver(hooks.clone());
        }
        builder.build()
    }
}
