//! What a client may ask of a list: how many, since when, and of what.

use std::{borrow::Cow, num::NonZeroUsize};

use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};
use jiff::Timestamp;

use super::routes::Refusal;
use crate::model::Incident;

/// Entries of a list when the client does not say.
const DEFAULT_LIMIT: usize = 100;

/// The most entries of a list: an answer of about half a megabyte.
const MAX_LIMIT: usize = 1000;

/// The parameters of a list. Unknown ones are ignored, so that a newer client is served.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// At most so many.
    pub(super) limit: usize,
    /// None older than this.
    pub(super) since: Option<Timestamp>,
    /// Only those that are open, or only those that are not.
    pub(super) open: Option<bool>,
    server: Option<String>,
    group: Option<String>,
    name: Option<String>,
}

impl Wanted {
    /// Whether the time is not too old.
    pub(super) fn reaches(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since)
    }

    /// Whether the program is asked for; `name` takes the bare name or `group:name`.
    pub(super) fn names(&self, server: &str, group: &str, name: &str) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|it| it == is);
        let named = |wanted: &String| {
            wanted == name
                || wanted
                    .strip_prefix(group)
                    .and_then(|rest| rest.strip_prefix(':'))
                    .is_some_and(|rest| rest == name)
        };
        is(&self.server, server) && is(&self.group, group) && self.name.as_ref().is_none_or(named)
    }

    /// Whether the incident's program, or the supervisord that it is about, is asked for.
    pub(super) fn is_of(&self, incident: &Incident) -> bool {
        let program = incident.program.as_ref();
        let (group, name) = program.map_or(("", ""), |it| (&*it.group, &*it.name));
        self.names(incident.server.as_str(), group, name)
    }

    /// Whether programs do not matter.
    pub(super) fn takes_all(&self) -> bool {
        self.server.is_none() && self.group.is_none() && self.name.is_none()
    }

    fn from_pairs(
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Cow<'static, str>> {
        let mut wanted = Self {
            limit: DEFAULT_LIMIT,
            ..Self::default()
        };
        for (key, value) in pairs {
            match key.as_str() {
                "limit" => wanted.limit = limit(&value)?,
                "since" => wanted.since = Some(since(&value)?),
                "open" => wanted.open = Some(open(&value)?),
                "server" => wanted.server = Some(value),
                "group" => wanted.group = Some(value),
                "name" => wanted.name = Some(value),
                _ => {}
            }
        }
        Ok(wanted)
    }
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
        Self::from_pairs(pairs).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error))
    }
}

fn limit(value: &str) -> Result<usize, Cow<'static, str>> {
    value
        .parse()
        .ok()
        .map(NonZeroUsize::get)
        .filter(|limit| *limit <= MAX_LIMIT)
        .ok_or_else(|| format!("limit must be a whole number from 1 to {MAX_LIMIT}").into())
}

fn since(value: &str) -> Result<Timestamp, Cow<'static, str>> {
    value.parse().map_err(|_error| {
        "since must be a time by RFC 3339, such as 2026-11-23T05:41:18Z, with any + written as %2B"
            .into()
    })
}

fn open(value: &str) -> Result<bool, Cow<'static, str>> {
    value
        .parse()
        .map_err(|_error| "open must be true or false".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(pairs: &[(&str, &str)]) -> Result<Wanted, Cow<'static, str>> {
        Wanted::from_pairs(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn limits_have_a_default_and_bounds() {
        assert_eq!(ask(&[]).unwrap().limit, 100);
        assert_eq!(ask(&[("limit", "1")]).unwrap().limit, 1);
        assert_eq!(ask(&[("limit", "1000")]).unwrap().limit, 1000);
        for bad in ["0", "1001", "-1", "ten", "", "1.5", "99999999999999999999"] {
            assert!(ask(&[("limit", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        for good in [
            "2026-11-23T05:41:18Z",
            "2026-11-23T05:41:18.123Z",
            "2026-11-23T13:41:18+08:00",
        ] {
            assert!(ask(&[("since", good)]).is_ok(), "{good}");
        }
        for bad in ["yesterday", "1795412478", "2026-11-23", ""] {
            assert!(ask(&[("since", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_bare_or_with_its_group() {
        for (name, hits) in [("a", true), ("es:a", true), ("b", false), ("web:a", false)] {
            assert_eq!(
                ask(&[("name", name)]).unwrap().names("main", "es", "a"),
                hits,
                "{name}"
            );
        }
        assert!(!ask(&[("server", "edge")]).unwrap().names("main", "es", "a"));
        assert!(!ask(&[("group", "web")]).unwrap().names("main", "es", "a"));
    }

    #[test]
    fn unknown_parameters_are_ignored() {
        assert_eq!(ask(&[("later", "yes")]), ask(&[]));
    }
}
