//! Colour, where somebody looks.
use std::io::IsTerminal;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Hue {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Magenta,
    Cyan,
    Blue,
}

impl Hue {
    fn code(self) -> u8 {
        match self {
            Hue::Bold => 1,
            Hue::Dim => 2,
            Hue::Red => 31,
            Hue::Green => 32,
            Hue::Yellow => 33,
            Hue::Magenta => 35,
            Hue::Cyan => 36,
            Hue::Blue => 34,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// On a terminal that can, unless the person wants none (no-color.org).
    pub(crate) fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Paint { on: std::io::stdout().is_terminal() && !unwanted && !dumb }
    }

    /// In a column of this width: padded before it is painted, because escapes have no width.
    pub(crate) fn cell(self, hue: Option<Hue>, text: &str, width: usize) -> String {
        self.text(hue, &format!("{text:<width$}"))
    }

    pub(crate) fn text(self, hue: Option<Hue>, text: &str) -> String {
        match hue {
            Some(hue) if self.on => format!("\x1b[{}m{text}\x1b[0m", hue.code()),
            _ => text.to_owned(),
        }
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Paint { on: false }
    }
}
