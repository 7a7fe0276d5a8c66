//! Who is meant: a supervisord and a program under it.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The name that the configuration gives to one supervisord; the label `server`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerName(Arc<str>);

impl ServerName {
    /// Takes any text as a name; the configuration checks that it is unique and not empty.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program as supervisord names it: its group and its own name.
///
/// It is shown as `supervisorctl` shows it: the bare name where the group bears the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProgramName {
    /// The process group.
    pub group: Arc<str>,
    /// The process within the group.
    pub name: Arc<str>,
}

impl ProgramName {
    /// A program by its two names.
    pub fn new(group: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            name: name.into(),
        }
    }

    /// `group:name`, in full; the form that XML-RPC calls take.
    pub fn full(&self) -> String {
        format!("{}:{}", self.group, self.name)
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group == self.name {
            f.write_str(&self.name)
        } else {
            write!(f, "{}:{}", self.group, self.name)
        }
    }
}

impl FromStr for ProgramName {
    type Err = std::convert::Infallible;

    /// Reads `group:name`, or a bare name, which stands for a group of the same name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            Some((group, name)) => Self::new(group, name),
            None => Self::new(text, text),
        })
    }
}

/// One program of one supervisord.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProgramKey {
    /// The supervisord.
    pub server: ServerName,
    /// The program under it.
    pub program: ProgramName,
}

impl ProgramKey {
    /// A key from its parts.
    pub fn new(server: &ServerName, program: &ProgramName) -> Self {
        Self {
            server: server.clone(),
            program: program.clone(),
        }
    }
}

impl fmt::Display for ProgramKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.program)
    }
}
