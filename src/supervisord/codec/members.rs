//! The members of one XML-RPC struct, taken out one by one, and values by their type.

use std::{collections::BTreeMap, fmt::Display};

use dxr::Value;

use super::AnswerError;

/// What `getAllConfigInfo` sends for a setting that is not set, for XML-RPC has no null.
const UNSET: &str = "none";

/// A struct, and what it describes, for errors.
pub(super) struct Members {
    members: BTreeMap<String, Value>,
    what: &'static str,
}

impl Members {
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self, AnswerError> {
        if let Value::Struct(members) = value {
            Ok(Self { members, what })
        } else {
            Err(wrong_kind(what, "a struct", &value))
        }
    }

    pub(super) fn int(&mut self, name: &str) -> Result<i32, AnswerError> {
        match self.members.remove(name) {
            Some(value) => int(&value, format_args!("{name} of {}", self.what)),
            None => Err(self.missing(name)),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, AnswerError> {
        match self.members.remove(name) {
            Some(value) => text(value, format_args!("{name} of {}", self.what)),
            None => Err(self.missing(name)),
        }
    }

    /// 0 where it is missing; an error where it is there and is no int.
    pub(super) fn int_or_zero(&mut self, name: &str) -> Result<i32, AnswerError> {
        if self.members.contains_key(name) {
            self.int(name)
        } else {
            Ok(0)
        }
    }

    pub(super) fn optional_text(&mut self, name: &str) -> Option<String> {
        if let Some(Value::String(text)) = self.members.remove(name) {
            Some(text)
        } else {
            None
        }
    }

    /// As [`Self::optional_text`], and none for a setting that is not set.
    pub(super) fn configured_text(&mut self, name: &str) -> Option<String> {
        self.optional_text(name).filter(|text| text != UNSET)
    }

    pub(super) fn optional_int(&mut self, name: &str) -> Option<i32> {
        self.members.remove(name).as_ref().and_then(as_int)
    }

    pub(super) fn optional_count(&mut self, name: &str) -> Option<u32> {
        self.optional_int(name)
            .and_then(|number| number.try_into().ok())
    }

    pub(super) fn optional_flag(&mut self, name: &str) -> Option<bool> {
        if let Some(Value::Boolean(flag)) = self.members.remove(name) {
            Some(flag)
        } else {
            None
        }
    }

    pub(super) fn optional_ints(&mut self, name: &str) -> Option<Vec<i32>> {
        if let Some(Value::Array(items)) = self.members.remove(name) {
            items.iter().map(as_int).collect()
        } else {
            None
        }
    }

    fn missing(&self, name: &str) -> AnswerError {
        AnswerError::shape(format!("{} has no {name}", self.what))
    }
}

pub(super) fn int(value: &Value, what: impl Display) -> Result<i32, AnswerError> {
    as_int(value).ok_or_else(|| wrong_kind(what, "an int", value))
}

pub(super) fn text(value: Value, what: impl Display) -> Result<String, AnswerError> {
    if let Value::String(text) = value {
        Ok(text)
    } else {
        Err(wrong_kind(what, "a string", &value))
    }
}

pub(super) fn array(value: Value, what: impl Display) -> Result<Vec<Value>, AnswerError> {
    if let Value::Array(items) = value {
        Ok(items)
    } else {
        Err(wrong_kind(what, "an array", &value))
    }
}

pub(super) fn wrong_kind(what: impl Display, wanted: &str, got: &Value) -> AnswerError {
    AnswerError::shape(format!(
        "{what} should be {wanted} and is a {}",
        kind_of(got)
    ))
}

fn as_int(value: &Value) -> Option<i32> {
    if let Value::Integer(number) = value {
        Some(*number)
    } else {
        None
    }
}

/// The XML-RPC name of a value's type.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "int",
        Value::Boolean(_) => "boolean",
        Value::String(_) => "string",
        Value::Double(_) => "double",
        Value::DateTime(_) => "dateTime",
        Value::Base64(_) => "base64",
        Value::Struct(_) => "struct",
        Value::Array(_) => "array",
        _ => "value of another type",
    }
}
