//! Metadata as Python has it: pairs of a `str` key and a `str` or, for `-bin` keys, `bytes` value.
use crate::errors;
use causewire::bridge::{self, Metadata, Value};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
};

/// Reads what a caller gave. A value is in no error.
pub(crate) fn read(metadata: Option<&Bound<'_, PyAny>>, aio: bool) -> PyResult<Metadata> {
    let mut out = Metadata::default();
    let Some(metadata) = metadata.filter(|m| !m.is_none()) else { return Ok(out) };
    let items = match metadata.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => metadata.clone(),
    };
    let entries = items.try_iter().map_err(|_| PyTypeError::new_err("metadata must be an iterable of (key, value)"))?;
    for (index, entry) in entries.enumerate() {
        append(&mut out, index, &entry?, aio)?;
    }
    Ok(out)
}

fn append(out: &mut Metadata, index: usize, entry: &Bound<'_, PyAny>, aio: bool) -> PyResult<()> {
    let wrong = |part: &str, want: &str| PyTypeError::new_err(format!("metadata[{index}]{part} must be {want}"));
    let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
        entry.extract().map_err(|_| wrong("", "a pair of key and value"))?;
    let key = key.cast::<PyString>().map_err(|_| wrong(".key", "str"))?.to_str()?.to_owned();
    let binary = key.len() >= 4 && key.as_bytes().iter().rev().take(4).map(u8::to_ascii_lowercase).eq(*b"nib-");
    let added = if let Ok(bytes) = value.cast::<PyBytes>() {
        out.append(&key, bytes.as_bytes())
    } else if binary {
        return Err(wrong(".value", "bytes, because its key ends in -bin"));
    } else {
        let text = value.cast::<PyString>().map_err(|_| wrong(".value", "str or bytes"))?;
        // encoded by hand: an error of Python's own encoder would carry the value
        match text.to_str() {
            Ok(text) => out.append(&key, text.as_bytes()),
            Err(_) => out.append(&key, b"\n"),
        }
    };
    added.map_err(|mut fault| {
        fault.index = Some(index);
        errors::refused(entry.py(), bridge::bad_metadata(&fault), aio)
    })
}

/// A tuple of pairs, in the order of the wire.
pub(crate) fn write<'py>(py: Python<'py>, metadata: &Metadata) -> PyResult<Bound<'py, PyTuple>> {
    let pairs = metadata.iter().map(|(key, value)| {
        let value = match value {
            Value::Ascii(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => PyString::new(py, text).into_any(),
                // as grpcio reads it: latin-1
                Err(_) => PyString::new(py, &bytes.iter().map(|b| char::from(*b)).collect::<String>()).into_any(),
            },
            Value::Binary(bytes) => PyBytes::new(py, &bytes).into_any(),
        };
        (key, value).into_pyobject(py)
    });
    PyTuple::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
}
