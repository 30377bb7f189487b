//! The error details: which shapes they have and by which `type` each is known.
use causewire::failure::{self as core, Detail};
use serde_json::Value;

use crate::{
    model::{Shape, Type},
    schema,
};

/// The shape of what stays packed.
pub(crate) const UNKNOWN: &str = "UnknownDetail";

/// Every shape, violations and links included.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut shapes = schema::shapes("Detail", &schema());
    for (name, sample) in samples() {
        schema::in_order_of(&sample, name, &mut shapes);
    }
    // serde writes every field of these but those that may be null, which the schema cannot say.
    for field in shapes.iter_mut().flat_map(|shape| &mut shape.fields) {
        field.required = !field.nullable;
    }
    // What others refer to comes first.
    shapes.sort_by_key(|shape| shape.fields.iter().any(|field| refers(&field.ty)));
    shapes
}

/// One value of each shape with every field filled.
fn samples() -> Vec<(&'static str, String)> {
    macro_rules! sample {
        ($name:ident) => {
            sample!($name, core::$name::default())
        };
        ($name:ident, $value:expr) => {
            (stringify!($name), serde_json::to_string(&$value))
        };
    }
    let message = Some(core::LocalizedMessage::default());
    let violation = core::FieldViolation { localized_message: message, ..Default::default() };
    let samples = [
        sample!(ErrorInfo),
        sample!(RetryInfo),
        sample!(DebugInfo),
        sample!(QuotaFailure, core::QuotaFailure { violations: vec![Default::default()] }),
        sample!(PreconditionFailure, core::PreconditionFailure { violations: vec![Default::default()] }),
        sample!(BadRequest, core::BadRequest { field_violations: vec![violation] }),
        sample!(RequestInfo),
        sample!(ResourceInfo),
        sample!(Help, core::Help { links: vec![Default::default()] }),
        sample!(LocalizedMessage),
        sample!(UnknownDetail),
    ];
    samples.into_iter().filter_map(|(name, json)| Some((name, json.ok()?))).collect()
}

fn refers(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::List(inner) | Type::Map(inner) => refers(inner),
        _ => false,
    }
}

/// `google.rpc.ErrorInfo` and the name of its shape, in the order of core.
pub(crate) fn tags() -> Vec<(String, String)> {
    let schema = schema();
    let variants = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array).cloned();
    let tag = |variant: &Value| {
        let tag = variant.pointer("/properties/type/const")?.as_str()?.to_owned();
        let shape = variant.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned();
        Some((tag, shape))
    };
    variants.unwrap_or_default().iter().filter_map(tag).collect()
}

/// The `type` of a shape that is a detail by itself.
pub(crate) fn tag_of(shape: &str) -> Option<String> {
    tags().into_iter().find(|(_, name)| name == shape).map(|(tag, _)| tag)
}

fn schema() -> Value {
    schemars::schema_for!(Detail).to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ten_standard_types_have_a_shape() {
        let names: Vec<String> = shapes().into_iter().map(|shape| shape.name).collect();
        assert_eq!(tags().len(), 10);
        assert!(tags().iter().all(|(tag, name)| names.contains(name) && *tag == format!("google.rpc.{name}")));
        assert!(names.iter().any(|name| name == UNKNOWN));
    }
}
