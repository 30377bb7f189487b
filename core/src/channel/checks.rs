//! The health checks of one channel: one per connected address, where the service config asks for them (gRFC A17).
use crate::{
    balance,
    credentials::{self, Provider, TokenRequest},
    failure::Evidence,
    health::{Asker, Check, HeadFuture, METHOD, Report, watch},
    options::ServiceConfig,
    rt,
    subchannel::{Lanes, Setup, Status, SubId},
};
use http::{HeaderValue, Method, Request, Uri, header};
use std::{collections::BTreeMap, fmt, sync::Arc};
use tokio::sync::mpsc::{self, Receiver, Sender};

/// Reports that wait for the controller; more make the servers wait.
const QUEUE: usize = 16;

/// Owned by the controller.
pub(super) struct Checks {
    /// By the channel's options.
    allowed: bool,
    service: Option<Arc<str>>,
    setup: Arc<Setup>,
    asker: Arc<dyn Asker>,
    running: BTreeMap<SubId, Running>,
    started: u64,
    reports: Sender<Report>,
    heard: Receiver<Report>,
}

/// One check. Dropping it ends it.
struct Running {
    number: u64,
    /// Tells its connection from others.
    peer: Arc<str>,
    task: rt::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    pub(super) fn new(allowed: bool, config: &ServiceConfig, setup: Arc<Setup>, asker: Arc<dyn Asker>) -> Checks {
        let (reports, heard) = mpsc::channel(QUEUE);
        let service = None;
        let mut checks =
            Checks { allowed, service, setup, asker, running: BTreeMap::new(), started: 0, reports, heard };
        checks.configure(config);
        checks
    }

    /// Servers that are connected to from now on are asked for what this config names.
    pub(super) fn configure(&mut self, config: &ServiceConfig) {
        self.service = service(config).filter(|_| self.allowed).map(Arc::from);
    }

    pub(super) fn are_on(&self) -> bool {
        self.service.is_some()
    }

    /// An address has changed.
    pub(super) fn follow(&mut self, id: SubId, status: &Status) {
        match status {
            Status::Ready(lanes) => self.ready(id, lanes),
            _ => self.forget(id),
        }
    }

    /// An address is not wanted any more.
    pub(super) fn forget(&mut self, id: SubId) {
        self.running.remove(&id);
    }

    pub(super) fn forget_all(&mut self) {
        self.running.clear();
    }

    /// What a server said; never, while none is asked.
    pub(super) async fn report(&mut self) -> Report {
        loop {
            // Does not end: `self` holds a sender.
            let Some(report) = self.heard.recv().await else { continue };
            if self.running.get(&report.id).is_some_and(|running| running.number == report.number) {
                return report;
            }
        }
    }

    /// One connection speaks for its server: the one that has been asked, otherwise the oldest.
    fn ready(&mut self, id: SubId, lanes: &Lanes) {
        let Some(service) = self.service.clone() else { return };
        let is_there = |peer: &Arc<str>| lanes.iter().any(|lane| Arc::ptr_eq(lane.connection().peer(), peer));
        if self.running.get(&id).is_some_and(|running| is_there(&running.peer)) {
            return;
        }
        let Some(lane) = lanes.first() else { return };
        self.started += 1;
        let check = Check {
            id,
            number: self.started,
            connection: lane.connection().clone(),
            service,
            target: self.setup.target.clone(),
            asker: self.asker.clone(),
            backoff: self.setup.backoff.clone(),
            fleet: self.setup.fleet.clone(),
            reports: self.reports.clone(),
        };
        let (number, peer) = (check.number, lane.connection().peer().clone());
        let task = self.setup.rt.spawn("health.watch", watch(check));
        self.running.insert(id, Running { number, peer, task });
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").field("service", &self.service).field("running", &self.running.len()).finish()
    }
}

/// What servers are asked about, if they are asked.
fn service(config: &ServiceConfig) -> Option<&str> {
    let policy = config.load_balancing_config.clone().unwrap_or_default();
    let service = config.health_check_config.as_ref()?.service_name.as_deref()?;
    balance::checks_health(&policy).then_some(service)
}

/// Asks as the channel's calls do: same authority, user-agent and credentials.
pub(super) struct AsChannel {
    uri: Uri,
    user_agent: HeaderValue,
    credentials: Option<Arc<dyn Provider>>,
}

impl AsChannel {
    pub(super) fn new(
        authority: &str,
        secure: bool,
        user_agent: HeaderValue,
        credentials: Option<Arc<dyn Provider>>,
    ) -> AsChannel {
        let scheme = if secure { "https" } else { "http" };
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(METHOD).build();
        // An authority that is none would have been refused with the target or the options.
        AsChannel { uri: uri.unwrap_or_else(|_| Uri::from_static(METHOD)), user_agent, credentials }
    }

    fn token_request(&self) -> TokenRequest {
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let service = METHOD.rsplit_once('/').map_or("", |(service, _)| service);
        let audience = format!("https://{}{service}", host.strip_suffix(":443").unwrap_or(host));
        TokenRequest { method: METHOD.into(), audience: audience.into() }
    }

    async fn request(&self, secure: bool) -> Result<Request<()>, Evidence> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        if let Some(provider) = &self.credentials {
            credentials::apply(&**provider, self.token_request(), secure, headers).await?;
        }
        Ok(request)
    }
}

impl Asker for AsChannel {
    fn head(&self, secure: bool) -> HeadFuture<'_> {
        Box::pin(self.request(secure))
    }
}
