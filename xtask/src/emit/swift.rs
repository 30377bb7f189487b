//! Swift: enums that keep a word they do not know, structs that decode the record's JSON.
use causewire::failure::{Cause, Code};

use super::{HEADER, details};
use crate::{
    model::{Field, Shape, Type, Words},
    names::{camel, case, wrap},
    record,
};

/// `default` is a keyword.
fn identifier(word: &str) -> String {
    let name = case(word);
    if matches!(name.as_str(), "default" | "internal") { format!("`{name}`") } else { name }
}

pub(crate) fn causes() -> String {
    let mut out = format!("// {HEADER}\n");
    let names = Cause::ALL.iter().map(|cause| cause.name()).collect();
    word(
        &mut out,
        &Words { name: "Cause", doc: "Why a call failed. `docs/failures.md` describes each.", values: names },
    );
    record::words().iter().for_each(|words| word(&mut out, words));
    status_code(&mut out);
    info(&mut out);
    out
}

fn word(out: &mut String, words: &Words) {
    let Words { name, doc: text, values } = words;
    doc(out, "", text);
    out.push_str(&format!(
        "public enum {name}: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {{\n"
    ));
    values.iter().for_each(|value| out.push_str(&format!("  case {}\n", identifier(value))));
    out.push_str("  /// A word of a newer version.\n  case unknown(String)\n\n");
    out.push_str("  public init(rawValue: String) {\n    switch rawValue {\n");
    values.iter().for_each(|value| out.push_str(&format!("    case \"{value}\": self = .{}\n", identifier(value))));
    out.push_str("    default: self = .unknown(rawValue)\n    }\n  }\n\n");
    out.push_str("  public var rawValue: String {\n    switch self {\n");
    values.iter().for_each(|value| out.push_str(&format!("    case .{}: \"{value}\"\n", identifier(value))));
    out.push_str("    case .unknown(let word): word\n    }\n  }\n\n");
    out.push_str("  public var description: String { rawValue }\n\n");
    out.push_str("  public init(from decoder: any Decoder) throws {\n");
    out.push_str("    self.init(rawValue: try decoder.singleValueContainer().decode(String.self))\n  }\n\n");
    out.push_str("  public func encode(to encoder: any Encoder) throws {\n");
    out.push_str("    var container = encoder.singleValueContainer()\n    try container.encode(rawValue)\n  }\n}\n");
}

fn status_code(out: &mut String) {
    doc(out, "", "A gRPC status code.");
    out.push_str("public enum StatusCode: Int, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {\n");
    for code in Code::ALL {
        out.push_str(&format!("  case {} = {}\n", identifier(code.as_str()), code.as_u8()));
    }
    out.push_str("\n  /// The name of the specification, such as `UNAVAILABLE`.\n  public var description: String {\n    switch self {\n");
    for code in Code::ALL {
        out.push_str(&format!("    case .{}: \"{code}\"\n", identifier(code.as_str())));
    }
    out.push_str("    }\n  }\n}\n");
}

fn info(out: &mut String) {
    doc(out, "", "What is known of a cause before any evidence.");
    out.push_str("public struct CauseInfo: Sendable, Hashable {\n  public let id: Int\n  public let layer: Layer\n");
    out.push_str("  public let category: Category\n  public let code: StatusCode\n  public let retry: Retry\n");
    out.push_str("  public let reached: Reached\n  public let meaning: String\n}\n\nextension Cause {\n");
    out.push_str("  /// What is known of the cause; `nil` for one of a newer version.\n  public var info: CauseInfo? {\n    switch self {\n");
    for cause in Cause::ALL {
        let it = cause.info();
        out.push_str(&format!("    case .{}:\n      CauseInfo(\n", identifier(it.name)));
        out.push_str(&format!(
            "        id: {}, layer: .{}, category: .{}, code: .{}, retry: .{}, reached: .{},\n        meaning: {:?})\n",
            it.id,
            identifier(it.layer.as_str()),
            identifier(it.category.as_str()),
            identifier(it.code.as_str()),
            identifier(it.retry.as_str()),
            identifier(it.reached.as_str()),
            it.meaning
        ));
    }
    out.push_str("    case .unknown: nil\n    }\n  }\n}\n");
}

pub(crate) fn failure() -> String {
    let mut out = format!("// {HEADER}\nimport Foundation\n");
    out.push_str(VALUES);
    for shape in details::shapes() {
        structure(&mut out, &shape);
    }
    detail(&mut out);
    record::shapes().iter().for_each(|shape| structure(&mut out, shape));
    out.push_str(&unreadable());
    out
}

const VALUES: &str = r#"
/// A value of the evidence. 64-bit numbers are decimal strings.
public enum EvidenceValue: Sendable, Hashable, Codable, CustomStringConvertible {
  case text(String)
  case number(Int)
  case flag(Bool)
  case list([String])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let flag = try? container.decode(Bool.self) {
      self = .flag(flag)
    } else if let number = try? container.decode(Int.self) {
      self = .number(number)
    } else {
      self = .list(try container.decode([String].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .number(let number): try container.encode(number)
    case .flag(let flag): try container.encode(flag)
    case .list(let list): try container.encode(list)
    }
  }

  public var description: String {
    switch self {
    case .text(let text): text
    case .number(let number): String(number)
    case .flag(let flag): String(flag)
    case .list(let list): list.joined(separator: ", ")
    }
  }
}

/// The text that a value was read from. Two values are equal whatever they were read from.
private struct Verbatim: Sendable, Hashable {
  var text: String?

  static func == (_: Self, _: Self) -> Bool { true }
  func hash(into _: inout Hasher) {}
}

extension KeyedDecodingContainer {
  /// A 64-bit number, which the record writes as a string.
  fileprivate func decimal(_ key: Key) throws -> UInt64 {
    guard let number = UInt64(try decode(String.self, forKey: key)) else {
      throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not a decimal number")
    }
    return number
  }
}
"#;

fn detail(out: &mut String) {
    let tags = details::tags();
    doc(out, "", "One error detail of the server.");
    out.push_str("public enum Detail: Sendable, Hashable, Codable {\n");
    tags.iter().for_each(|(_, name)| out.push_str(&format!("  case {}({name})\n", first_lower(name))));
    out.push_str("  case unknown(UnknownDetail)\n\n  private enum CodingKeys: String, CodingKey { case type }\n\n");
    out.push_str("  public init(from decoder: any Decoder) throws {\n");
    out.push_str("    let values = try decoder.container(keyedBy: CodingKeys.self)\n");
    out.push_str("    switch try values.decodeIfPresent(String.self, forKey: .type) {\n");
    for (tag, name) in &tags {
        out.push_str(&format!("    case \"{tag}\": self = .{}(try {name}(from: decoder))\n", first_lower(name)));
    }
    out.push_str("    default: self = .unknown(try UnknownDetail(from: decoder))\n    }\n  }\n\n");
    out.push_str("  public func encode(to encoder: any Encoder) throws {\n");
    out.push_str("    var values = encoder.container(keyedBy: CodingKeys.self)\n    switch self {\n");
    for (tag, name) in &tags {
        out.push_str(&format!("    case .{}(let detail):\n", first_lower(name)));
        out.push_str(&format!(
            "      try values.encode(\"{tag}\", forKey: .type)\n      try detail.encode(to: encoder)\n"
        ));
    }
    out.push_str("    case .unknown(let detail):\n      try detail.encode(to: encoder)\n    }\n  }\n}\n");
}

fn first_lower(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn structure(out: &mut String, shape: &Shape) {
    let record = shape.name == "Failure";
    doc(out, "", &shape.doc);
    out.push_str(&format!("public struct {}: Sendable, Hashable, Codable {{\n", shape.name));
    for field in &shape.fields {
        doc(out, "  ", &field.doc);
        if is_recursive(shape, field) {
            out.push_str(&format!("  public var {0}: {1}? {{ {0}Storage.first }}\n", name(field), shape.name));
            out.push_str(&format!(
                "  // A struct cannot hold itself but in an array.\n  private let {}Storage: [{}]\n",
                name(field),
                shape.name
            ));
        } else {
            let optional = if field.required || is_filled(&field.ty) { "" } else { "?" };
            out.push_str(&format!("  public let {}: {}{optional}\n", name(field), ty(&field.ty)));
        }
    }
    if record {
        out.push_str("  private var verbatim = Verbatim()\n");
    }
    coding(out, shape);
    out.push_str("}\n");
}

fn is_recursive(shape: &Shape, field: &Field) -> bool {
    field.ty == Type::Object(shape.name.clone())
}

fn is_filled(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Evidence)
}

fn name(field: &Field) -> String {
    camel(&field.key)
}

fn ty(ty: &Type) -> String {
    match ty {
        Type::Text | Type::Choice(_) | Type::Json => "String".into(),
        Type::Bool => "Bool".into(),
        Type::Int => "Int".into(),
        Type::Float => "Double".into(),
        Type::Big => "UInt64".into(),
        Type::Code => "StatusCode".into(),
        Type::Word(name) => (*name).into(),
        Type::List(inner) => format!("[{}]", self::ty(inner)),
        Type::Map(inner) => format!("[String: {}]", self::ty(inner)),
        Type::Object(name) => name.clone(),
        Type::Evidence => "[String: EvidenceValue]".into(),
        Type::Detail => "Detail".into(),
    }
}

fn coding(out: &mut String, shape: &Shape) {
    out.push_str("\n  private enum CodingKeys: String, CodingKey {\n");
    for field in &shape.fields {
        let (name, key) = (name(field), &field.key);
        let value = if name == *key { String::new() } else { format!(" = \"{key}\"") };
        out.push_str(&format!("    case {name}{value}\n"));
    }
    out.push_str("  }\n\n  public init(from decoder: any Decoder) throws {\n");
    out.push_str("    let values = try decoder.container(keyedBy: CodingKeys.self)\n");
    shape.fields.iter().for_each(|field| out.push_str(&format!("    {}\n", decode(shape, field))));
    out.push_str("  }\n\n  public func encode(to encoder: any Encoder) throws {\n");
    out.push_str("    var values = encoder.container(keyedBy: CodingKeys.self)\n");
    shape.fields.iter().for_each(|field| out.push_str(&format!("    {}\n", encode(field))));
    out.push_str("  }\n");
}

fn decode(shape: &Shape, field: &Field) -> String {
    let (name, ty) = (name(field), ty(&field.ty));
    match &field.ty {
        _ if is_recursive(shape, field) => {
            format!("{name}Storage = try values.decodeIfPresent({ty}.self, forKey: .{name}).map {{ [$0] }} ?? []")
        }
        Type::Big => format!("{name} = try values.decimal(.{name})"),
        Type::List(_) => format!("{name} = try values.decodeIfPresent({ty}.self, forKey: .{name}) ?? []"),
        Type::Evidence => format!("{name} = try values.decodeIfPresent({ty}.self, forKey: .{name}) ?? [:]"),
        _ if field.required => format!("{name} = try values.decode({ty}.self, forKey: .{name})"),
        _ => format!("{name} = try values.decodeIfPresent({ty}.self, forKey: .{name})"),
    }
}

fn encode(field: &Field) -> String {
    let name = name(field);
    match &field.ty {
        Type::Big => format!("try values.encode(String({name}), forKey: .{name})"),
        Type::List(_) | Type::Evidence if !field.required => {
            format!("if !{name}.isEmpty {{ try values.encode({name}, forKey: .{name}) }}")
        }
        _ if field.required => format!("try values.encode({name}, forKey: .{name})"),
        _ => format!("try values.encodeIfPresent({name}, forKey: .{name})"),
    }
}

/// Core writes every record, so that a text that is none is a fault of this library.
fn unreadable() -> String {
    let info = Cause::CoreFault.info();
    let hint = causewire::failure::Record::new(Cause::CoreFault).hint().into_owned();
    let values = |field: &Field| match field.key.as_str() {
        "v" => "1".to_owned(),
        "code" => format!(".{}", identifier(info.code.as_str())),
        "status" => format!("{:?}", info.code.as_str()),
        "cause" => format!(".{}", identifier(info.name)),
        "cause_id" => info.id.to_string(),
        "layer" => format!(".{}", identifier(info.layer.as_str())),
        "category" => format!(".{}", identifier(info.category.as_str())),
        "origin" => format!(".{}", identifier(info.origin.as_str())),
        "retry" => format!(".{}", identifier(info.retry.as_str())),
        "reached" => format!(".{}", identifier(info.reached.as_str())),
        "hint" => format!("{hint:?}"),
        "evidence" => "[:]".to_owned(),
        _ if is_filled(&field.ty) => "[]".to_owned(),
        _ => "nil".to_owned(),
    };
    let record = record::shapes().into_iter().find(|shape| shape.name == "Failure");
    let mut out = String::from(
        r#"
extension Failure: CustomStringConvertible, CustomDebugStringConvertible {
  /// Reads a record. A text that is none becomes CORE_FAULT: only the core makes records.
  public init(json: String) {
    self = (try? JSONDecoder().decode(Failure.self, from: Data(json.utf8))) ?? Failure(unreadable: ())
    verbatim.text = json
  }

  /// The record as JSON: as it crossed the border, with every key that a newer version adds.
  public var json: String {
    verbatim.text ?? String(decoding: (try? JSONEncoder().encode(self)) ?? Data(), as: UTF8.self)
  }

  public var description: String { "\(status) \(cause) (\(layer), \(category), \(retry)): \(hint)" }
  public var debugDescription: String { "Failure(\(description))" }
}
"#,
    );
    // The initializer has to stand where the private storage is visible, and outside the struct keeps `init(from:)`.
    out.push_str("\nextension Failure {\n  private init(unreadable: Void) {\n");
    for field in record.iter().flat_map(|shape| &shape.fields) {
        let recursive = field.ty == Type::Object("Failure".into());
        let (name, value) =
            if recursive { (format!("{}Storage", name(field)), "[]".to_owned()) } else { (name(field), values(field)) };
        out.push_str(&format!("    {name} = {value}\n"));
    }
    out.push_str("  }\n}\n");
    out
}

pub(crate) fn doc(out: &mut String, indent: &str, text: &str) {
    if indent.is_empty() {
        out.push('\n');
    }
    wrap(text, 110).iter().for_each(|line| out.push_str(&format!("{indent}/// {line}\n")));
}
