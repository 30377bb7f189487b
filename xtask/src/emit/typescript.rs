//! TypeScript: unions of literals, interfaces of what `JSON.parse` of a record gives.
use causewire::failure::{Cause, Code};

use super::{HEADER, details, options};
use crate::{
    evidence,
    model::{Field, Shape, Type},
    names::{camel, wrap},
    record,
};

pub(crate) fn causes() -> String {
    let mut out = format!("// {HEADER}\n");
    let names: Vec<&str> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    union(&mut out, "Cause", "Why a call failed. `docs/failures.md` describes each.", &names);
    for words in record::words() {
        union(&mut out, words.name, words.doc, &words.values);
    }
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    union(&mut out, "StatusName", "The name of a gRPC status code.", &codes);
    doc(&mut out, "", "What the layer saw. The keys depend on the cause; 64-bit numbers are strings.");
    out.push_str("export interface Evidence {\n");
    evidence::fields().iter().for_each(|it| field(&mut out, it, &it.key));
    out.push_str("}\n");
    for shape in details::shapes() {
        let tag = details::tag_of(&shape.name);
        interface(&mut out, &shape, tag.as_deref());
    }
    let types: Vec<String> =
        details::tags().into_iter().map(|(_, name)| name).chain([details::UNKNOWN.to_owned()]).collect();
    doc(&mut out, "", "One error detail of the server.");
    out.push_str(&format!("export type Detail =\n  | {};\n", types.join("\n  | ")));
    record::shapes().iter().for_each(|shape| interface(&mut out, shape, None));
    table(&mut out);
    out
}

/// Options are camelCase; their table says which key each has in the JSON that crosses.
pub(crate) fn options() -> String {
    let shapes = options::shapes();
    let mut out = format!("// {HEADER}\n");
    for shape in &shapes {
        doc(&mut out, "", &shape.doc);
        out.push_str(&format!("export interface {} {{\n", shape.name));
        shape.fields.iter().for_each(|it| option(&mut out, it));
        out.push_str("}\n");
    }
    doc(&mut out, "", "The key of an option in the JSON that crosses to core, and the keys inside its value.");
    out.push_str("export interface OptionKey {\n  readonly key: string;\n");
    out.push_str("  /** Crosses beside the JSON, never in it. */\n  readonly beside?: true;\n");
    out.push_str("  readonly inside?: Readonly<Record<string, OptionKey>>;\n}\n");
    doc(&mut out, "", "camelCase to the keys of core.");
    out.push_str("export const CHANNEL_OPTION_KEYS: Readonly<Record<string, OptionKey>> = {\n");
    if let Some(root) = shapes.iter().find(|shape| shape.name == "ChannelOptions") {
        keys(&mut out, root, &shapes, "  ");
    }
    out.push_str("};\n");
    out
}

fn keys(out: &mut String, shape: &Shape, shapes: &[Shape], indent: &str) {
    for field in &shape.fields {
        let beside = if options::is_beside(shape, field) { ", beside: true" } else { "" };
        out.push_str(&format!("{indent}{}: {{ key: \"{}\"{beside}", camel(&field.key), field.key));
        let inner = match &field.ty {
            Type::Object(name) => shapes.iter().find(|shape| shape.name == *name),
            _ => None,
        };
        if let Some(inner) = inner {
            out.push_str(", inside: {\n");
            keys(out, inner, shapes, &format!("{indent}  "));
            out.push_str(indent);
            out.push('}');
        }
        out.push_str(" },\n");
    }
}

fn option(out: &mut String, field: &Field) {
    doc(out, "  ", &field.doc);
    let null = if field.nullable { " | null" } else { "" };
    out.push_str(&format!("  {}?: {}{null} | undefined;\n", camel(&field.key), ty(&field.ty)));
}

fn union(out: &mut String, name: &str, text: &str, values: &[&str]) {
    doc(out, "", text);
    let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    out.push_str(&format!("export type {name} =\n  | {};\n", quoted.join("\n  | ")));
}

fn interface(out: &mut String, shape: &Shape, tag: Option<&str>) {
    doc(out, "", &shape.doc);
    out.push_str(&format!("export interface {} {{\n", shape.name));
    if let Some(tag) = tag {
        out.push_str(&format!("  readonly type: \"{tag}\";\n"));
    } else if shape.name == details::UNKNOWN {
        out.push_str("  readonly type?: undefined;\n");
    }
    shape.fields.iter().for_each(|it| field(out, it, &it.key));
    out.push_str("}\n");
}

fn field(out: &mut String, field: &Field, name: &str) {
    doc(out, "  ", &field.doc);
    let optional = if field.required { "" } else { "?" };
    let status = field.key == "status";
    let ty = if status { "StatusName".to_owned() } else { ty(&field.ty) };
    out.push_str(&format!("  readonly {name}{optional}: {ty};\n"));
}

fn ty(ty: &Type) -> String {
    match ty {
        Type::Text | Type::Big => "string".into(),
        Type::Bool => "boolean".into(),
        Type::Int | Type::Float | Type::Code => "number".into(),
        Type::Word(name) => (*name).into(),
        Type::Choice(values) => values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(" | "),
        Type::List(inner) => format!("readonly {}[]", self::ty(inner)),
        Type::Map(inner) => format!("Readonly<Record<string, {}>>", self::ty(inner)),
        Type::Object(name) => name.clone(),
        Type::Evidence => "Evidence".into(),
        Type::Detail => "Detail".into(),
        Type::Json => "Readonly<Record<string, unknown>>".into(),
    }
}

fn table(out: &mut String) {
    doc(out, "", "What is known of a cause before any evidence.");
    out.push_str("export interface CauseInfo {\n  readonly id: number;\n  readonly layer: Layer;\n");
    out.push_str("  readonly category: Category;\n  readonly code: number;\n  readonly retry: Retry;\n");
    out.push_str("  readonly reached: Reached;\n  readonly meaning: string;\n}\n");
    doc(out, "", "Every cause by its name.");
    out.push_str("export const CAUSES: Readonly<Record<Cause, CauseInfo>> = {\n");
    for cause in Cause::ALL {
        let info = cause.info();
        out.push_str(&format!(
            "  {}: {{ id: {}, layer: \"{}\", category: \"{}\", code: {}, retry: \"{}\", reached: \"{}\", meaning: {:?} }},\n",
            info.name, info.id, info.layer, info.category, info.code.as_u8(), info.retry, info.reached, info.meaning
        ));
    }
    out.push_str("};\n");
}

fn doc(out: &mut String, indent: &str, text: &str) {
    if indent.is_empty() {
        out.push('\n');
    }
    match wrap(text, 110).as_slice() {
        [] => {}
        [line] => out.push_str(&format!("{indent}/** {line} */\n")),
        lines => {
            out.push_str(&format!("{indent}/**\n"));
            lines.iter().for_each(|line| out.push_str(&format!("{indent} * {line}\n")));
            out.push_str(&format!("{indent} */\n"));
        }
    }
}
