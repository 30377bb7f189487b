//! `docs/options.md`.
use super::{HEADER, options};
use crate::model::Type;

pub(crate) fn page() -> String {
    let mut out = format!("<!-- {HEADER} -->\n# Options of a channel\n\n");
    out.push_str("Names are those of Rust, Python and the JSON; in TypeScript and Swift they are camelCase\n(`max_receive_message_bytes` is `maxReceiveMessageBytes`). What is left out has its default.\n");
    for shape in options::shapes().iter().rev() {
        out.push_str(&format!("\n## {}\n\n{}\n\n| option | type | meaning |\n|---|---|---|\n", shape.name, shape.doc));
        for field in &shape.fields {
            let secret = if field.secret { ", secret" } else { "" };
            out.push_str(&format!(
                "| `{}` | {}{secret} | {} |\n",
                field.key,
                ty(&field.ty),
                field.doc.replace('|', "\\|")
            ));
        }
    }
    out
}

fn ty(ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false".into(),
        Type::Int => "integer".into(),
        Type::Float => "number".into(),
        Type::Choice(values) => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
        Type::List(inner) => format!("list of {}", self::ty(inner)),
        Type::Map(inner) => format!("object of {}", self::ty(inner)),
        Type::Object(name) => format!("[{name}](#{})", name.to_ascii_lowercase()),
        Type::Json => "object".into(),
        _ => "text".into(),
    }
}
