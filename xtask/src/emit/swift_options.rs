//! The Swift struct of the channel's options. It encodes to the JSON that crosses; secrets stay out of that.
use super::{HEADER, options, swift::doc};
use crate::{
    model::{Field, Shape, Type},
    names::{camel, case},
};

pub(crate) fn file() -> String {
    let mut out = format!("// {HEADER}\n{JSON}");
    for shape in options::shapes() {
        choices(&mut out, &shape);
        structure(&mut out, &shape);
    }
    out
}

const JSON: &str = r#"
/// Any JSON: what an option passes on as it is.
public enum JSONValue: Sendable, Hashable, Codable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value):
      if let whole = Int64(exactly: value) { try container.encode(whole) } else { try container.encode(value) }
    case .string(let value): try container.encode(value)
    case .array(let value): try container.encode(value)
    case .object(let value): try container.encode(value)
    }
  }
}
"#;

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
        out.push_str(&format!(
            "public enum {}: String, Sendable, Hashable, Encodable, CaseIterable {{\n",
            choice(field)
        ));
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
    out.push_str(&format!("public struct {}: Sendable, Hashable, Encodable{} {{\n", shape.name, described(shape)));
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

fn described(shape: &Shape) -> &'static str {
    let secret = shape.fields.iter().any(|field| field.secret);
    if secret { ", CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable" } else { "" }
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
    for field in shape.fields.iter().filter(|field| !options::is_beside(shape, field)) {
        let name = camel(&field.key);
        let value = if name == field.key { String::new() } else { format!(" = \"{}\"", field.key) };
        out.push_str(&format!("    case {name}{value}\n"));
    }
    out.push_str("  }\n");
}

fn encode(out: &mut String, shape: &Shape) {
    let beside = shape.fields.iter().filter(|field| options::is_beside(shape, field));
    let secrets: String = beside.map(|field| format!(" `{}` crosses beside the JSON.", camel(&field.key))).collect();
    out.push_str(&format!("\n  /// What is `nil` is left out, and has its default.{secrets}\n"));
    out.push_str("  public func encode(to encoder: any Encoder) throws {\n");
    out.push_str("    var values = encoder.container(keyedBy: CodingKeys.self)\n");
    for field in shape.fields.iter().filter(|field| !options::is_beside(shape, field)) {
        let name = camel(&field.key);
        if is_security(field) {
            out.push_str(&format!(
                "    switch {name} {{\n    case .plaintext: try values.encodeNil(forKey: .{name})\n"
            ));
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
        Type::Json => "JSONValue".into(),
        _ => "String".into(),
    }
}
