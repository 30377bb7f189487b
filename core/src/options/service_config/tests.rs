use super::{reader::parse_duration, *};
use crate::failure::{Cause, Code};
use serde_json::json;

fn read(document: Value) -> ServiceConfig {
    ServiceConfig::from_value(&document).unwrap()
}

/// Where a document is refused.
fn path(document: Value) -> String {
    match ServiceConfig::from_value(&document) {
        Err(Evidence::Option { field, .. }) => field.into_owned(),
        other => panic!("{other:?}"),
    }
}

fn policy(config: Value) -> LoadBalancing {
    read(json!({ "loadBalancingConfig": config })).load_balancing_config.unwrap()
}

fn policy_path(config: Value) -> String {
    path(json!({ "loadBalancingConfig": config })).replace("service_config.loadBalancingConfig", "")
}

#[test]
fn durations() {
    assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
    assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
    assert_eq!(parse_duration("315576000000s"), Some(Duration::from_secs(315_576_000_000)));
    for bad in ["", "s", "1", "-1s", "1.0000000001s", "1.5.s", "x1s", "315576000001s"] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
    let odd = Duration::new(12, 3_040_000);
    assert_eq!(parse_duration(&reader::write_duration(&odd)), Some(odd));
}

#[test]
fn the_nearest_name_wins() {
    let config = read(json!({"methodConfig": [
        {"name": [{}], "timeout": "3s"},
        {"name": [{"service": "a.B"}], "timeout": "2s"},
        {"name": [{"service": "a.B", "method": "C"}], "timeout": "1s", "unknown": true}
    ]}));
    let seconds = |path| config.method(path).and_then(MethodConfig::timeout).map(|t| t.as_secs());
    assert_eq!(seconds("/a.B/C"), Some(1));
    assert_eq!(seconds("/a.B/D"), Some(2));
    assert_eq!(seconds("/x.Y/Z"), Some(3));
}

#[test]
fn a_bad_part_is_named_by_its_path() {
    let method = |config| path(json!({ "methodConfig": [config] }));
    assert_eq!(path(json!([])), "service_config");
    assert_eq!(path(json!({"methodConfig": 1})), "service_config.methodConfig");
    assert_eq!(method(json!({"timeout": "5"})), "service_config.methodConfig[0].timeout");
    assert_eq!(method(json!({"timeout": 5})), "service_config.methodConfig[0].timeout");
    assert_eq!(method(json!({"waitForReady": 1})), "service_config.methodConfig[0].waitForReady");
    assert_eq!(method(json!({"maxRequestMessageBytes": -1})), "service_config.methodConfig[0].maxRequestMessageBytes");
    assert_eq!(method(json!({"name": [{"method": "x"}]})), "service_config.methodConfig[0].name[0].service");
    assert_eq!(method(json!({"name": [{"service": "a"}, {"service": "a"}]})), "service_config.methodConfig[0].name[1]");
    assert_eq!(method(json!({"retryPolicy": {}, "hedgingPolicy": {}})), "service_config.methodConfig[0].hedgingPolicy");
    assert_eq!(path(json!({"healthCheckConfig": {"serviceName": 1}})), "service_config.healthCheckConfig.serviceName");
    let scaling = |most| path(json!({"connectionScaling": {"maxConnectionsPerSubchannel": most}}));
    assert_eq!(scaling(json!(0)), "service_config.connectionScaling.maxConnectionsPerSubchannel");
    assert_eq!(scaling(json!("x")), "service_config.connectionScaling.maxConnectionsPerSubchannel");
}

#[test]
fn the_first_policy_that_is_known_counts() {
    assert_eq!(policy(json!([{"novel": 7}, {"round_robin": {}}, {"pick_first": {}}])), LoadBalancing::RoundRobin {});
    assert_eq!(
        policy(json!([{"pick_first": {"shuffleAddressList": true}}])),
        LoadBalancing::PickFirst(PickFirstConfig { shuffle_address_list: true })
    );
    for (count, expected) in [(json!(null), 2), (json!(3), 3), (json!(99), 10)] {
        let config = LeastRequestConfig { choice_count: expected };
        assert_eq!(
            policy(json!([{"least_request_experimental": {"choiceCount": count}}])),
            LoadBalancing::LeastRequest(config)
        );
    }
    assert_eq!(read(json!({})).load_balancing_config, None);
    assert_eq!(read(json!({"loadBalancingConfig": null})).load_balancing_config, None);
    let deprecated = |name| read(json!({ "loadBalancingPolicy": name })).load_balancing_config;
    assert_eq!(deprecated("ROUND_ROBIN"), Some(LoadBalancing::RoundRobin {}));
    assert_eq!(deprecated(""), None);
}

#[test]
fn a_bad_policy_is_named_by_its_path() {
    assert_eq!(policy_path(json!({})), "");
    assert_eq!(policy_path(json!([])), "");
    assert_eq!(policy_path(json!([{"novel": {}}])), "");
    assert_eq!(policy_path(json!([{"novel": {}}, {}])), "[1]");
    assert_eq!(policy_path(json!([{"pick_first": {}, "round_robin": {}}])), "[0]");
    assert_eq!(policy_path(json!([{"round_robin": 1}])), "[0].round_robin");
    assert_eq!(policy_path(json!([{"pick_first": {"shuffleAddressList": 1}}])), "[0].pick_first.shuffleAddressList");
    assert_eq!(policy_path(json!([{"least_request": {"choiceCount": 1}}])), "[0].least_request.choiceCount");
    let outlier = |config| policy_path(json!([{ "outlier_detection": config }])).replace("[0].outlier_detection.", "");
    assert_eq!(outlier(json!({})), "childPolicy");
    assert_eq!(outlier(json!({"childPolicy": [{"novel": {}}]})), "childPolicy");
    let good = |key: &str, value: Value| json!({"childPolicy": [{"round_robin": {}}], key: value});
    assert_eq!(outlier(good("interval", json!("-1s"))), "interval");
    assert_eq!(outlier(good("baseEjectionTime", json!(1))), "baseEjectionTime");
    assert_eq!(outlier(good("maxEjectionPercent", json!(101))), "maxEjectionPercent");
    assert_eq!(
        outlier(good("failurePercentageEjection", json!({"threshold": 101}))),
        "failurePercentageEjection.threshold"
    );
    assert_eq!(
        outlier(good("successRateEjection", json!({"enforcementPercentage": 101}))),
        "successRateEjection.enforcementPercentage"
    );
    assert_eq!(path(json!({"loadBalancingPolicy": "grpclb"})), "service_config.loadBalancingPolicy");
    let itself = json!([{"outlier_detection": {"childPolicy": [{"round_robin": {}}]}}]);
    assert_eq!(outlier(json!({ "childPolicy": itself })), "childPolicy");
}

#[test]
fn a_config_survives_being_written() {
    let all = json!({
        "loadBalancingConfig": [{"outlier_detection_experimental": {
            "interval": "0.2s",
            "maxEjectionPercent": "50",
            "successRateEjection": {"stdevFactor": 1},
            "failurePercentageEjection": {"requestVolume": 2},
            "childPolicy": [{"least_request": {}}],
        }}],
        "healthCheckConfig": {"serviceName": ""},
        "connectionScaling": {"maxConnectionsPerSubchannel": 3},
        "methodConfig": [{"name": [{}], "waitForReady": true}],
    });
    let config = read(all);
    let LoadBalancing::OutlierDetection(outlier) = config.load_balancing_config.as_ref().unwrap() else { panic!() };
    assert_eq!((outlier.interval, outlier.max_ejection_percent), (Duration::from_millis(200), 50));
    assert_eq!(outlier.success_rate_ejection.unwrap().minimum_hosts, 5);
    assert_eq!(read(serde_json::to_value(&config).unwrap()), config);
    assert!(config.validate().is_ok());
    let bad = LoadBalancing::LeastRequest(LeastRequestConfig { choice_count: 0 });
    let bad = ServiceConfig { load_balancing_config: Some(bad), ..ServiceConfig::default() };
    assert!(bad.validate().is_err());
}

#[test]
fn the_vectors_that_every_language_is_tested_with() {
    let vectors: Value = serde_json::from_str(include_str!("../../../../tests/vectors/service_config.json")).unwrap();
    let rows = |key: &str| vectors[key].as_array().unwrap().clone();
    for row in rows("accepted") {
        let config = ServiceConfig::from_value(&row["config"]).unwrap_or_else(|e| panic!("{}: {e:?}", row["name"]));
        assert_eq!(read(serde_json::to_value(&config).unwrap()), config, "{}", row["name"]);
    }
    for row in rows("refused") {
        assert_eq!(path(row["config"].clone()), row["field"], "{}", row["name"]);
    }
    assert!(rows("accepted").len() + rows("refused").len() >= 60);
}

#[test]
fn a_calls_own_policy() {
    let policy = r#"{"maxAttempts": 9, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["unavailable", 8]}"#;
    let read = |document: &str| CallRetry::from_json(document);
    let Ok(CallRetry::Retry(retry)) = read(&format!(r#"{{"retryPolicy": {policy}}}"#)) else { panic!() };
    let codes: Vec<_> = retry.retryable_status_codes.iter().collect();
    assert_eq!(codes, [Code::ResourceExhausted, Code::Unavailable]);
    let hedging = r#"{"hedgingPolicy": {"maxAttempts": 2}}"#;
    assert!(matches!(read(hedging), Ok(CallRetry::Hedging(policy)) if policy.hedging_delay.is_zero()));
    assert_eq!(read("{}"), Ok(CallRetry::Off));
    for bad in ["", "[]", "7", r#"{"novel": 1}"#, &format!(r#"{{"retryPolicy": {policy}, "hedgingPolicy": {{}}}}"#)] {
        assert_eq!(read(bad).unwrap_err().cause(), Cause::OptionInvalid, "{bad}");
    }
}
