//! OPTION_INVALID.
use crate::failure::Evidence;
use std::borrow::Cow;

pub(super) fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Evidence {
    Evidence::Option { field: field.into(), value: None, reason: reason.into() }
}
