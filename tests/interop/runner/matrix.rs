//! `cases.yaml`: what is run against which server.
use crate::Result;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    cases: BTreeMap<String, Case>,
    servers: BTreeMap<String, Offer>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) sent: Option<Vec<Vec<u8>>>,
    pub(crate) received: Option<Vec<Vec<u8>>>,
    pub(crate) alone: bool,
    pub(crate) flags: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Offer {
    another: BTreeMap<String, String>,
    lacks: BTreeMap<String, Lack>,
    lacks_over_tls: BTreeMap<String, Lack>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lack {
    pub(crate) why: String,
    pub(crate) says: String,
}

/// What to do with one case.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) case: Case,
    pub(crate) lack: Option<Lack>,
    /// Another program of the same project than the usual one.
    pub(crate) another: Option<String>,
}

/// The plans of one server, in the order of the names.
pub(crate) fn plans(server: &str, tls: bool) -> Result<Vec<Plan>> {
    let matrix: Matrix = serde_yaml_ng::from_str(include_str!("../cases.yaml"))?;
    let offer = matrix.servers.get(server).ok_or_else(|| format!("no server is called {server}"))?;
    let lack = |name: &str| {
        let over_tls = offer.lacks_over_tls.get(name).filter(|_| tls);
        offer.lacks.get(name).or(over_tls).cloned()
    };
    let plan = |(name, case): (&String, &Case)| Plan {
        lack: lack(name),
        another: offer.another.get(name).filter(|_| !tls).cloned(),
        name: name.clone(),
        case: case.clone(),
    };
    Ok(matrix.cases.iter().map(plan).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_somewhere_and_every_lack_is_of_a_case() {
        let all = plans("testbed", false).unwrap();
        assert!(all.len() == 25 && all.iter().all(|plan| plan.lack.is_none()));
        let matrix: Matrix = serde_yaml_ng::from_str(include_str!("../cases.yaml")).unwrap();
        for (server, offer) in &matrix.servers {
            for name in offer.lacks.keys().chain(offer.lacks_over_tls.keys()).chain(offer.another.keys()) {
                assert!(matrix.cases.contains_key(name), "{server}: {name}");
            }
        }
    }

    #[test]
    fn a_lack_may_be_one_over_tls_only() {
        let lacks = |tls| plans("grpc-java", tls).unwrap().iter().filter(|plan| plan.lack.is_some()).count();
        assert_eq!((lacks(false), lacks(true)), (4, 5));
    }
}
