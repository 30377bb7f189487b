//! Python: string enums that read like the record, frozen dataclasses made from its JSON.
use causewire::failure::Cause;

use super::{HEADER, details, options};
use crate::{
    model::{Field, Shape, Type},
    names::wrap,
    record,
};

/// One name of a word, as a member of its enum.
pub(crate) fn member(value: &str) -> String {
    value.to_ascii_uppercase()
}

pub(crate) fn causes() -> String {
    let mut out = format!(
        "# {HEADER}\n\"\"\"The vocabularies of a failure record.\"\"\"\nfrom __future__ import annotations\n\n"
    );
    out.push_str(
        "from enum import Enum\nfrom types import MappingProxyType\nfrom typing import Mapping, NamedTuple\n\n\n",
    );
    out.push_str(
        "class _Word(str, Enum):\n    \"\"\"A word of the record: a str that prints as the record spells it.\"\"\"\n\n",
    );
    out.push_str("    __str__ = str.__str__\n    __format__ = str.__format__\n");
    enumeration(&mut out, "Cause", "Why a call failed. docs/failures.md describes each.", cause_names());
    for words in record::words() {
        enumeration(&mut out, words.name, words.doc, words.values);
    }
    out.push_str("\n\nclass CauseInfo(NamedTuple):\n    \"\"\"What is known of a cause before any evidence.\"\"\"\n\n");
    out.push_str("    id: int\n    layer: Layer\n    category: Category\n    code: int\n    retry: Retry\n    reached: Reached\n    meaning: str\n");
    out.push_str("\n\n#: Every cause.\nCAUSES: Mapping[Cause, CauseInfo] = MappingProxyType({\n");
    for cause in Cause::ALL {
        let info = cause.info();
        out.push_str(&format!(
            "    Cause.{}: CauseInfo({}, Layer.{}, Category.{}, {}, Retry.{}, Reached.{}, {:?}),\n",
            info.name,
            info.id,
            member(info.layer.as_str()),
            member(info.category.as_str()),
            info.code.as_u8(),
            member(info.retry.as_str()),
            member(info.reached.as_str()),
            info.meaning
        ));
    }
    out.push_str("})\n");
    out
}

pub(crate) fn cause_names() -> Vec<&'static str> {
    Cause::ALL.iter().map(|cause| cause.name()).collect()
}

fn enumeration(out: &mut String, name: &str, text: &str, values: Vec<&str>) {
    out.push_str(&format!("\n\nclass {name}(_Word):\n    \"\"\"{text}\"\"\"\n\n"));
    values.iter().for_each(|value| out.push_str(&format!("    {} = \"{value}\"\n", member(value))));
}

pub(crate) fn failure() -> String {
    let words: Vec<&str> = std::iter::once("Cause").chain(record::words().into_iter().map(|it| it.name)).collect();
    let mut out = format!("# {HEADER}\n\"\"\"The failure record, typed.\"\"\"\nfrom __future__ import annotations\n\n");
    out.push_str("import json\nfrom dataclasses import dataclass\n");
    out.push_str("from typing import Any, Callable, Mapping, Optional, Tuple, Type, TypeVar, Union\n\n");
    out.push_str(&format!("from .causes import {}\n\n", words.join(", ")));
    out.push_str(PRELUDE);
    for shape in details::shapes() {
        dataclass(&mut out, &shape, details::tag_of(&shape.name).as_deref());
    }
    let names = details::tags().into_iter().map(|(_, name)| name).chain([details::UNKNOWN.to_owned()]);
    out.push_str(&format!(
        "\n\n#: One error detail of the server.\nDetail = Union[{}]\n",
        names.collect::<Vec<_>>().join(", ")
    ));
    out.push_str("\n_DETAILS: Mapping[str, Callable[[Mapping[str, Any]], Detail]] = {\n");
    for (tag, name) in details::tags() {
        out.push_str(&format!("    \"{tag}\": {name}._of,\n"));
    }
    out.push_str("}\n");
    out.push_str(DETAIL);
    for shape in record::shapes() {
        if shape.name == "Failure" { record_class(&mut out, &shape) } else { dataclass(&mut out, &shape, None) }
    }
    out
}

const PRELUDE: &str = r#"#: A value of the evidence. 64-bit numbers are decimal strings.
EvidenceValue = Union[str, int, bool, Tuple[str, ...]]

_W = TypeVar("_W", bound=str)


def _word(kind: Type[_W], value: str) -> Union[_W, str]:
    """The member of the enum; the plain text where a newer version wrote a word that this one does not know."""
    try:
        return kind(value)
    except ValueError:
        return value


def _evidence(value: Mapping[str, Any]) -> Mapping[str, EvidenceValue]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
"#;

const DETAIL: &str = r#"

def _detail(value: Mapping[str, Any]) -> Detail:
    return _DETAILS.get(value.get("type", ""), UnknownDetail._of)(value)
"#;

fn dataclass(out: &mut String, shape: &Shape, tag: Option<&str>) {
    out.push_str("\n\n@dataclass(frozen=True)\n");
    out.push_str(&format!("class {}:\n    \"\"\"{}\"\"\"\n\n", shape.name, shape.doc));
    fields(out, &shape.fields);
    if let Some(tag) = tag {
        out.push_str(&format!("    #: The name of the message type.\n    type: str = \"{tag}\"\n"));
    }
    out.push_str("\n    @classmethod\n");
    out.push_str(&format!("    def _of(cls, value: Mapping[str, Any]) -> {}:\n        return cls(\n", shape.name));
    arguments(out, &shape.fields);
    out.push_str("        )\n");
}

fn record_class(out: &mut String, shape: &Shape) {
    out.push_str("\n\n@dataclass(frozen=True, eq=False, repr=False)\n");
    out.push_str(&format!("class Failure:\n    \"\"\"{}\"\"\"\n\n", shape.doc));
    out.push_str("    #: The record as it crossed the border: canonical JSON, with every key that a newer version adds.\n    json: str\n");
    fields(out, &shape.fields);
    out.push_str("\n    @classmethod\n    def from_json(cls, text: str) -> Failure:\n");
    out.push_str("        \"\"\"Reads a record. Raises ValueError when the text is none.\"\"\"\n        try:\n");
    out.push_str("            return cls._of(json.loads(text), text)\n");
    out.push_str("        except (AttributeError, KeyError, TypeError) as error:\n");
    out.push_str("            raise ValueError(\"not a failure record\") from error\n");
    out.push_str("\n    @classmethod\n    def _of(cls, value: Mapping[str, Any], text: Optional[str] = None) -> Failure:\n        return cls(\n");
    out.push_str("            json=json.dumps(value, ensure_ascii=False, separators=(\",\", \":\")) if text is None else text,\n");
    arguments(out, &shape.fields);
    out.push_str("        )\n");
    out.push_str("\n    def to_json(self) -> str:\n        \"\"\"The canonical record, the same bytes in every language.\"\"\"\n        return self.json\n");
    out.push_str("\n    def __eq__(self, other: object) -> bool:\n        return self.json == other.json if isinstance(other, Failure) else NotImplemented\n");
    out.push_str("\n    def __hash__(self) -> int:\n        return hash(self.json)\n");
    out.push_str(
        "\n    def __repr__(self) -> str:\n        return f\"Failure({self.status} {self.cause}: {self.hint})\"\n",
    );
    out.push_str("\n    def __reduce__(self) -> Tuple[Callable[[str], Failure], Tuple[str]]:\n        return (Failure.from_json, (self.json,))\n");
}

fn fields(out: &mut String, fields: &[Field]) {
    for field in fields {
        comment(out, "    ", &field.doc);
        out.push_str(&format!("    {}: {}\n", field.key, declared(field)));
    }
}

pub(crate) fn comment(out: &mut String, indent: &str, text: &str) {
    wrap(text, 110).iter().for_each(|line| out.push_str(&format!("{indent}#: {line}\n")));
}

/// The annotation of a field. Lists are never absent: an absent list is empty.
pub(crate) fn declared(field: &Field) -> String {
    let ty = annotation(&field.ty);
    if field.required || is_filled(&field.ty) { ty } else { format!("Optional[{ty}]") }
}

fn is_filled(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Evidence)
}

pub(crate) fn annotation(ty: &Type) -> String {
    match ty {
        Type::Text => "str".into(),
        Type::Bool => "bool".into(),
        Type::Int | Type::Big | Type::Code => "int".into(),
        Type::Float => "float".into(),
        Type::Word(name) => format!("Union[{name}, str]"),
        Type::Choice(values) => {
            format!("Literal[{}]", values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", "))
        }
        Type::List(inner) => format!("Tuple[{}, ...]", annotation(inner)),
        Type::Map(inner) => format!("Mapping[str, {}]", annotation(inner)),
        Type::Object(name) => name.clone(),
        Type::Evidence => "Mapping[str, EvidenceValue]".into(),
        Type::Detail => "Detail".into(),
        Type::Json => "Any".into(),
    }
}

fn arguments(out: &mut String, fields: &[Field]) {
    for field in fields {
        let key = &field.key;
        let argument = if field.required {
            read(&field.ty, &format!("value[\"{key}\"]"))
        } else if let Type::List(_) = field.ty {
            read(&field.ty, &format!("value.get(\"{key}\", ())"))
        } else if field.ty == Type::Evidence {
            read(&field.ty, &format!("value.get(\"{key}\", {{}})"))
        } else {
            match read(&field.ty, "it") {
                plain if plain == "it" => format!("value.get(\"{key}\")"),
                call => format!("None if (it := value.get(\"{key}\")) is None else {call}"),
            }
        };
        out.push_str(&format!("            {key}={argument},\n"));
    }
}

/// The expression that makes a value of what `json.loads` gave.
fn read(ty: &Type, from: &str) -> String {
    match ty {
        Type::Big => format!("int({from})"),
        Type::Word(name) => format!("_word({name}, {from})"),
        Type::List(inner) => match read(inner, "item") {
            plain if plain == "item" => format!("tuple({from})"),
            call => format!("tuple({call} for item in {from})"),
        },
        Type::Map(_) => format!("dict({from})"),
        Type::Object(name) => format!("{name}._of({from})"),
        Type::Evidence => format!("_evidence({from})"),
        Type::Detail => format!("_detail({from})"),
        Type::Text | Type::Bool | Type::Int | Type::Float | Type::Code | Type::Choice(_) | Type::Json => {
            from.to_owned()
        }
    }
}

pub(crate) fn options() -> String {
    let mut out = format!(
        "# {HEADER}\n\"\"\"The options of a channel, as keyword arguments or as a dict.\"\"\"\nfrom __future__ import annotations\n\n"
    );
    out.push_str("from typing import Any, Dict, FrozenSet, List, Literal, Mapping, Optional, Tuple, TypedDict\n");
    let shapes = options::shapes();
    for shape in &shapes {
        out.push_str(&format!("\n\nclass {}(TypedDict, total=False):\n    \"\"\"{}\"\"\"\n\n", shape.name, shape.doc));
        for field in &shape.fields {
            comment(&mut out, "    ", &field.doc);
            let ty = option(&field.ty);
            let ty = if field.nullable { format!("Optional[{ty}]") } else { ty };
            out.push_str(&format!("    {}: {ty}\n", field.key));
        }
    }
    let root = shapes.iter().find(|shape| shape.name == "ChannelOptions");
    let keys: Vec<String> = root.iter().flat_map(|it| &it.fields).map(|field| format!("\"{}\"", field.key)).collect();
    let set = if keys.is_empty() { "()".to_owned() } else { format!("(\n    {},\n)", keys.join(",\n    ")) };
    out.push_str(&format!(
        "\n\n#: Every option of a channel.\nCHANNEL_OPTION_KEYS: FrozenSet[str] = frozenset({set})\n"
    ));
    let secrets: Vec<String> = options::beside().iter().map(|path| tuple(path)).collect();
    out.push_str("\n#: The paths of what crosses beside the JSON and is never in it.\nSECRET_OPTIONS: Tuple[Tuple[str, ...], ...] = (");
    secrets.iter().for_each(|path| out.push_str(&format!("\n    {path},")));
    out.push_str(if secrets.is_empty() { ")\n" } else { "\n)\n" });
    out
}

fn tuple(path: &[String]) -> String {
    let quoted: Vec<String> = path.iter().map(|key| format!("\"{key}\"")).collect();
    format!("({},)", quoted.join(", "))
}

/// As [`annotation`], for what is given instead of received.
fn option(ty: &Type) -> String {
    match ty {
        Type::List(inner) => format!("List[{}]", option(inner)),
        Type::Json => "Dict[str, Any]".into(),
        other => annotation(other),
    }
}
