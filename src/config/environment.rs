//! The environment as a value: the variables, and what the process is.
//!
//! Owns the only reading of the process's environment, and the substitution of `${VAR}` in text.
//! Everything else takes an [`Environment`], so that a test brings its own.

use std::{collections::BTreeMap, path::PathBuf};

use super::problem::Fault;

/// What the process was started with.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    folder: PathBuf,
    root: bool,
}

impl Environment {
    /// That of this process. Variables that are not UTF-8 count as unset.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self {
            variables: variables.collect(),
            folder: PathBuf::new(),
            root: rustix::process::geteuid().is_root(),
        }
    }

    /// One with these variables, of a user without privileges.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            variables: variables.collect(),
            ..Self::default()
        }
    }

    /// The same with another working folder: where `./supervigil.toml` is looked for.
    #[must_use]
    pub fn in_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            ..self
        }
    }

    /// A variable, where it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The working folder; empty: the process's own.
    pub(super) fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Whether the process may do anything.
    pub(super) fn is_root(&self) -> bool {
        self.root
    }

    /// Replaces `${VAR}`, `${VAR:-default}` and `$$`; any other dollar sign stays.
    ///
    /// A variable that is set but empty is empty in the first form and takes the default in the
    /// second, as in a shell. All that is wrong is returned together.
    pub(super) fn expand(&self, text: &str) -> Result<String, Vec<Fault>> {
        let mut out = String::with_capacity(text.len());
        let mut faults = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            rest = if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                after
            } else if let Some(after) = after.strip_prefix('{') {
                let Some((inside, after)) = after.split_once('}') else {
                    faults.push(Fault::new(
                        "a ${ is never closed",
                        "write ${NAME}, or $$ for a dollar sign",
                    ));
                    return Err(faults);
                };
                match self.substitute(inside) {
                    Ok(value) => out.push_str(value),
                    Err(fault) => faults.push(fault),
                }
                after
            } else {
                out.push('$');
                after
            };
        }
        out.push_str(rest);
        if faults.is_empty() {
            Ok(out)
        } else {
            Err(faults)
        }
    }

    fn substitute<'a>(&'a self, inside: &'a str) -> Result<&'a str, Fault> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(Fault::new(
                "between ${ and } stands no name of a variable",
                "write ${NAME} or ${NAME:-default}, or $$ for a dollar sign",
            ));
        }
        match default {
            Some(default) => Ok(self.get(name).unwrap_or(default)),
            None => self.variables.get(name).map(String::as_str).ok_or_else(|| {
                Fault::new(
                    format!("the environment variable {name} is not set"),
                    format!("set it, or write ${{{name}:-default}}"),
                )
            }),
        }
    }
}

/// Values may be secrets, so only names are shown.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("folder", &self.folder)
            .field("root", &self.root)
            .finish()
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        let environment = Environment::of([("A", "1"), ("EMPTY", ""), ("NESTED", "${A}")]);
        match environment.expand(text) {
            Ok(text) => text,
            Err(faults) => {
                let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
                format!("! {}", faults.join(" | "))
            }
        }
    }

    #[test]
    fn variables_are_substituted_once_and_dollars_survive() {
        for (text, expanded) in [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "1"),
            ("x${A}y${A}z", "x1y1z"),
            ("${B:-two}", "two"),
            ("${A:-two}", "1"),
            ("${EMPTY}", ""),
            ("${EMPTY:-x}", "x"),
            ("${B:-}", ""),
            ("$${A}", "${A}"),
            ("$$$${A}", "$${A}"),
            ("^a$", "^a$"),
            ("$5", "$5"),
            ("${NESTED}", "${A}"),
        ] {
            assert_eq!(expand(text), expanded, "{text}");
        }
    }

    #[test]
    fn each_unset_variable_is_named() {
        let message = expand("${B}-${A}-${C}");
        assert!(message.contains(" B is not set"), "{message}");
        assert!(message.contains(" C is not set"), "{message}");
        assert!(expand("${").starts_with("! a ${ is never closed"));
        assert!(expand("${1}").starts_with("! between"));
        assert!(expand("${}").starts_with("! between"));
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", Environment::of([("TOKEN", "hunter2")]));
        assert!(
            shown.contains("TOKEN") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
