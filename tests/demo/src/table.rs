//! The table: one row per thing that was broken, one column per language.
use crate::{
    cases::Case,
    paint::{Hue, Paint},
};
use serde_json::Value;

const WIDTH: usize = 100;
/// What broke; cause and code; layer and category; reached; retry.
const COLUMNS: [usize; 5] = [19, 26, 8, 7, 10];
const GAP: &str = "  ";

/// One call, as all languages saw it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) case: Case,
    /// Of the first language; null on success.
    pub(crate) failure: Value,
    pub(crate) echo: String,
    /// Per language: the same bytes as the first one's.
    pub(crate) same: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Table {
    paint: Paint,
    languages: Vec<String>,
}

impl Table {
    pub(crate) fn new(paint: Paint, languages: Vec<String>) -> Self {
        Table { paint, languages }
    }

    pub(crate) fn lines(&self, rows: &[Row]) -> Vec<String> {
        let mut lines = self.head();
        for row in rows {
            lines.push(self.rule());
            lines.extend(if row.failure.is_null() { self.success(row) } else { self.failure(row) });
        }
        lines.push(self.rule());
        lines
    }

    fn head(&self) -> Vec<String> {
        let names: String = self.languages.iter().map(|name| format!("{GAP}{name}")).collect();
        let [first, second] =
            [["WHAT BROKE", "CAUSE", "LAYER", "REACHED", "RETRY"], ["", "grpc status", "category", "server?", ""]]
                .map(|cells| self.cells(cells.map(|text| (Some(Hue::Dim), text))));
        vec![first + &self.paint.text(Some(Hue::Bold), &names), second.trim_end().to_owned()]
    }

    fn rule(&self) -> String {
        let marks: usize = self.languages.iter().map(|name| GAP.len() + name.len()).sum();
        let width = COLUMNS.iter().sum::<usize>() + GAP.len() * (COLUMNS.len() - 1) + 1 + marks;
        self.paint.text(Some(Hue::Dim), &format!(" {}", "─".repeat(width.min(WIDTH) - 1)))
    }

    fn cells(&self, cells: [(Option<Hue>, &str); 5]) -> String {
        let painted: Vec<_> =
            cells.iter().zip(COLUMNS).map(|((hue, text), width)| self.paint.cell(*hue, text, width)).collect();
        format!(" {}", painted.join(GAP))
    }

    /// Under each language's name.
    fn marks(&self, same: &[bool]) -> String {
        let mark = |(name, same): (&String, &bool)| {
            let (hue, mark) = if *same { (Hue::Green, "✓") } else { (Hue::Red, "≠") };
            let (before, after) = ((name.len() - 1) / 2, name.len() / 2);
            format!("{GAP}{:before$}{}{:after$}", "", self.paint.text(Some(hue), mark), "")
        };
        self.languages.iter().zip(same).map(mark).collect::<String>().trim_end().to_owned()
    }

    fn success(&self, row: &Row) -> Vec<String> {
        let first =
            [(Some(Hue::Bold), row.case.title), (Some(Hue::Green), "OK"), (None, ""), (None, "yes"), (None, "")];
        vec![
            self.cells(first) + &self.marks(&row.same),
            self.hint(&format!("“{}” went there over TLS and came back", row.echo)),
        ]
    }

    fn failure(&self, row: &Row) -> Vec<String> {
        let word = |key: &str| row.failure[key].as_str().unwrap_or_default();
        let status = format!("{} {}", row.failure["code"], word("status"));
        let category = hue_of_category(word("category"));
        let first = [
            (Some(Hue::Bold), row.case.title),
            (category, word("cause")),
            (None, word("layer")),
            (None, word("reached")),
            (hue_of_retry(word("retry")), word("retry")),
        ];
        let second = [(None, ""), (Some(Hue::Dim), &status[..]), (category, word("category")), (None, ""), (None, "")];
        let mut lines = vec![self.cells(first) + &self.marks(&row.same), self.cells(second).trim_end().to_owned()];
        lines.extend(wrap(word("hint"), WIDTH - 5).iter().map(|line| self.hint(line)));
        lines
    }

    fn hint(&self, line: &str) -> String {
        format!("   {} {line}", self.paint.text(Some(Hue::Dim), "│"))
    }
}

fn hue_of_category(category: &str) -> Option<Hue> {
    Some(match category {
        "security" => Hue::Red,
        "network" => Hue::Yellow,
        "server" => Hue::Magenta,
        "client" => Hue::Blue,
        "config" => Hue::Cyan,
        _ => return None,
    })
}

fn hue_of_retry(retry: &str) -> Option<Hue> {
    Some(match retry {
        "safe" => Hue::Green,
        "delay" | "idempotent" => Hue::Yellow,
        _ => Hue::Red,
    })
}

/// Between words, at this many characters.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if used > 0 && used + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if used == 0 => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::CASES;
    use serde_json::json;

    fn rows(same: [bool; 3]) -> Vec<Row> {
        let hint = ["long enough to wrap"; 20].join(" ");
        let failure = json!({
            "code": 4, "status": "DEADLINE_EXCEEDED", "cause": "DEADLINE_AWAITING_RESPONSE", "layer": "deadline",
            "category": "security", "reached": "maybe", "retry": "idempotent", "hint": hint,
        });
        let row = |(case, failure)| Row { case, failure, echo: "hello".into(), same: same.to_vec() };
        CASES.into_iter().zip([Value::Null].into_iter().chain(std::iter::repeat(failure))).map(row).collect()
    }

    #[test]
    fn the_widest_words_fit_a_hundred_columns() {
        let table = Table::new(Paint::plain(), ["Node", "Python", "Swift"].map(String::from).to_vec());
        for line in table.lines(&rows([true; 3])) {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn marks_stand_under_their_language() {
        let table = Table::new(Paint::plain(), ["Node", "Python", "Swift"].map(String::from).to_vec());
        let lines = table.lines(&rows([true, false, true]));
        let column = |name| lines[0].find(name).unwrap();
        let at = |line: &str, column: usize| line.chars().nth(column).unwrap();
        assert_eq!(at(&lines[3], column("Node") + 1), '✓');
        assert_eq!(at(&lines[3], column("Python") + 2), '≠');
        assert_eq!(at(&lines[3], column("Swift") + 2), '✓');
    }
}
