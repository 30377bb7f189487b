//! The methods of a channel as Rust users name them: by path, or by a handle that was looked up once.
use crate::{
    call::{self, Context, Kind},
    failure::{Evidence, Failure},
};
use std::{
    collections::HashMap,
    fmt, ptr,
    sync::{Arc, PoisonError, RwLock, Weak},
};

/// Paths that are kept. A program has far fewer; one that makes them up must not fill the memory with them.
const MOST: usize = 1024;

/// A method of a channel, from [`Channel::method`](super::Channel::method): a call by it looks nothing up.
#[derive(Clone)]
pub struct Method {
    known: Arc<call::Method>,
    /// Whose it is. On another channel it is as good as its path.
    of: Weak<Context>,
}

impl Method {
    /// `/package.Service/Method`.
    pub fn path(&self) -> &str {
        &self.known.path
    }

    /// Whether requests and responses are streamed.
    pub fn kind(&self) -> Kind {
        self.known.kind
    }
}

/// How a call names its method: a path `/package.Service/Method`, or a [`Method`].
#[derive(Clone, Copy, Debug)]
pub struct MethodName<'a>(Name<'a>);

#[derive(Clone, Copy, Debug)]
enum Name<'a> {
    Path(&'a str),
    Known(&'a Method),
}

impl<'a> From<&'a str> for MethodName<'a> {
    fn from(path: &'a str) -> Self {
        MethodName(Name::Path(path))
    }
}

impl<'a> From<&'a String> for MethodName<'a> {
    fn from(path: &'a String) -> Self {
        MethodName(Name::Path(path))
    }
}

impl<'a> From<&'a Method> for MethodName<'a> {
    fn from(method: &'a Method) -> Self {
        MethodName(Name::Known(method))
    }
}

/// What paths have named so far.
#[derive(Debug, Default)]
pub(super) struct Methods {
    known: RwLock<HashMap<Box<str>, Arc<call::Method>>>,
}

impl Methods {
    pub(super) fn handle(&self, context: &Arc<Context>, path: &str, kind: Kind) -> Result<Method, Failure> {
        Ok(Method { known: self.by_path(context, path, kind)?, of: Arc::downgrade(context) })
    }

    pub(super) fn find(
        &self,
        context: &Arc<Context>,
        name: MethodName<'_>,
        kind: Kind,
    ) -> Result<Arc<call::Method>, Failure> {
        match name.0 {
            Name::Path(path) => self.by_path(context, path, kind),
            Name::Known(method) if method.kind() != kind => {
                let evidence = Evidence::Request { field: "method".into(), reason: "is of another kind".into() };
                Err(context.refuse(evidence, Some(&method.known)))
            }
            Name::Known(method) if ptr::eq(method.of.as_ptr(), Arc::as_ptr(context)) => Ok(method.known.clone()),
            Name::Known(method) => self.by_path(context, method.path(), kind),
        }
    }

    fn by_path(&self, context: &Context, path: &str, kind: Kind) -> Result<Arc<call::Method>, Failure> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(method) = known.filter(|method| method.kind == kind) {
            return Ok(method);
        }
        let method = Arc::new(context.method(path, kind)?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear(); // those that are used come back with their next call
        }
        known.insert(path.into(), method.clone());
        Ok(method)
    }
}

#[cfg(test)]
impl Methods {
    pub(super) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method").field("path", &self.path()).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Channel, ChannelOptions, Kind, Request, failure::Cause};
    use bytes::Bytes;

    fn channel() -> Channel {
        let options = ChannelOptions { tls: None, ..ChannelOptions::default() };
        Channel::builder("127.0.0.1:1").options(options).build().unwrap()
    }

    #[tokio::test]
    async fn paths_that_a_program_makes_up_do_not_fill_the_memory() {
        let methods = super::Methods::default();
        let context = channel().context().clone();
        for number in 0..3 * super::MOST {
            methods.handle(&context, &format!("/a.B/C{number}"), Kind::Unary).unwrap();
        }
        assert!(methods.len() <= super::MOST);
    }

    #[tokio::test]
    async fn a_handle_is_its_path_on_any_channel_and_of_one_kind() {
        let (own, other) = (channel(), channel());
        let method = own.method("/a.B/C", Kind::Unary).unwrap();
        for channel in [own, other] {
            let failed = channel.unary_bytes(&method, Request::new(Bytes::new())).await.unwrap_err();
            assert_eq!(failed.failure().cause(), Cause::ConnectRefused);
            let refused = channel.start::<(), ()>(&method, Kind::Bidi, Request::new(None)).unwrap_err();
            assert_eq!(refused.failure().cause(), Cause::RequestInvalid);
        }
    }
}
