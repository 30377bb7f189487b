//! Service configs in DNS TXT records (gRFC A2): which of the choices is this client's. Pure.
use super::Brought;
use crate::clock;
use serde_json::{Map, Value};

/// What marks the text among others of the same name (RFC 1464).
const ATTRIBUTE: &[u8] = b"grpc_config=";
/// How errors name the list of choices.
const ROOT: &str = "grpc_config";
const CRITERIA: [&str; 4] = ["clientLanguage", "percentage", "clientHostname", "serviceConfig"];

/// Who chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// As the user-agent has it.
    pub(crate) language: &'static str,
    pub(crate) hostname: String,
    /// Below 100, rolled once: a client that rolled anew for each answer would change its config all the time.
    pub(crate) share: usize,
}

impl Client {
    /// This process.
    pub(super) fn here(language: &'static str) -> Client {
        let hostname = gethostname::gethostname().to_string_lossy().into_owned();
        Client { language, hostname, share: clock::roll(100) }
    }
}

/// The first choice that is for this client; `texts` are the TXT records of the name, each put together.
pub(super) fn choose(texts: &[Vec<u8>], client: &Client) -> Brought {
    let Some(text) = texts.iter().find_map(|text| text.strip_prefix(ATTRIBUTE)) else { return Brought::Nothing };
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return Brought::invalid(ROOT, "is not JSON") };
    let Some(choices) = document.as_array() else { return Brought::invalid(ROOT, "must be a list") };
    let mut chosen = None;
    for (at, choice) in choices.iter().enumerate() {
        let path = format!("{ROOT}[{at}]");
        // All are checked: what is wrong for one client only would show late.
        match check(choice, &path) {
            Ok(criteria) if chosen.is_none() && criteria.fit(client) => chosen = Some((path, criteria.config)),
            Ok(_) => {}
            Err((field, reason)) => return Brought::invalid(field, reason),
        }
    }
    let Some((path, config)) = chosen else { return Brought::Nothing };
    Brought::read(config).at(&format!("{path}.serviceConfig"))
}

struct Criteria<'a> {
    languages: Vec<&'a str>,
    hostnames: Vec<&'a str>,
    percentage: usize,
    config: &'a Value,
}

impl Criteria<'_> {
    fn fit(&self, client: &Client) -> bool {
        let language =
            self.languages.is_empty() || self.languages.iter().any(|l| l.eq_ignore_ascii_case(client.language));
        let hostname = self.hostnames.is_empty() || self.hostnames.contains(&client.hostname.as_str());
        language && hostname && client.share < self.percentage
    }
}

type Wrong = (String, &'static str);

fn check<'a>(choice: &'a Value, path: &str) -> Result<Criteria<'a>, Wrong> {
    let choice = choice.as_object().ok_or_else(|| (path.to_owned(), "must be a JSON object"))?;
    if let Some(unknown) = choice.keys().find(|key| !CRITERIA.contains(&key.as_str())) {
        // Printable and short: it is a peer's.
        let shown = crate::failure::peer_text(unknown.as_bytes());
        return Err((
            format!("{path}.{shown}"),
            "is not one of clientLanguage, percentage, clientHostname, serviceConfig",
        ));
    }
    let wrong = |key: &str, reason| (format!("{path}.{key}"), reason);
    let percentage = match choice.get("percentage") {
        None => Some(100),
        Some(value) => value.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 100),
    };
    let config = choice.get("serviceConfig").filter(|config| config.is_object());
    Ok(Criteria {
        languages: texts(choice, "clientLanguage")
            .ok_or_else(|| wrong("clientLanguage", "must be a list of strings"))?,
        hostnames: texts(choice, "clientHostname")
            .ok_or_else(|| wrong("clientHostname", "must be a list of strings"))?,
        percentage: percentage.ok_or_else(|| wrong("percentage", "must be a whole number from 0 to 100"))?,
        config: config.ok_or_else(|| wrong("serviceConfig", "must be a JSON object"))?,
    })
}

fn texts<'a>(choice: &'a Map<String, Value>, key: &str) -> Option<Vec<&'a str>> {
    match choice.get(key) {
        None => Some(Vec::new()),
        Some(list) => list.as_array()?.iter().map(Value::as_str).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::Evidence, options::ServiceConfig};
    use serde_json::json;

    fn client() -> Client {
        Client { language: "node", hostname: "web-1".into(), share: 40 }
    }

    fn among(choices: Value) -> Brought {
        choose(&[b"v=spf1 -all".to_vec(), [ATTRIBUTE, choices.to_string().as_bytes()].concat()], &client())
    }

    fn config(service: &str) -> Value {
        json!({"methodConfig": [{"name": [{"service": service}]}]})
    }

    fn name(brought: Brought) -> String {
        match brought {
            Brought::Config(config) => config.method_config[0].name[0].service.clone(),
            other => format!("{other:?}"),
        }
    }

    fn field(brought: Brought) -> String {
        match brought {
            Brought::Invalid(Evidence::ServiceConfig { field, .. }) => field.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_choice_for_this_client_counts() {
        let good = json!({"serviceConfig": config("yes")});
        for criteria in [
            json!({"clientLanguage": ["go", "NODE"]}),
            json!({"clientHostname": ["web-1"]}),
            json!({"percentage": 41}),
            json!({"clientLanguage": [], "clientHostname": [], "percentage": 100}),
            json!({}),
        ] {
            let mut choice = criteria.clone();
            choice["serviceConfig"] = config("yes");
            let no = json!({"percentage": 0, "serviceConfig": config("no")});
            let late = json!({"serviceConfig": config("late")});
            assert_eq!(name(among(json!([no, choice, late]))), "yes", "{criteria}");
        }
        for criteria in [
            json!({"clientLanguage": ["go", "c++"]}),
            json!({"clientHostname": ["WEB-1", "web-2"]}),
            json!({"percentage": 40}),
            json!({"clientLanguage": ["node"], "clientHostname": ["web-2"]}),
        ] {
            let mut choice = criteria.clone();
            choice["serviceConfig"] = config("no");
            assert_eq!(name(among(json!([choice, good]))), "yes", "{criteria}");
            assert_eq!(among(json!([choice])), Brought::Nothing, "{criteria}");
        }
    }

    #[test]
    fn without_a_text_of_ours_there_is_none() {
        assert_eq!(choose(&[], &client()), Brought::Nothing);
        assert_eq!(choose(&[b"grpc_configs=[]".to_vec()], &client()), Brought::Nothing);
        assert_eq!(among(json!([])), Brought::Nothing);
        assert_eq!(among(json!([{"serviceConfig": {}}])), Brought::Config(ServiceConfig::default().into()));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        assert_eq!(field(choose(&[b"grpc_config=[".to_vec()], &client())), "grpc_config");
        assert_eq!(field(among(json!({}))), "grpc_config");
        let second = |choice: Value| field(among(json!([{"serviceConfig": {}}, choice])));
        assert_eq!(second(json!(1)), "grpc_config[1]");
        assert_eq!(second(json!({})), "grpc_config[1].serviceConfig");
        assert_eq!(second(json!({"serviceConfig": 1})), "grpc_config[1].serviceConfig");
        assert_eq!(second(json!({"serviceConfig": {}, "percentage": 101})), "grpc_config[1].percentage");
        assert_eq!(second(json!({"serviceConfig": {}, "percentage": 1.5})), "grpc_config[1].percentage");
        assert_eq!(second(json!({"serviceConfig": {}, "clientLanguage": "go"})), "grpc_config[1].clientLanguage");
        assert_eq!(second(json!({"serviceConfig": {}, "clientHostname": [1]})), "grpc_config[1].clientHostname");
        assert_eq!(second(json!({"serviceConfig": {}, "no\nvel": 1})), "grpc_config[1].no\\nvel");
        let inside = json!([{"serviceConfig": {"methodConfig": [{"timeout": "soon"}]}}]);
        assert_eq!(field(among(inside)), "grpc_config[0].serviceConfig.methodConfig[0].timeout");
        let unchosen = json!([{"percentage": 0, "serviceConfig": {"methodConfig": 1}}, {"serviceConfig": {}}]);
        assert_eq!(among(unchosen), Brought::Config(ServiceConfig::default().into()), "only the chosen one is read");
    }
}
