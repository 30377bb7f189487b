use super::*;
use crate::balance::Handover;

/// Subchannels of the second policy.
const SECOND: u64 = 1 << 40;

struct Change {
    handover: Handover,
    now: Instant,
    last: Option<Update>,
}

impl Change {
    /// `pick_first`, connected to its only address.
    fn connected(network: &Network) -> Change {
        let mut change = Change::idle();
        change.on(Event::ExitIdle);
        change.on(Event::Resolved(list(&["1"])));
        change.on(Event::Changed(SubId(1), Status::Connecting));
        assert_eq!(change.on(Event::Changed(SubId(1), network.ready(0))), "publish READY");
        change
    }

    fn idle() -> Change {
        let first = policy(&load_balancing(json!([{"pick_first": {}}])), false);
        Change { handover: Handover::new(first), now: clock::now(), last: None }
    }

    fn on(&mut self, event: Event) -> String {
        let effects = self.handover.on(event, self.now);
        self.told(effects)
    }

    fn to(&mut self, name: &str) -> String {
        let effects = self.handover.switch(policy(&load_balancing(json!([{ name: {} }])), false), self.now);
        self.told(effects)
    }

    fn told(&mut self, effects: Vec<Effect>) -> String {
        for effect in &effects {
            if let Effect::Publish(update) = effect {
                self.last = Some(update.clone());
            }
        }
        effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>().join(", ").replace("109951162777", "#")
    }

    fn picked(&self, network: &Network) -> usize {
        match self.last.as_ref().unwrap().picker.pick() {
            PickResult::Pick(picked) => network.position(&picked),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_old_policy_serves_until_the_new_one_does() {
    let network = Network::of(3).await;
    let mut change = Change::connected(&network);
    assert_eq!(change.to("round_robin"), "");
    let both = "create #7 10.0.0.1:1, connect #7, create #8 10.0.0.1:2, connect #8";
    assert_eq!(change.on(Event::Resolved(list(&["1", "2"]))), both);
    assert_eq!(change.on(Event::Changed(SubId(SECOND + 1), dead("a"))), "resolve");
    assert_eq!(change.picked(&network), 0, "the new one fails, the old one serves");
    assert_eq!(change.on(Event::Changed(SubId(SECOND + 2), network.ready(2))), "publish READY, drop 1");
    assert_eq!(change.picked(&network), 2);
    assert_eq!(change.on(Event::Changed(SubId(1), Status::Idle)), "", "nobody's any more");
}

#[tokio::test]
async fn a_policy_that_cannot_serve_gives_way_at_once() {
    let network = Network::of(1).await;
    let mut change = Change::connected(&network);
    change.to("round_robin");
    change.on(Event::Resolved(list(&["2"])));
    assert_eq!(change.on(Event::Changed(SubId(1), Status::Idle)), "publish IDLE, resolve, publish CONNECTING, drop 1");
    let mut idle = Change::idle();
    assert_eq!(idle.to("round_robin"), "", "an idle channel stays idle");
    assert_eq!(idle.on(Event::ExitIdle), "publish CONNECTING");
}

#[tokio::test]
async fn a_change_that_is_overtaken_leaves_nothing() {
    let network = Network::of(1).await;
    let mut change = Change::connected(&network);
    change.to("round_robin");
    change.on(Event::Resolved(list(&["2"])));
    assert_eq!(change.to("pick_first"), "drop #7");
    assert_eq!(change.on(Event::Changed(SubId(SECOND + 1), network.ready(0))), "", "nobody's any more");
    assert_eq!(change.on(no_such_name()), "");
    assert_eq!(change.picked(&network), 0);
}

#[tokio::test]
async fn both_get_the_time_they_asked_for() {
    let network = Network::of(1).await;
    let mut change = Change::connected(&network);
    assert_eq!(change.handover.due(), None);
    change.to("pick_first");
    change.on(Event::Resolved(list(&["1", "2"])));
    change.now += Duration::from_millis(250);
    assert_eq!(change.handover.due(), Some(change.now));
    assert_eq!(change.on(Event::Tick), "create #8 10.0.0.1:2, connect #8");
}

#[tokio::test]
async fn numbers_are_not_used_again_after_idleness() {
    let network = Network::of(1).await;
    let mut change = Change::connected(&network);
    change.handover.restart(policy(&load_balancing(json!([{"pick_first": {}}])), false));
    change.on(Event::ExitIdle);
    assert_eq!(change.on(Event::Resolved(list(&["1"]))), "publish CONNECTING, create #7 10.0.0.1:1, connect #7");
    assert_eq!(change.on(Event::Changed(SubId(1), Status::Idle)), "", "of the connection before");
    assert_eq!(change.on(Event::Changed(SubId(SECOND + 1), network.ready(0))), "publish READY");
}
