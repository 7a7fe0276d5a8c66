//! What is wrong with a configuration, in words and with the place.
//!
//! Owns the forms in which a mistake is said: one line `file:line:column: key: what; fix`, the source
//! line with a caret under it, and a last line that counts. How much of a source line may be shown is
//! the business of [`super::excerpt`].

use std::{fmt, io, ops::Range, path::PathBuf};

use thiserror::Error;

use super::excerpt::{Excerpt, Excerpts};

/// Mistakes that are shown; more than a screen or two helps nobody, and the count tells of the rest.
const MAX_MISTAKES: usize = 100;

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file that was asked for is not there.
    #[error("{} does not exist, though {named_by} names it; create it or name another", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What names it: `--config` or `$SUPERVIGIL_CONFIG`.
        named_by: &'static str,
    },
    /// The file is there and cannot be read.
    #[error("cannot read {}; make it a file that this user may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is far too large to be a configuration.
    #[error("{} is larger than {limit} bytes, so it is no configuration; name another file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit that it exceeds.
        limit: u64,
    },
    /// The file is not UTF-8.
    #[error("{}:{line}: not UTF-8 text; save the file as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is not.
        line: usize,
    },
    /// The file says something that cannot be.
    #[error("{0}")]
    Mistakes(Mistakes),
}

impl ConfigError {
    /// A word for labels and logs, from a closed set.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Unreadable { .. } => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::NotText { .. } => "not_text",
            Self::Mistakes(_) => "mistakes",
        }
    }
}

/// Every mistake of one configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    source: String,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// The mistakes, by their places.
    pub fn list(&self) -> &[Mistake] {
        &self.list
    }

    /// Puts `problems` into the order of the file and into words.
    pub(super) fn new(source: String, mut problems: Vec<Problem>, excerpts: &Excerpts<'_>) -> Self {
        problems.sort_by_key(|problem| problem.place.span.as_ref().map_or(0, |span| span.start));
        let list = problems
            .into_iter()
            .map(|problem| {
                let excerpt = problem.place.span.as_ref().map(|span| excerpts.of(span));
                Mistake {
                    path: problem.place.path,
                    fault: problem.fault,
                    excerpt,
                }
            })
            .collect();
        Self { source, list }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.list.iter().take(MAX_MISTAKES) {
            f.write_str(&self.source)?;
            writeln!(f, "{mistake}")?;
        }
        let count = self.list.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in {}", self.source)?;
        if count > MAX_MISTAKES {
            write!(f, ", the first {MAX_MISTAKES} of which are shown")?;
        }
        Ok(())
    }
}

/// One mistake, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    path: String,
    fault: Fault,
    excerpt: Option<Excerpt>,
}

impl Mistake {
    /// The key, from the top: `dingtalk[0].max_per_minute`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Line and column, both from 1; none where the mistake is not in the file.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.excerpt
            .as_ref()
            .map(|excerpt| (excerpt.line, excerpt.column))
    }

    /// What is wrong and how to mend it.
    pub fn message(&self) -> String {
        self.fault.to_string()
    }
}

/// `:line:column: key: what; fix`, and the line with its caret; to be put after the file's name.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(excerpt) = &self.excerpt else {
            return write!(f, ": {}: {}", self.path, self.fault);
        };
        let Excerpt { line, column, .. } = excerpt;
        writeln!(f, ":{line}:{column}: {}: {}", self.path, self.fault)?;
        write!(f, "{excerpt}")
    }
}

/// Something that works and yet is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The file or the key.
    pub subject: String,
    /// What is not right and how to mend it.
    pub fault: Fault,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.fault)
    }
}

/// What is wrong with a value, and how to mend it. Both read on from the key's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Fault {
    /// A fault from its two halves.
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.fix)
    }
}

/// Where something stands: its key from the top, and its bytes in the file, if it has any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// `dingtalk[0].webhook`; empty at the top.
    pub(super) path: String,
    /// The bytes.
    pub(super) span: Option<Range<usize>>,
}

impl Place {
    /// Something that is not in the file, such as an environment variable.
    pub(super) fn outside(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            span: None,
        }
    }

    /// The place of `key` under this one.
    pub(super) fn key(&self, key: &str, span: Range<usize>) -> Self {
        let bare = !key.is_empty()
            && key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let key = if bare {
            key.to_owned()
        } else {
            super::value::quote(key)
        };
        let path = if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            path,
            span: Some(span),
        }
    }

    /// The place of one item of a list.
    pub(super) fn item(&self, index: usize, span: Range<usize>) -> Self {
        Self {
            path: format!("{}[{index}]", self.path),
            span: Some(span),
        }
    }
}

/// A fault at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Where.
    pub(super) place: Place,
    /// What.
    pub(super) fault: Fault,
    /// Whether it is about something that is not there, which a syntax error nearby may explain.
    pub(super) absent: bool,
}
