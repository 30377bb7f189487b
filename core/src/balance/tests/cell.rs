use super::super::{ConnectivityState, Failing, PickerCell, Queueing, Waiting};
use super::{Cause, Situation, diagnose, refused};
use crate::failure::Phase;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_hears_what_for_and_a_shut_channel_stays_shut() {
    let cell = PickerCell::new();
    let failure = diagnose(refused("a"), Situation::default());
    let heard = Mutex::new(Vec::new());
    {
        let mut note = |waiting: &Waiting| heard.lock().unwrap().push(waiting.phase);
        let pick = cell.pick(true, &mut note);
        let events = async {
            cell.demanded().await;
            for phase in [Phase::Resolve, Phase::Connect] {
                cell.set_waiting(Waiting { phase, problem: None });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cell.publish(ConnectivityState::TransientFailure, Arc::new(Failing(failure.clone())));
            tokio::time::sleep(Duration::from_millis(1)).await;
            cell.publish(ConnectivityState::Shutdown, Arc::new(Failing(failure.clone())));
        };
        let (picked, ()) = tokio::join!(pick, events);
        assert_eq!(picked.unwrap_err().cause(), Cause::ConnectRefused);
    }
    let mut phases = heard.into_inner().unwrap();
    phases.dedup();
    assert_eq!(phases, [Phase::Pick, Phase::Resolve, Phase::Connect]);
    cell.publish(ConnectivityState::Idle, Arc::new(Queueing));
    assert_eq!(cell.state(), ConnectivityState::Shutdown);
    assert!(cell.take_activity());
    assert!(!cell.take_activity());
}
