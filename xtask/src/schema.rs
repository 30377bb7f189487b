//! Shapes from a JSON Schema that schemars made.
use causewire::failure::Json;
use serde_json::{Map, Value};

use crate::{
    model::{Field, Shape, Type},
    names::one_line,
};

/// The shapes of a schema: those that it refers to by name, then its own as `name`.
pub(crate) fn shapes(name: &str, schema: &Value) -> Vec<Shape> {
    let definitions = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut shapes: Vec<Shape> = definitions
        .iter()
        .filter(|(_, definition)| definition.get("properties").is_some())
        .map(|(name, definition)| shape(name, definition, &definitions))
        .collect();
    if schema.get("properties").is_some() {
        shapes.push(shape(name, schema, &definitions));
    }
    shapes
}

/// A schema lists fields by name. This puts them in the order in which `sample`, a value of `root`, has them.
pub(crate) fn in_order_of(sample: &str, root: &str, shapes: &mut [Shape]) {
    if let Ok(sample) = serde_json::from_str(sample) {
        reorder(&sample, root, shapes);
    }
}

fn reorder(sample: &Json, name: &str, shapes: &mut [Shape]) {
    let Json::Object(entries) = sample else { return };
    let Some(shape) = shapes.iter_mut().find(|shape| shape.name == name) else { return };
    shape.fields.sort_by_key(|field| entries.iter().position(|(key, _)| *key == field.key));
    let types: Vec<(String, Type)> = shape.fields.iter().map(|field| (field.key.clone(), field.ty.clone())).collect();
    for (key, ty) in types {
        let value = entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        match (ty, value) {
            (Type::Object(inner), Some(value)) => reorder(value, &inner, shapes),
            (Type::List(element), Some(Json::List(values))) => {
                if let (Type::Object(inner), Some(value)) = (*element, values.first()) {
                    reorder(value, &inner, shapes);
                }
            }
            _ => {}
        }
    }
}

fn shape(name: &str, schema: &Value, definitions: &Map<String, Value>) -> Shape {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let fields =
        schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, property)| Field {
            key: key.clone(),
            doc: doc(property),
            ty: ty(property, definitions),
            required: required.contains(&key.as_str()),
            nullable: is_nullable(property),
            secret: is_secret(property, definitions),
        });
    Shape { name: name.to_owned(), doc: doc(schema), fields: fields.collect() }
}

fn doc(schema: &Value) -> String {
    one_line(schema.get("description").and_then(Value::as_str).unwrap_or_default())
}

fn ty(schema: &Value, definitions: &Map<String, Value>) -> Type {
    if let Some(name) = reference(schema) {
        return match definitions.get(name) {
            Some(definition) if definition.get("properties").is_some() => Type::Object(name.to_owned()),
            Some(definition) => ty(definition, definitions),
            None => Type::Json,
        };
    }
    if let Some(inner) = not_null(schema) {
        return ty(inner, definitions);
    }
    if let Some(choices) = choices(schema) {
        return Type::Choice(choices);
    }
    match kind(schema) {
        Some("string") => Type::Text,
        Some("boolean") => Type::Bool,
        Some("integer") => Type::Int,
        Some("number") => Type::Float,
        Some("array") => Type::List(Box::new(schema.get("items").map_or(Type::Json, |items| ty(items, definitions)))),
        Some("object") => match schema.get("additionalProperties") {
            Some(inner @ Value::Object(_)) => Type::Map(Box::new(ty(inner, definitions))),
            _ => Type::Json,
        },
        _ => Type::Json,
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
}

/// The one alternative beside `null`.
fn not_null(schema: &Value) -> Option<&Value> {
    let alternatives = schema.get("anyOf")?.as_array()?;
    let mut others = alternatives.iter().filter(|it| it.get("type").and_then(Value::as_str) != Some("null"));
    others.next().filter(|_| others.next().is_none())
}

fn is_nullable(schema: &Value) -> bool {
    let kinds = schema.get("type").and_then(Value::as_array).into_iter().flatten();
    not_null(schema).is_some() || kinds.filter_map(Value::as_str).any(|kind| kind == "null")
}

fn choices(schema: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().map(text).collect();
    }
    let alternatives = schema.get("oneOf")?.as_array()?;
    let values = alternatives.iter().map(|it| match it.get("enum").and_then(Value::as_array) {
        Some(values) => values.iter().map(text).collect::<Option<Vec<_>>>(),
        None => it.get("const").and_then(text).map(|value| vec![value]),
    });
    values.collect::<Option<Vec<_>>>().map(|lists| lists.concat())
}

fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

/// `Secret` marks its schema so.
fn is_secret(schema: &Value, definitions: &Map<String, Value>) -> bool {
    let marked = |schema: &Value| schema.get("writeOnly").and_then(Value::as_bool) == Some(true);
    let inner = not_null(schema).unwrap_or(schema);
    marked(schema) || marked(inner) || reference(inner).and_then(|name| definitions.get(name)).is_some_and(marked)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_come_in_the_order_of_the_sample() {
        let inner = json!({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}});
        let list = json!({"type": "array", "items": {"$ref": "#/$defs/Inner"}});
        let schema = json!({"properties": {"a": list, "b": {"type": "string"}}, "$defs": {"Inner": inner}});
        let mut shapes = shapes("Outer", &schema);
        in_order_of(r#"{"b":"","a":[{"y":0,"x":0}]}"#, "Outer", &mut shapes);
        let keys = |shape: &Shape| shape.fields.iter().map(|field| field.key.clone()).collect::<Vec<_>>();
        assert_eq!((keys(&shapes[0]), keys(&shapes[1])), (vec!["y".into(), "x".into()], vec!["b".into(), "a".into()]));
    }

    #[test]
    fn every_form_of_a_field_is_understood() {
        let schema = json!({
            "properties": {
                "a": {"type": "string", "description": "Doc\nof a."},
                "b": {"type": ["integer", "null"], "minimum": 0},
                "c": {"anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]},
                "d": {"type": "array", "items": {"type": "string"}},
                "e": {"$ref": "#/$defs/Choice"},
                "f": {"type": "object", "additionalProperties": {"type": "string"}},
                "g": {"anyOf": [{"$ref": "#/$defs/Hidden"}, {"type": "null"}]},
                "h": true,
            },
            "required": ["a"],
            "$defs": {
                "Inner": {"type": "object", "properties": {"x": {"type": "number"}}},
                "Choice": {"oneOf": [{"type": "string", "const": "one"}, {"type": "string", "enum": ["two", "three"]}]},
                "Hidden": {"type": "string", "writeOnly": true},
            },
        });
        let shapes = shapes("Outer", &schema);
        assert_eq!(shapes.iter().map(|shape| shape.name.as_str()).collect::<Vec<_>>(), ["Inner", "Outer"]);
        let types: Vec<Type> = shapes[1].fields.iter().map(|field| field.ty.clone()).collect();
        let choice = ["one", "two", "three"].map(str::to_owned).to_vec();
        let text = || Box::new(Type::Text);
        let expected = [
            Type::Text,
            Type::Int,
            Type::Object("Inner".into()),
            Type::List(text()),
            Type::Choice(choice),
            Type::Map(text()),
            Type::Text,
            Type::Json,
        ];
        assert_eq!(types, expected);
        assert_eq!(shapes[1].fields[0].doc, "Doc of a.");
        assert_eq!(shapes[1].fields.iter().map(|field| field.secret).filter(|it| *it).count(), 1);
        assert!(shapes[1].fields[0].required && !shapes[1].fields[1].required);
    }
}
