//! The shapes of the channel's options.
use crate::model::{Shape, Type};

/// What is inside first, `ChannelOptions` last.
pub(crate) fn shapes() -> Vec<Shape> {
    Vec::new()
}

/// The paths of what never stands in the JSON.
pub(crate) fn secrets() -> Vec<Vec<String>> {
    let shapes = shapes();
    let Some(root) = shapes.iter().find(|shape| shape.name == "ChannelOptions") else { return Vec::new() };
    let mut paths = Vec::new();
    collect(root, &shapes, &[], &mut paths);
    paths
}

fn collect(shape: &Shape, shapes: &[Shape], above: &[String], paths: &mut Vec<Vec<String>>) {
    for field in &shape.fields {
        let path: Vec<String> = above.iter().cloned().chain([field.key.clone()]).collect();
        if field.secret {
            paths.push(path);
        } else if let Type::Object(name) = &field.ty
            && let Some(inner) = shapes.iter().find(|shape| shape.name == *name)
        {
            collect(inner, shapes, &path, paths);
        }
    }
}
