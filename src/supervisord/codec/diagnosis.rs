//! Why an answer cannot be used, said without quoting what may be a program's output.

use crate::supervisord::fault::Fault;

/// How much of a foreign answer is quoted: enough to recognise `<!DOCTYPE html>` and its title.
const BEGINNING_CHARS_MAX: usize = 60;

/// Why an answer is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// supervisord refused.
    #[error("{0}")]
    Fault(Fault),
    /// Not UTF-8.
    #[error(
        "it is not UTF-8 from byte {offset} on, so supervisord runs in another locale: start it with LANG=C.UTF-8"
    )]
    NotUtf8 {
        /// Where the first bad byte is, from 0.
        offset: usize,
    },
    /// Ill-formed XML with a character in it that XML forbids.
    #[error(
        "its XML is ill-formed and has the forbidden character U+{character:04X} at byte {offset}: a program wrote \
         control characters to its log or its configuration, take them out there"
    )]
    ForbiddenCharacter {
        /// Where it is, in bytes from 0.
        offset: usize,
        /// Its code point.
        character: u32,
    },
    /// XML that stops in the middle.
    #[error(
        "its XML stops after {bytes} bytes, before its end: supervisord or a proxy announced too small a Content-Length, \
         as supervisord does for some calls when names are not ASCII; look for a proxy in between"
    )]
    Cut {
        /// How much came.
        bytes: usize,
    },
    /// Something else than an XML-RPC answer.
    #[error(
        "it is not XML-RPC but begins with {beginning:?}: check that supervisord itself listens there"
    )]
    NotXmlRpc {
        /// How it begins.
        beginning: String,
    },
    /// It is XML, but not such as XML-RPC allows.
    #[error("its XML ({bytes} bytes) is ill-formed: look for a proxy in between that changes it")]
    IllFormed {
        /// How long it is.
        bytes: usize,
    },
    /// XML-RPC of another shape than this method's.
    #[error("{what}: is it a supervisord of 3.3 or later?")]
    Shape {
        /// What is wrong with it.
        what: String,
    },
    /// The call itself cannot be written as XML.
    #[error("the call cannot be written as XML: {why}")]
    Unwritable {
        /// What the XML library says.
        why: String,
    },
}

impl AnswerError {
    pub(super) fn shape(what: impl Into<String>) -> Self {
        Self::Shape { what: what.into() }
    }
}

/// Why a body could not be read, without quoting what may be a program's output.
pub(super) fn diagnose(body: &str) -> AnswerError {
    let start = body.trim_start();
    if !start.starts_with("<?xml") && !start.starts_with("<methodResponse") {
        return AnswerError::NotXmlRpc {
            beginning: start.chars().take(BEGINNING_CHARS_MAX).collect(),
        };
    }
    if let Some((offset, character)) = body.char_indices().find(|(_, c)| is_forbidden(*c)) {
        return AnswerError::ForbiddenCharacter {
            offset,
            character: character.into(),
        };
    }
    let bytes = body.len();
    if body.trim_end().ends_with("</methodResponse>") {
        AnswerError::IllFormed { bytes }
    } else {
        AnswerError::Cut { bytes }
    }
}

/// XML 1.0, production 2 (Char).
fn is_forbidden(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{FFFE}' | '\u{FFFF}' => true,
        other => other < ' ',
    }
}
