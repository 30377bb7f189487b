//! Memory that Rust fills and JavaScript reads: the one place of this crate that handles raw pointers.
use napi::{Env, Result, bindgen_prelude::ToNapiValue, check_status, sys};
use std::{ffi::c_void, ptr, slice};

/// A value in the handle scope of the running callback.
pub(crate) type Value = sys::napi_value;

/// A new `Buffer` of `len` bytes that `fill` writes.
pub(crate) fn buffer(env: Env, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<Value> {
    let (data, value) = allocate(env, len)?;
    if !data.is_null() && len > 0 {
        // SAFETY: Node has just allocated `len` bytes there, and no JavaScript runs before `fill` returns.
        fill(unsafe { slice::from_raw_parts_mut(data, len) });
    }
    Ok(value)
}

/// A JavaScript array of values.
pub(crate) fn array(env: Env, values: &[Value]) -> Result<Value> {
    let mut array = ptr::null_mut();
    // SAFETY: `env` is the environment whose thread we are on, and the values belong to its open handle scope.
    check_status!(unsafe { sys::napi_create_array_with_length(env.raw(), values.len(), &mut array) })?;
    for (index, value) in (0u32..).zip(values) {
        // SAFETY: as above.
        check_status!(unsafe { sys::napi_set_element(env.raw(), array, index, *value) })?;
    }
    Ok(array)
}

/// Converts a value of Rust.
pub(crate) fn value<T: ToNapiValue>(env: Env, value: T) -> Result<Value> {
    // SAFETY: `env` is the environment whose thread we are on.
    unsafe { T::to_napi_value(env.raw(), value) }
}

fn allocate(env: Env, len: usize) -> Result<(*mut u8, Value)> {
    let (mut data, mut value): (*mut c_void, _) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is the environment whose thread we are on.
    check_status!(unsafe { sys::napi_create_buffer(env.raw(), len, &mut data, &mut value) })?;
    Ok((data.cast(), value))
}

/// A `Buffer` that both sides keep: Rust writes, JavaScript reads while Rust does not run. JavaScript can give its memory
/// away (`ArrayBuffer.prototype.transfer`), so each time that Rust gets to run begins with [`Shared::attached`].
pub(crate) struct Shared {
    env: Env,
    data: *mut u8,
    len: usize,
    reference: sys::napi_ref,
}

impl Shared {
    /// A new one, and what JavaScript sees of it.
    pub(crate) fn new(env: Env, len: usize) -> Result<(Self, Value)> {
        let (data, value) = allocate(env, len)?;
        let len = if data.is_null() { 0 } else { len };
        let mut reference = ptr::null_mut();
        // SAFETY: `value` was made above, in this environment.
        check_status!(unsafe { sys::napi_create_reference(env.raw(), value, 1, &mut reference) })?;
        Ok((Shared { env, data, len, reference }, value))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Finds the memory anew; false where JavaScript has given it away, and then there is nothing to write to.
    pub(crate) fn attached(&mut self) -> Result<bool> {
        let (mut value, mut data, mut len) = (ptr::null_mut(), ptr::null_mut(), 0);
        // SAFETY: the reference was made in this environment, on whose thread we are, and is strong.
        check_status!(unsafe { sys::napi_get_reference_value(self.env.raw(), self.reference, &mut value) })?;
        // SAFETY: as above; `value` is the buffer.
        check_status!(unsafe { sys::napi_get_buffer_info(self.env.raw(), value, &mut data, &mut len) })?;
        let attached = !data.is_null() && len == self.len;
        (self.data, self.len) = if attached { (data.cast(), len) } else { (ptr::null_mut(), 0) };
        Ok(attached)
    }

    /// Lends `len` bytes from `at` for writing; nothing where they do not lie inside.
    pub(crate) fn write(&mut self, at: usize, len: usize) -> &mut [u8] {
        if len == 0 || at.checked_add(len).is_none_or(|end| end > self.len) {
            return &mut [];
        }
        // SAFETY: the range lies in memory that `reference` keeps and that JavaScript has not given away since `attached`,
        // for it does not run while a batch is written; `&mut self` makes this the only borrow in Rust.
        unsafe { slice::from_raw_parts_mut(self.data.add(at), len) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: it lives and dies on its environment's thread, before that is torn down.
        unsafe { sys::napi_delete_reference(self.env.raw(), self.reference) };
    }
}
