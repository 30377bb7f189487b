//! Records as the bytes they are, but for what `tests/mask.yaml` lets differ.
use crate::Result;
use serde::Deserialize;

const MASK: &str = include_str!("../../mask.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mask {
    masked: Vec<String>,
    digits: Vec<String>,
}

impl Mask {
    pub(crate) fn load() -> Result<Self> {
        Ok(serde_yaml_ng::from_str(MASK)?)
    }

    /// The text with a `*` for each masked value. Nothing else changes: neither spaces nor the order of keys.
    pub(crate) fn apply(&self, json: &str) -> Result<String> {
        let mut scan = Scan { rest: json, mask: self, out: String::new() };
        scan.value("")?;
        Ok(scan.out)
    }

    fn masks(&self, key: &str) -> bool {
        self.masked.iter().any(|k| k == key)
    }
}

/// The text of the value of `key` in an object.
pub(crate) fn member<'a>(json: &'a str, key: &str) -> Result<&'a str> {
    let none = Mask { masked: vec![], digits: vec![] };
    let mut scan = Scan { rest: json, mask: &none, out: String::new() };
    scan.expect('{')?;
    loop {
        let name = scan.key()?;
        scan.spaces();
        let before = scan.rest;
        scan.value("")?;
        if name == key {
            return Ok(before[..before.len() - scan.rest.len()].trim_end());
        }
        if !scan.more('}')? {
            return Err(format!("no {key} in {json}").into());
        }
    }
}

struct Scan<'a, 'm> {
    rest: &'a str,
    mask: &'m Mask,
    out: String,
}

impl<'a> Scan<'a, '_> {
    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    fn copy(&mut self, count: usize) -> &'a str {
        let taken = self.take(count);
        self.out.push_str(taken);
        taken
    }

    fn spaces(&mut self) {
        self.copy(self.rest.len() - self.rest.trim_start().len());
    }

    fn expect(&mut self, expected: char) -> Result<()> {
        self.spaces();
        if !self.rest.starts_with(expected) {
            return Err(format!("no {expected} before {}", self.rest).into());
        }
        self.copy(expected.len_utf8());
        Ok(())
    }

    /// Past a comma, or past the end of the list.
    fn more(&mut self, end: char) -> Result<bool> {
        self.spaces();
        let more = self.rest.starts_with(',');
        self.expect(if more { ',' } else { end })?;
        Ok(more)
    }

    fn key(&mut self) -> Result<&'a str> {
        self.spaces();
        let length = self.string()?;
        let quoted = self.copy(length);
        self.expect(':')?;
        Ok(quoted.trim_matches('"'))
    }

    /// Length of the string that begins here, quotes included.
    fn string(&self) -> Result<usize> {
        let mut escaped = false;
        for (at, byte) in self.rest.bytes().enumerate().skip(1) {
            match byte {
                b'"' if !escaped => return Ok(at + 1),
                _ => escaped = byte == b'\\' && !escaped,
            }
        }
        Err(format!("no end of {}", self.rest).into())
    }

    fn value(&mut self, key: &str) -> Result<()> {
        self.spaces();
        match self.rest.bytes().next() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(key),
            Some(b'"') => {
                let length = self.string()?;
                self.scalar(key, length);
                Ok(())
            }
            _ => {
                let end = self.rest.find([',', '}', ']']).unwrap_or(self.rest.len());
                self.scalar(key, end);
                Ok(())
            }
        }
    }

    fn scalar(&mut self, key: &str, length: usize) {
        let text = self.take(length);
        match self.mask.digits.iter().any(|k| k == key) {
            true => self.out.push_str(&without_digits(text)),
            false => self.out.push_str(text),
        }
    }

    fn object(&mut self) -> Result<()> {
        self.expect('{')?;
        if self.rest.trim_start().starts_with('}') {
            return self.expect('}');
        }
        loop {
            let key = self.key()?;
            let before = self.out.len();
            self.value(key)?;
            if self.mask.masks(key) {
                self.out.replace_range(before.., "*");
            }
            if !self.more('}')? {
                return Ok(());
            }
        }
    }

    fn list(&mut self, key: &str) -> Result<()> {
        self.expect('[')?;
        if self.rest.trim_start().starts_with(']') {
            return self.expect(']');
        }
        loop {
            self.value(key)?;
            if !self.more(']')? {
                return Ok(());
            }
        }
    }
}

/// Numbers of any length look alike.
fn without_digits(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(json: &str) -> String {
        Mask::load().unwrap().apply(json).unwrap()
    }

    #[test]
    fn only_times_are_masked() {
        let record = r#"{"code":14,"hint":"in 19 ms \"x\\","elapsed":{"tls_ms":3},"attempts":[{"delay_ms":0,"a":[]}],"u":{"now":"2"}}"#;
        let expected =
            r##"{"code":14,"hint":"in # ms \"x\\","elapsed":*,"attempts":[{"delay_ms":0,"a":[]}],"u":{"now":*}}"##;
        assert_eq!(masked(record), expected);
        assert_eq!(masked(r#"{"a":{}}"#), r#"{"a":{}}"#);
    }

    #[test]
    fn spaces_order_and_values_count() {
        for (one, other) in
            [(r#"{"a":1}"#, r#"{"a": 1}"#), (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), (r#"{"a":1}"#, r#"{"a":2}"#)]
        {
            assert_ne!(masked(one), masked(other));
        }
    }

    #[test]
    fn a_member_is_found_as_it_is_written() {
        let line = r#"{ "id" : "a", "x": {"failure": 1}, "failure": {"v":1,"s":"}\""} , "z": null}"#;
        assert_eq!(member(line, "failure").unwrap(), r#"{"v":1,"s":"}\""}"#);
        assert_eq!(member(line, "z").unwrap(), "null");
        assert!(member(line, "none").is_err());
        for broken in ["", "{", r#"{"a"#, r#"{"a":"b}"#, r#"{"a":1"#] {
            assert!(member(broken, "failure").is_err(), "{broken}");
        }
    }
}
