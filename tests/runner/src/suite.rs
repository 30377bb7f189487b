//! All scenarios on all drivers, side by side.
use crate::{
    Result,
    bed::Testbed,
    causes::Causes,
    compare::{Answers, compare},
    mask::Mask,
    process::Process,
    run::{Outcome, run},
    scenario::Scenario,
};
use serde_json::json;
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{process::Command, sync::Semaphore, task::JoinSet};

/// Calls under way at one time, over all drivers.
const SIDE_BY_SIDE: usize = 20;

const PROXIES: [&str; 7] =
    ["grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy", "no_grpc_proxy", "no_proxy", "NO_PROXY"];

#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) drivers: Vec<Arc<Process>>,
    pub(crate) bed: Arc<Testbed>,
    pub(crate) causes: Arc<Causes>,
    pub(crate) mask: Mask,
    /// What no driver may have written to stderr, panics included.
    secrets: Mutex<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) scenarios: usize,
    pub(crate) drivers: usize,
    pub(crate) failed: usize,
    pub(crate) compared: usize,
}

impl Suite {
    pub(crate) async fn start(root: &Path, drivers: &[String], testbed: &Path) -> Result<Self> {
        let tests = root.join("tests");
        let mut started = vec![];
        for name in drivers {
            let mut command = Command::new(tests.join("drive"));
            command.arg(name).current_dir(root);
            // A planted panic that looks its backtrace up would hold up every other call of the process.
            command.env("RUST_BACKTRACE", "0");
            // Names that scenarios make up are for their own servers, whatever this machine is behind.
            for name in PROXIES {
                command.env_remove(name);
            }
            started.push(Arc::new(Process::start(name, command)?));
        }
        // A driver that is still loading its language would miss what the scenarios time.
        for driver in &started {
            driver.ask(json!({"op": "logs"})).await?;
        }
        Ok(Suite {
            drivers: started,
            bed: Arc::new(Testbed::start(testbed).await?),
            causes: Arc::new(Causes::load(&tests.join("causes.yaml"))?),
            mask: Mask::load(&tests.join("mask.yaml"))?,
            secrets: Mutex::default(),
        })
    }

    /// Runs and prints one line per failure.
    pub(crate) async fn run(&self, scenarios: Vec<Scenario>) -> Result<Tally> {
        let mut tally = Tally { scenarios: scenarios.len(), drivers: self.drivers.len(), ..Tally::default() };
        self.secrets().extend(scenarios.iter().flat_map(|scenario| scenario.never.clone()));
        let room = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut running = JoinSet::new();
        for (n, scenario) in scenarios.iter().cloned().map(Arc::new).enumerate() {
            for (m, driver) in self.drivers.iter().enumerate() {
                let (room, scenario, driver) = (room.clone(), scenario.clone(), driver.clone());
                let (bed, causes) = (self.bed.clone(), self.causes.clone());
                running.spawn(async move {
                    let _permit = room.acquire().await;
                    (n, m, run(&scenario, &driver, &bed, &causes).await)
                });
            }
        }
        let mut outcomes: Vec<Vec<Option<Outcome>>> =
            scenarios.iter().map(|_| self.drivers.iter().map(|_| None).collect()).collect();
        while let Some(done) = running.join_next().await {
            let (n, m, outcome) = done?;
            outcomes[n][m] = Some(outcome);
            if outcomes[n].iter().all(Option::is_some) {
                let complete: Vec<Outcome> = outcomes[n].iter_mut().filter_map(Option::take).collect();
                self.judge(&scenarios[n], &complete, &mut tally);
            }
        }
        Ok(tally)
    }

    fn judge(&self, scenario: &Scenario, outcomes: &[Outcome], tally: &mut Tally) {
        let answers: Vec<Answers> = outcomes.iter().map(|o| o.answers.clone()).collect();
        let verdict = compare(&answers, &self.mask);
        tally.compared += verdict.compared;
        for (position, outcome) in outcomes.iter().enumerate() {
            let driver = &outcome.answers.driver;
            let differences = verdict.differences.iter().filter(|(at, _)| *at == position).map(|(_, text)| text);
            let problems: Vec<&String> = outcome.problems.iter().chain(differences).collect();
            tally.failed += usize::from(!problems.is_empty());
            for problem in problems {
                println!("FAIL {} [{driver}] {problem}", scenario.name);
            }
        }
    }

    pub(crate) async fn finish(&self) -> Result<()> {
        let mut problems = vec![];
        for driver in &self.drivers {
            problems.extend(driver.finish().await.err().map(|e| e.to_string()));
            let said = driver.said().await;
            let leaked: Vec<_> = self.secrets().iter().filter(|text| said.contains(*text)).cloned().collect();
            problems.extend(leaked.iter().map(|text| format!("{}: stderr contains {text:?}", driver.name)));
        }
        problems.extend(self.bed.finish().await.err().map(|e| e.to_string()));
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
    }
}

impl Suite {
    fn secrets(&self) -> MutexGuard<'_, Vec<String>> {
        self.secrets.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tally { scenarios, drivers, failed, compared } = self;
        let passed = scenarios * drivers - failed;
        write!(
            f,
            "scenarios {scenarios} x drivers {drivers} = {passed} passed, {failed} failed, {compared} values compared"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::{fs, os::unix::fs::PermissionsExt};

    /// Answers whatever is asked: as the testbed, as a driver, and as a driver with a mind of its own.
    const FAKE: &str = r#"#!/bin/sh
[ "${1-}" = swift ] && exit 3
leak=
case ${1-} in
leaks-to-stderr) echo "thread panicked: canary-0001" >&2 ;;
leaks-to-*) leak=",\"${1#leaks-to-}\":{\"x\":[\"canary-0001\"]}" ;;
esac
while read -r line; do
  id=${line#*\"id\":\"}; id=${id%%\"*}
  said=hi; [ "${1-}" = node ] && said=ho
  case $line in
  *certificates*) echo "{\"id\":\"$id\",\"pem\":{}}" ;;
  *'"do":"start"'*) echo "{\"id\":\"$id\",\"server\":\"s1\",\"place\":{\"address\":\"127.0.0.1:1\",\"port\":1}}" ;;
  *'"kind"'*) echo "{\"id\":\"$id\",\"headers\":null,\"messages\":[\"aGk=\"],\"trailers\":[[\"a\",\"$said\"]],\"status\":{\"code\":0,\"message\":\"\"},\"failure\":null,\"unsent\":0,\"attempts\":1,\"peer\":\"127.0.0.1:1\",\"elapsed_ms\":1$leak}" ;;
  *) echo "{\"id\":\"$id\"}" ;;
  esac
done
"#;

    async fn tally(drivers: &[&str], scenarios: &str) -> Result<(Tally, Result<()>)> {
        let root = tempfile::tempdir().unwrap();
        let tests = root.path().join("tests");
        fs::create_dir(&tests).unwrap();
        fs::write(tests.join("causes.yaml"), include_str!("../../causes.yaml")).unwrap();
        fs::write(tests.join("mask.yaml"), include_str!("../../mask.yaml")).unwrap();
        let fake = tests.join("drive");
        fs::write(&fake, FAKE).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        let drivers: Vec<String> = drivers.iter().map(|d| d.to_string()).collect();
        let suite = Suite::start(root.path(), &drivers, &fake).await?;
        let tally = suite.run(parse(scenarios, Path::new("."))?).await?;
        Ok((tally, suite.finish().await))
    }

    /// Wherever a text stands in an answer line, and on stderr, the search finds it.
    #[tokio::test]
    async fn a_planted_leak_is_found_in_each_place() {
        let leaks = GOOD.replace("server: {}", "server: {}, never: [canary-0001]");
        assert_eq!(tally(&["rust"], &leaks).await.unwrap().0.failed, 0);
        let (tally, ended) = tally(&["leaks-to-stderr"], &leaks).await.unwrap();
        assert_eq!(tally.failed, 0);
        assert!(ended.unwrap_err().to_string().contains("stderr contains \"canary-0001\""));
        for place in ["messages", "trailers", "headers", "rendered", "logs", "failure"] {
            let name = format!("leaks-to-{place}");
            assert_eq!(super::tests::tally(&[&name], &leaks).await.unwrap().0.failed, 1, "{place}");
        }
    }

    const GOOD: &str = "[{name: a, server: {}, call: {}, expect: {messages: [hi], status: {code: 0}}}]";

    #[tokio::test]
    async fn equal_drivers_pass() {
        let (tally, ended) = tally(&["rust", "python"], GOOD).await.unwrap();
        ended.unwrap();
        assert_eq!(tally, Tally { scenarios: 1, drivers: 2, failed: 0, compared: 9 });
        assert_eq!(tally.to_string(), "scenarios 1 x drivers 2 = 2 passed, 0 failed, 9 values compared");
    }

    #[tokio::test]
    async fn a_driver_that_differs_fails() {
        assert_eq!(tally(&["rust", "node", "python"], GOOD).await.unwrap().0.failed, 1);
    }

    #[tokio::test]
    async fn a_wrong_answer_fails_on_every_driver() {
        let wrong = GOOD.replace("[hi]", "[ho]");
        assert_eq!(tally(&["rust", "python"], &wrong).await.unwrap().0.failed, 2);
    }

    #[tokio::test]
    async fn a_driver_that_is_missing_fails() {
        let refused = tally(&["rust", "swift"], GOOD).await.unwrap_err();
        assert!(refused.to_string().contains("swift has ended"), "{refused}");
    }
}
