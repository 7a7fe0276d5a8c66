//! supervisord's own refusals: the fault codes of its XML-RPC interface.
//!
//! Owns the codes and their names (`Faults` in supervisor's xmlrpc.py, the same from 3.3 to 4.3). What
//! a refusal means for a retry or an alert is the engine's business.

use std::fmt;

/// How much of a fault's text is kept: supervisord's own texts are a name and a path or a program,
/// and a multicall's `FAILED` may carry a whole Python exception.
const TEXT_CHARS_MAX: usize = 300;

/// A call that supervisord understood and refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Which refusal.
    pub code: FaultCode,
    /// supervisord's words for it, such as `BAD_NAME: es_node_a`, cut to 300 characters.
    pub text: String,
}

impl Fault {
    /// A fault from the two members of its struct.
    pub fn new(code: i32, text: &str) -> Self {
        Self {
            code: FaultCode::from_code(code),
            text: text.chars().take(TEXT_CHARS_MAX).collect(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault {} {}", self.code.code(), self.code.name())?;
        let detail = self.text.strip_prefix(self.code.name());
        match detail.unwrap_or(&self.text).trim_start_matches([':', ' ']) {
            "" => Ok(()),
            detail => write!(f, " ({detail})"),
        }
    }
}

macro_rules! fault_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// A fault's code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FaultCode {
            $($(#[$doc])* $variant,)*
            /// A code that no release of supervisord is known to use.
            Other(i32),
        }

        impl FaultCode {
            /// The fault of a code.
            pub fn from_code(code: i32) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// supervisord's number of the fault.
            pub fn code(self) -> i32 {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// supervisord's name of the fault; `OTHER` for a code that has none.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(_) => "OTHER",
                }
            }
        }
    };
}

fault_codes! {
    /// No such method; also every method, where `[rpcinterface:supervisor]` is missing.
    UnknownMethod = 1, "UNKNOWN_METHOD";
    /// The wrong number or kind of parameters.
    IncorrectParameters = 2, "INCORRECT_PARAMETERS";
    /// A parameter's value makes no sense.
    BadArguments = 3, "BAD_ARGUMENTS";
    /// The method has no signature to show.
    SignatureUnsupported = 4, "SIGNATURE_UNSUPPORTED";
    /// supervisord is shutting down or reloading.
    ShutdownState = 6, "SHUTDOWN_STATE";
    /// No such program.
    BadName = 10, "BAD_NAME";
    /// No such signal.
    BadSignal = 11, "BAD_SIGNAL";
    /// The command, or the log, does not exist.
    NoFile = 20, "NO_FILE";
    /// The command may not be executed.
    NotExecutable = 21, "NOT_EXECUTABLE";
    /// It did not work, for a reason that the text tells.
    Failed = 30, "FAILED";
    /// The program died while it was being started.
    AbnormalTermination = 40, "ABNORMAL_TERMINATION";
    /// The program could not be spawned.
    SpawnError = 50, "SPAWN_ERROR";
    /// The program is up already, or on its way.
    AlreadyStarted = 60, "ALREADY_STARTED";
    /// The program is not up.
    NotRunning = 70, "NOT_RUNNING";
    /// No refusal at all; only in the rows of calls that treat many programs.
    Success = 80, "SUCCESS";
    /// The group is there already.
    AlreadyAdded = 90, "ALREADY_ADDED";
    /// A program of the group is still up.
    StillRunning = 91, "STILL_RUNNING";
    /// The configuration could not be read again.
    CantReread = 92, "CANT_REREAD";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_keeps_its_number_and_its_name() {
        let known = [
            (1, "UNKNOWN_METHOD"),
            (2, "INCORRECT_PARAMETERS"),
            (3, "BAD_ARGUMENTS"),
            (4, "SIGNATURE_UNSUPPORTED"),
            (6, "SHUTDOWN_STATE"),
            (10, "BAD_NAME"),
            (11, "BAD_SIGNAL"),
            (20, "NO_FILE"),
            (21, "NOT_EXECUTABLE"),
            (30, "FAILED"),
            (40, "ABNORMAL_TERMINATION"),
            (50, "SPAWN_ERROR"),
            (60, "ALREADY_STARTED"),
            (70, "NOT_RUNNING"),
            (80, "SUCCESS"),
            (90, "ALREADY_ADDED"),
            (91, "STILL_RUNNING"),
            (92, "CANT_REREAD"),
        ];
        for (number, name) in known {
            let code = FaultCode::from_code(number);
            assert_eq!((code.code(), code.name()), (number, name));
        }
        assert_eq!(FaultCode::from_code(5), FaultCode::Other(5));
        assert_eq!(FaultCode::Other(5).code(), 5);
    }

    #[test]
    fn the_name_is_said_once() {
        let shown = |code, text| Fault::new(code, text).to_string();
        assert_eq!(shown(10, "BAD_NAME: es"), "fault 10 BAD_NAME (es)");
        assert_eq!(shown(60, "ALREADY_STARTED"), "fault 60 ALREADY_STARTED");
        assert_eq!(shown(5, "odd"), "fault 5 OTHER (odd)");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let fault = Fault::new(30, &"错".repeat(1000));
        assert_eq!(fault.text.chars().count(), TEXT_CHARS_MAX);
    }
}
