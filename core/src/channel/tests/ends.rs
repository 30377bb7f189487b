//! Every call ends once, for interceptors and listeners too, whatever ends it.
use super::*;
use crate::{
    Channel, Interceptor, RpcError,
    call::Kind,
    channel::{Call, Request, Response},
    metadata::Metadata,
    observe::{Event, Listener},
};
use bytes::Bytes;

/// What ended, as it was told.
#[derive(Default)]
struct Ends {
    after: Mutex<Vec<Result<(), Cause>>>,
    ended: Mutex<Vec<u8>>,
    panics_before: bool,
    panics_after: bool,
}

impl Interceptor for Ends {
    fn before(&self, _: &str, _: &mut Metadata) -> Result<(), &'static str> {
        assert!(!self.panics_before, "planted");
        Ok(())
    }

    fn after(&self, _: &str, outcome: Result<(), &Failure>) {
        self.after.lock().unwrap().push(outcome.map_err(Failure::cause));
        assert!(!self.panics_after, "planted");
    }
}

impl Listener for Ends {
    fn on_event(&self, _: &str, event: Event) {
        if let Event::Ended { code, .. } = event {
            self.ended.lock().unwrap().push(code);
        }
    }
}

impl Ends {
    fn channel(self, target: &str) -> (Channel, Arc<Ends>) {
        let ends = Arc::new(self);
        let builder = Channel::builder(target).options(plaintext());
        (builder.interceptor(ends.clone()).listener(ends.clone()).build().unwrap(), ends)
    }

    fn are(&self, cause: Cause) {
        assert_eq!(*self.after.lock().unwrap(), [Err(cause)]);
        assert_eq!(*self.ended.lock().unwrap(), [cause.info().code.as_u8()]);
    }
}

async fn unary(channel: &Channel) -> Result<Response<Bytes>, RpcError> {
    channel.unary_bytes("/a.B/C", Request::new(Bytes::new())).await
}

/// Takes connections and says nothing.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    rt().spawn("test.silent", async move {
        let mut held = Vec::new();
        while let Ok(accepted) = listener.accept().await {
            held.push(accepted);
        }
    });
    address
}

#[tokio::test(start_paused = true)]
async fn a_unary_call_that_is_dropped_ends() {
    let (channel, ends) = Ends::default().channel(&silent().await);
    assert!(timeout(Duration::from_millis(10), unary(&channel)).await.is_err());
    ends.are(Cause::CancelledByCaller);
}

#[tokio::test]
async fn a_failure_ends_a_call_once() {
    let (channel, ends) = Ends::default().channel(&closed_port().await.to_string());
    assert_eq!(unary(&channel).await.unwrap_err().failure().cause(), Cause::ConnectRefused);
    ends.are(Cause::ConnectRefused);
}

#[tokio::test]
async fn a_panic_ends_a_call_in_place() {
    let (channel, ends) = Ends { panics_before: true, ..Ends::default() }.channel("127.0.0.1:1");
    assert_eq!(unary(&channel).await.unwrap_err().failure().cause(), Cause::CoreFault);
    ends.are(Cause::CoreFault);
}

#[tokio::test]
async fn a_panic_ends_a_calls_task() {
    for panics_after in [false, true] {
        let (channel, ends) = Ends { panics_before: true, panics_after, ..Ends::default() }.channel("127.0.0.1:1");
        let mut call: Call<(), ()> = channel.start("/a.B/C", Kind::Bidi, Request::new(None)).unwrap();
        assert_eq!(call.message_bytes().await.unwrap_err().failure().cause(), Cause::CoreFault);
        ends.are(Cause::CoreFault);
    }
}

#[tokio::test]
async fn an_interceptor_that_panics_at_the_end_is_a_fault_of_the_call_and_not_asked_again() {
    let (channel, ends) = Ends { panics_after: true, ..Ends::default() }.channel(&closed_port().await.to_string());
    assert_eq!(unary(&channel).await.unwrap_err().failure().cause(), Cause::CoreFault);
    ends.are(Cause::ConnectRefused);
}
