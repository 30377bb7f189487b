//! The shapes of the channel's options.
use causewire::options::{ChannelOptions, KeepaliveOptions};

use crate::{
    model::{Field, Shape, Type},
    schema,
};

/// What crosses to core beside the JSON and never in it: `options::Secrets`.
const BESIDE: &[(&str, &str)] = &[("TlsOptions", "key_pem")];

/// Switched on by the tests' feature `plant-panic`, which a build of the whole workspace gives to core here, too. No
/// language publishes it.
const OF_TESTS: &str = "plant_panic";

/// What is inside first, `ChannelOptions` last.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = schema::shapes("ChannelOptions", &schemars::schema_for!(ChannelOptions).to_value());
    let sample = ChannelOptions { keepalive: Some(KeepaliveOptions::default()), ..ChannelOptions::default() };
    schema::in_order_of(&serde_json::to_string(&sample).unwrap_or_default(), "ChannelOptions", &mut shapes);
    shapes.iter_mut().for_each(|shape| shape.fields.retain(|field| field.key != OF_TESTS));
    shapes
}

/// Whether the field stays out of the JSON.
pub(crate) fn is_beside(shape: &Shape, field: &Field) -> bool {
    BESIDE.contains(&(shape.name.as_str(), field.key.as_str()))
}

/// The paths of what stays out of the JSON.
pub(crate) fn beside() -> Vec<Vec<String>> {
    let shapes = shapes();
    let Some(root) = shapes.iter().find(|shape| shape.name == "ChannelOptions") else { return Vec::new() };
    let mut paths = Vec::new();
    collect(root, &shapes, &[], &mut paths);
    paths
}

fn collect(shape: &Shape, shapes: &[Shape], above: &[String], paths: &mut Vec<Vec<String>>) {
    for field in &shape.fields {
        let path: Vec<String> = above.iter().cloned().chain([field.key.clone()]).collect();
        if is_beside(shape, field) {
            paths.push(path);
        } else if let Type::Object(name) = &field.ty
            && let Some(inner) = shapes.iter().find(|shape| shape.name == *name)
        {
            collect(inner, shapes, &path, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use causewire::options::ChannelOptions;

    use super::*;

    #[test]
    fn every_option_of_core_has_a_shape() {
        let all = serde_json::to_value(ChannelOptions::default()).unwrap();
        let keys: Vec<String> = all.as_object().unwrap().keys().cloned().collect();
        let shapes = shapes();
        let root = shapes.iter().find(|shape| shape.name == "ChannelOptions").unwrap();
        let mut fields: Vec<String> = root.fields.iter().map(|field| field.key.clone()).collect();
        fields.sort();
        assert_eq!(fields, keys);
    }

    #[test]
    fn what_stays_out_of_the_json_is_secret() {
        assert_eq!(beside(), [["tls", "key_pem"]]);
        for shape in shapes() {
            for field in shape.fields.iter().filter(|field| is_beside(&shape, field)) {
                assert!(field.secret, "{}", field.key);
            }
        }
    }
}
