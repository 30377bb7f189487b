//! `docs/failures.md`: every cause, by layer.
use causewire::failure::{Cause, CauseInfo, Layer};

use super::HEADER;
use crate::{evidence, record};

pub(crate) fn page() -> String {
    let mut out = format!("<!-- {HEADER} -->\n{}", INTRODUCTION);
    for words in record::words() {
        let values: Vec<String> = words.values.iter().map(|value| format!("`{value}`")).collect();
        out.push_str(&format!("| {} | {} |\n", words.doc, values.join(" · ")));
    }
    for layer in Layer::ALL {
        section(&mut out, *layer);
    }
    out.push_str(
        "\n## Evidence\n\nA size or count that may need 64 bits is a decimal string.\n\n| key | value |\n|---|---|\n",
    );
    for field in evidence::fields() {
        out.push_str(&format!("| `{}` | {} |\n", field.key, field.doc));
    }
    out
}

const INTRODUCTION: &str = "# Failures

Every failed call ends with one record, the same in every language. Its `cause` says what failed; this page lists all
of them. Numbers and names never change; new causes may be added.

`category` and `retry` never depend on the status code: read them, not the code, to decide what to do. A `*` marks a
value that is the default and that evidence may change: a GOAWAY that proves a call unprocessed makes a retry safe.
Where an unresolved security fault stands behind a deadline or an exhausted retry, the whole failure is a security
fault, and `retry` is `fix`.

## Words

| | |
|---|---|
";

fn section(out: &mut String, layer: Layer) {
    let causes: Vec<&CauseInfo> = Cause::ALL.iter().map(|cause| cause.info()).filter(|it| it.layer == layer).collect();
    out.push_str(&format!(
        "\n## {layer}\n\n| id | cause | code | category | retry | reached |\n|---|---|---|---|---|---|\n"
    ));
    for it in &causes {
        out.push_str(&format!(
            "| {} | [{}](#{}) | {} | {} | {} | {} |\n",
            it.id,
            it.name,
            it.name.to_ascii_lowercase(),
            starred(code(it).as_str(), it.code_varies),
            starred(it.category.as_str(), it.category_varies),
            starred(it.retry.as_str(), it.retry_varies),
            starred(it.reached.as_str(), it.reached_varies),
        ));
    }
    causes.iter().for_each(|it| cause(out, it));
}

fn code(it: &CauseInfo) -> String {
    match it.name {
        "APP_REJECTED" | "APP_FAILED" => "as sent".to_owned(),
        _ => it.code.to_string(),
    }
}

fn starred(word: &str, varies: bool) -> String {
    if varies && word != "as sent" { format!("{word}\\*") } else { word.to_owned() }
}

fn cause(out: &mut String, it: &CauseInfo) {
    let keys: Vec<String> = it.evidence.iter().map(|key| format!("`{key}`")).collect();
    out.push_str(&format!(
        "\n### {}\n\n{}\n\n- Said by: {}\n- Hint: {}\n",
        it.name,
        it.meaning,
        it.origin,
        hint(it.hint)
    ));
    if !keys.is_empty() {
        out.push_str(&format!("- Evidence: {}\n", keys.join(", ")));
    }
}

/// The template with its stand-ins left out.
fn hint(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        let (placeholder, after) = tail.split_once('}').unwrap_or((tail, ""));
        let key = placeholder.split('|').next().unwrap_or_default();
        text.push_str(before);
        text.push_str(&format!("{{{key}}}"));
        rest = after;
    }
    text.push_str(rest);
    text.replace(['[', ']'], "")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_cause_is_on_the_page() {
        let page = super::page();
        for cause in causewire::failure::Cause::ALL {
            assert!(page.contains(&format!("\n### {}\n", cause.name())), "{cause}");
            assert!(page.contains(&format!("| {} | [{}]", cause.id(), cause.name())), "{cause}");
        }
    }
}
