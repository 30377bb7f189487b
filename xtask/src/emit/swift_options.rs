//! The Swift struct of the channel's options. It encodes to the JSON that crosses; secrets stay out of that.
use super::{HEADER, options, swift::doc};
use crate::{
    model::{Field, Shape, Type},
    names::{camel, case},
};

pub(crate) fn file() -> String {
    let mut out = format!("// {HEADER}\n");
    for shape in options::shapes() {
        choices(&mut out, &shape);
        structure(&mut out, &shape);
    }
    out
}

/// The one option whose absence and whose `null` differ: plaintext is only ever explicit.
fn is_security(field: &Field) -> bool {
    field.key == "tls"
}

fn choices(out: &mut String, shape: &Shape) {
    if shape.fields.iter().any(is_security) {
        doc(out, "", "How a channel is secured.");
        out.push_str("public enum TransportSecurity: Sendable, Hashable {\n  /// No TLS.\n  case plaintext\n");
        out.push_str("  /// TLS; with the system's roots unless the options say otherwise.\n  case tls(TlsOptions = TlsOptions())\n}\n");
    }
    for field in &shape.fields {
        let Type::Choice(values) = &field.ty else { continue };
        doc(out, "", &field.doc);
        out.push_str(&format!("public enum {}: String, Sendable, Hashable, Encodable, CaseIterable {{\n", choice(field)));
        values.iter().for_each(|value| out.push_str(&format!("  case {}{}\n", case(value), raw(value))));
        out.push_str("}\n");
    }
}

fn raw(value: &str) -> String {
    if case(value) == value { String::new() } else { format!(" = \"{value}\"") }
}

fn choice(field: &Field) -> String {
    let name = camel(&field.key);
    name.chars().take(1).map(|letter| letter.to_ascii_uppercase()).chain(name.chars().skip(1)).collect()
}

fn structure(out: &mut String, shape: &Shape) {
    doc(out, "", &shape.doc);
    out.push_str(&format!("public struct {}: Sendable, Hashable, Encodable {{\n", shape.name));
    for field in &shape.fields {
        doc(out, "  ", &field.doc);
        let name = camel(&field.key);
        if is_security(field) {
            out.push_str(&format!("  public var {name}: TransportSecurity = .tls()\n"));
        } else {
            out.push_str(&format!("  public var {name}: {}?\n", ty(field)));
        }
    }
    init(out, shape);
    keys(out, shape);
    encode(out, shape);
    if shape.fields.iter().any(|field| field.secret) {
        describe(out, shape);
    }
    out.push_str("}\n");
}

fn init(out: &mut String, shape: &Shape) {
    let parameters: Vec<String> = shape
        .fields
        .iter()
        .map(|field| {
            let (ty, default) =
                if is_security(field) { ("TransportSecurity".to_owned(), ".tls()") } else { (ty(field) + "?", "nil") };
            format!("    {}: {ty} = {default}", camel(&field.key))
        })
        .collect();
    out.push_str(&format!("\n  public init(\n{}\n  ) {{\n", parameters.join(",\n")));
    shape.fields.iter().for_each(|field| out.push_str(&format!("    self.{0} = {0}\n", camel(&field.key))));
    out.push_str("  }\n");
}

fn keys(out: &mut String, shape: &Shape) {
    out.push_str("\n  private enum CodingKeys: String, CodingKey {\n");
    for field in shape.fields.iter().filter(|field| !field.secret) {
        let name = camel(&field.key);
        let value = if name == field.key { String::new() } else { format!(" = \"{}\"", field.key) };
        out.push_str(&format!("    case {name}{value}\n"));
    }
    out.push_str("  }\n");
}

fn encode(out: &mut String, shape: &Shape) {
    let secrets = if shape.fields.iter().any(|field| field.secret) { " Secrets are left out." } else { "" };
    out.push_str(&format!("\n  /// What is `nil` is left out, and has its default.{secrets}\n"));
    out.push_str("  public func encode(to encoder: any Encoder) throws {\n");
    out.push_str("    var values = encoder.container(keyedBy: CodingKeys.self)\n");
    for field in shape.fields.iter().filter(|field| !field.secret) {
        let name = camel(&field.key);
        if is_security(field) {
            out.push_str(&format!("    switch {name} {{\n    case .plaintext: try values.encodeNil(forKey: .{name})\n"));
            out.push_str(&format!("    case .tls(let options): try values.encode(options, forKey: .{name})\n    }}\n"));
        } else {
            out.push_str(&format!("    try values.encodeIfPresent({name}, forKey: .{name})\n"));
        }
    }
    out.push_str("  }\n");
}

fn describe(out: &mut String, shape: &Shape) {
    let parts: Vec<String> = shape
        .fields
        .iter()
        .map(|field| {
            let name = camel(&field.key);
            if field.secret {
                format!("{name}: \\({name} == nil ? \"nil\" : \"<redacted>\")")
            } else {
                format!("{name}: \\(String(describing: {name}))")
            }
        })
        .collect();
    out.push_str(&format!("\n  public var description: String {{\n    \"{}(\"\n", shape.name));
    let last = parts.len().saturating_sub(1);
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == last { "" } else { ", " };
        out.push_str(&format!("      + \"{part}{comma}\"\n"));
    }
    out.push_str("      + \")\"\n  }\n  public var debugDescription: String { description }\n");
    out.push_str("  public var customMirror: Mirror { Mirror(self, children: [:]) }\n");
}

fn ty(field: &Field) -> String {
    match &field.ty {
        Type::Choice(_) => choice(field),
        other => plain(other),
    }
}

fn plain(ty: &Type) -> String {
    match ty {
        Type::Bool => "Bool".into(),
        Type::Int => "Int".into(),
        Type::Float => "Double".into(),
        Type::List(inner) => format!("[{}]", plain(inner)),
        Type::Map(inner) => format!("[String: {}]", plain(inner)),
        Type::Object(name) => name.clone(),
        _ => "String".into(),
    }
}
