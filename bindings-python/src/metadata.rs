//! Metadata as Python has it: pairs of a `str` key and a `str` or, for `-bin` keys, `bytes` value.
use crate::errors;
use causewire::bridge::{self, Metadata, Value};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
};

/// Room for the entries that most calls have.
const ROOM: usize = 128;

/// Reads what a caller gave. A value is in no error.
pub(crate) fn read(metadata: Option<&Bound<'_, PyAny>>, aio: bool) -> PyResult<Metadata> {
    let Some(metadata) = metadata.filter(|m| !m.is_none()) else { return Ok(Metadata::default()) };
    let items = match metadata.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => metadata.clone(),
    };
    let entries = items.try_iter().map_err(|_| PyTypeError::new_err("metadata must be an iterable of (key, value)"))?;
    let mut packed = Vec::with_capacity(ROOM);
    for (index, entry) in entries.enumerate() {
        pack(&mut packed, index, &entry?)?;
    }
    Metadata::unpack(&packed.into()).map_err(|fault| errors::refused(metadata.py(), bridge::bad_metadata(&fault), aio))
}

fn pack(packed: &mut Vec<u8>, index: usize, entry: &Bound<'_, PyAny>) -> PyResult<()> {
    let wrong = |part: &str, want: &str| PyTypeError::new_err(format!("metadata[{index}]{part} must be {want}"));
    let (key, value) = pair(entry).ok_or_else(|| wrong("", "a pair of key and value"))?;
    let key = key.cast::<PyString>().map_err(|_| wrong(".key", "str"))?.to_str()?;
    put(packed, key.as_bytes());
    if let Ok(bytes) = value.cast::<PyBytes>() {
        put(packed, bytes.as_bytes());
        return Ok(());
    }
    if key.len() >= 4 && key.as_bytes().iter().rev().take(4).map(u8::to_ascii_lowercase).eq(*b"nib-") {
        return Err(wrong(".value", "bytes, because its key ends in -bin"));
    }
    let text = value.cast::<PyString>().map_err(|_| wrong(".value", "str or bytes"))?;
    // encoded by hand: an error of Python's own encoder would carry the value
    put(packed, text.to_str().map_or(b"\n", str::as_bytes));
    Ok(())
}

fn pair<'py>(entry: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    match entry.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => Some((pair.get_item(0).ok()?, pair.get_item(1).ok()?)),
        _ => entry.extract().ok(),
    }
}

fn put(packed: &mut Vec<u8>, part: &[u8]) {
    // One that is longer than the length says is cut, and refused with the entry's number.
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(part);
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
