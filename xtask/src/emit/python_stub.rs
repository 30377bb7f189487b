//! The `.pyi` beside each module.
use super::{
    HEADER, details,
    python::{cause_names, declared, member},
};
use crate::{
    model::{Shape, Words},
    record,
};

pub(crate) fn causes() -> String {
    let mut out = format!("# {HEADER}\nfrom enum import Enum\nfrom typing import Mapping, NamedTuple\n");
    let cause =
        Words { name: "Cause", doc: "Why a call failed. docs/failures.md describes each.", values: cause_names() };
    for words in std::iter::once(cause).chain(record::words()) {
        out.push_str(&format!("\nclass {}(str, Enum):\n    \"\"\"{}\"\"\"\n\n", words.name, words.doc));
        words.values.iter().for_each(|value| out.push_str(&format!("    {} = \"{value}\"\n", member(value))));
    }
    out.push_str(
        "\nclass CauseInfo(NamedTuple):\n    id: int\n    layer: Layer\n    category: Category\n    code: int\n",
    );
    out.push_str("    retry: Retry\n    reached: Reached\n    meaning: str\n\nCAUSES: Mapping[Cause, CauseInfo]\n");
    out
}

pub(crate) fn failure() -> String {
    let words: Vec<&str> = std::iter::once("Cause").chain(record::words().into_iter().map(|it| it.name)).collect();
    let mut out = format!("# {HEADER}\nfrom dataclasses import dataclass\n");
    out.push_str("from typing import Mapping, Optional, Tuple, Union\n\n");
    out.push_str(&format!("from .causes import {}\n\n", words.join(", ")));
    out.push_str("EvidenceValue = Union[str, int, bool, Tuple[str, ...]]\n");
    details::shapes().iter().for_each(|shape| class(&mut out, shape, details::tag_of(&shape.name).is_some()));
    let names = details::tags().into_iter().map(|(_, name)| name).chain([details::UNKNOWN.to_owned()]);
    out.push_str(&format!("\nDetail = Union[{}]\n", names.collect::<Vec<_>>().join(", ")));
    record::shapes().iter().for_each(|shape| class(&mut out, shape, false));
    out.push_str("    @classmethod\n    def from_json(cls, text: str) -> Failure: ...\n");
    out.push_str("    def to_json(self) -> str: ...\n");
    out.push_str("    def __eq__(self, other: object) -> bool: ...\n    def __hash__(self) -> int: ...\n");
    out
}

fn class(out: &mut String, shape: &Shape, tagged: bool) {
    let record = shape.name == "Failure";
    let decorator = if record { "@dataclass(frozen=True, eq=False, repr=False)" } else { "@dataclass(frozen=True)" };
    out.push_str(&format!("\n{decorator}\nclass {}:\n    \"\"\"{}\"\"\"\n\n", shape.name, shape.doc));
    if record {
        out.push_str("    json: str\n");
    }
    shape.fields.iter().for_each(|field| out.push_str(&format!("    {}: {}\n", field.key, declared(field))));
    if tagged {
        out.push_str("    type: str = ...\n");
    }
}
