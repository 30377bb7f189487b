//! What the emitters print: objects with typed fields, free of any language.

/// An object of the JSON.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// In the JSON, snake_case.
    pub(crate) key: String,
    pub(crate) doc: String,
    pub(crate) ty: Type,
    /// Always written, or must be given.
    pub(crate) required: bool,
    /// `null` is a value of its own.
    pub(crate) nullable: bool,
    /// Crosses the border beside the JSON, and prints as `<redacted>`.
    pub(crate) secret: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Text,
    Bool,
    /// At most 2^53: counts and milliseconds.
    Int,
    Float,
    /// A gRPC status code by its number.
    Code,
    /// A 64-bit number, written as a string.
    Big,
    /// A closed vocabulary of the record, by its type name.
    Word(&'static str),
    /// One of these texts.
    Choice(Vec<String>),
    List(Box<Type>),
    /// Text to the inner type.
    Map(Box<Type>),
    /// Another shape.
    Object(String),
    /// The evidence object.
    Evidence,
    /// The union of the error details.
    Detail,
    /// Any JSON.
    Json,
}

/// One vocabulary of the record.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) values: Vec<&'static str>,
}

impl Field {
    pub(crate) fn new(key: &str, ty: Type, doc: &str) -> Self {
        Self { key: key.to_owned(), doc: doc.to_owned(), ty, required: false, nullable: false, secret: false }
    }

    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }
}
