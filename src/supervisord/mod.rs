//! The client of one supervisord.
//!
//! Owns how supervisord is asked and what its answers mean word by word: [`codec`] (pure) writes calls
//! and reads answers, `transport` moves them within a deadline and a byte cap, [`CallError`] says what
//! went wrong and what to do. [`main_log`] (pure) reads the lines of supervisord's main log; [`listener`]
//! (pure) reads what supervisord writes to an event listener. It draws no conclusions:
//! a snapshot is handed up as it came. It keeps no state but idle connections, decides on no retry beyond
//! a connection that had gone stale, and reads no clock.

mod answer;
pub mod codec;
mod connections;
mod discovery;
mod error;
mod fault;
pub mod listener;
pub mod main_log;
mod settings;
mod target;
mod transport;

use std::{fmt, path::PathBuf, sync::Arc};

use dxr::Value;

use self::{
    codec::{AnswerError, Call},
    transport::{Post, Transport},
};
use crate::model::{Process, ProgramName, Snapshot};

pub use answer::{LogEnd, LogStream, LogTail, Look, ProgramConfig, ServerState};
pub use discovery::usual_paths;
pub use error::{CallError, Progress};
pub use fault::{Fault, FaultCode};
pub use settings::{Credentials, Endpoint, Settings};

/// The most that an answer may be: 1000 programs are 1.1 MB, so this is room for some 29,000.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most that is asked of a log at once: an alert shows some lines, and supervisord reads the whole
/// of it into memory while everybody waits.
pub const LOG_TAIL_BYTES_MAX: u32 = 256 * 1024;

/// One supervisord, to be asked and told. Clones share its connections.
///
/// Every call has the one deadline of its settings, connecting included.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).finish()
    }
}

impl Client {
    /// A client; it connects when it is first used.
    pub fn new(settings: &Settings) -> Self {
        Self {
            transport: Transport::new(settings),
        }
    }

    /// Where it is, for people; without credentials. Of a search, what it finds at present.
    pub fn url(&self) -> String {
        self.transport.url()
    }

    /// The unix socket by which it is reached at present; none for TCP, or where there is none.
    pub fn socket(&self) -> Option<PathBuf> {
        self.transport.socket()
    }

    /// Whether it is on this host for sure, so that its paths mean the same files here.
    pub fn is_local(&self) -> bool {
        self.transport.is_local()
    }

    /// Everything at one time: who answers, and all programs.
    pub async fn snapshot(&self) -> Result<Snapshot, CallError> {
        self.poll(None).await.map(|(snapshot, _)| snapshot)
    }

    /// As [`Self::snapshot`]; with the last `log_bytes` of the main log, where they are asked for.
    pub async fn poll(
        &self,
        log_bytes: Option<u32>,
    ) -> Result<(Snapshot, Option<LogEnd>), CallError> {
        let method = "supervisor.getAllProcessInfo";
        let body = codec::write_multicall(codec::poll_calls(log_bytes));
        self.ask(method, body, |body| codec::read_poll(body, log_bytes))
            .await
    }

    /// One program.
    pub async fn process(&self, program: &ProgramName) -> Result<Process, CallError> {
        self.call(process_call(program), codec::read_process).await
    }

    /// Some programs, in the order asked for, at one time; with supervisord's own pid, which says
    /// whether it is the one that was asked before, and the last `log_bytes` of the main log, where they
    /// are asked for.
    pub async fn look(
        &self,
        programs: &[ProgramName],
        log_bytes: Option<u32>,
    ) -> Result<Look, CallError> {
        let calls = [Call::plain("supervisor.getPID")].into_iter();
        let calls = calls.chain(programs.iter().map(process_call));
        let calls = calls.chain(log_bytes.map(codec::log_call));
        let body = codec::write_multicall(calls.collect());
        self.ask("supervisor.getProcessInfo", body, |body| {
            codec::read_look(body, programs, log_bytes)
        })
        .await
    }

    /// Has a program started, and does not wait for it to be up. From STOPPING supervisord says yes and
    /// starts nothing.
    pub async fn start(&self, program: &ProgramName) -> Result<(), CallError> {
        self.command("supervisor.startProcess", program).await
    }

    /// Has a program stopped, and does not wait for its end.
    pub async fn stop(&self, program: &ProgramName) -> Result<(), CallError> {
        self.command("supervisor.stopProcess", program).await
    }

    /// supervisord's own state.
    pub async fn state(&self) -> Result<ServerState, CallError> {
        let call = Call::plain("supervisor.getState");
        self.call(call, codec::read_state).await
    }

    /// supervisord's own pid.
    pub async fn pid(&self) -> Result<u32, CallError> {
        self.call(Call::plain("supervisor.getPID"), codec::read_pid)
            .await
    }

    /// The `identifier` of its configuration.
    pub async fn identification(&self) -> Result<String, CallError> {
        self.text("supervisor.getIdentification").await
    }

    /// Its release.
    pub async fn version(&self) -> Result<String, CallError> {
        self.text("supervisor.getSupervisorVersion").await
    }

    /// Its API's version.
    pub async fn api_version(&self) -> Result<String, CallError> {
        self.text("supervisor.getAPIVersion").await
    }

    /// The end of a program's log: the last `bytes` of it, from 1 to [`LOG_TAIL_BYTES_MAX`], or as many
    /// of them as supervisord can give. With `redirect_stderr` everything is in stdout's.
    ///
    /// supervisord gives out UTF-8 alone (`as_string` in rpcinterface.py), so none of a window that begins
    /// within a character or has anything else in it. Shorter windows are asked for then, in one call, and
    /// the longest that can be read counts. All of it goes by `system.multicall`, where each window has a
    /// fault of its own: outside of it such a window is HTTP 500, and a traceback in supervisord's log.
    ///
    /// `GET /logtail/NAME/stderr` would give bytes as they are, and must not be used: it leaves a file open
    /// in supervisord until Python's collector comes by, which after a `reload` closes a number that is
    /// somebody else's by then, as [`main_log`] tells. Measured on 4.2.5 and 4.3.0: twenty fetches, each
    /// closed after its first bytes, left twenty descriptors more, until some hundred calls later.
    pub async fn log_tail(
        &self,
        program: &ProgramName,
        stream: LogStream,
        bytes: u32,
    ) -> Result<LogTail, CallError> {
        // A length of 0 means the whole log, which blocks supervisord for minutes.
        let bytes = bytes.clamp(1, LOG_TAIL_BYTES_MAX);
        match self.log_windows(program, stream, &[bytes]).await? {
            Ok(tail) => Ok(tail),
            Err(fault) if fault.code == FaultCode::Failed => {
                let windows = codec::shorter_windows(bytes);
                let tail = self.log_windows(program, stream, &windows).await?;
                tail.map_err(|fault| self.refusal(stream, fault))
            }
            Err(fault) => Err(self.refusal(stream, fault)),
        }
    }

    /// The first of some windows at a log's end that supervisord can give, or why there is none.
    async fn log_windows(
        &self,
        program: &ProgramName,
        stream: LogStream,
        windows: &[u32],
    ) -> Result<Result<LogTail, Fault>, CallError> {
        let calls = windows
            .iter()
            .map(|bytes| codec::log_window_call(program, stream, *bytes));
        let body = codec::write_multicall(calls.collect());
        let method = codec::log_method(stream);
        self.ask(method, body, |body| codec::read_log_windows(body, windows))
            .await
    }

    fn refusal(&self, stream: LogStream, fault: Fault) -> CallError {
        let problem = AnswerError::Fault(fault);
        CallError::from_answer(self.url(), codec::log_method(stream), problem)
    }

    /// The programs as the configuration file had them when it was last read.
    pub async fn all_config_info(&self) -> Result<Vec<ProgramConfig>, CallError> {
        let call = Call::plain("supervisor.getAllConfigInfo");
        self.call(call, codec::read_configs).await
    }

    async fn text(&self, method: &'static str) -> Result<String, CallError> {
        self.call(Call::plain(method), |body| codec::read_string(body, method))
            .await
    }

    async fn call<T>(
        &self,
        call: Call,
        read: impl FnOnce(String) -> Result<T, AnswerError>,
    ) -> Result<T, CallError> {
        let method = call.method;
        self.ask(method, codec::write_call(call), read).await
    }

    /// A call that reads: it may be sent again on a fresh connection.
    async fn ask<T>(
        &self,
        method: &'static str,
        body: Result<String, AnswerError>,
        read: impl FnOnce(String) -> Result<T, AnswerError>,
    ) -> Result<T, CallError> {
        self.exchange(method, body, true, read).await
    }

    /// A call that acts: never sent twice.
    async fn command(&self, method: &'static str, program: &ProgramName) -> Result<(), CallError> {
        let body = codec::write_call(Call {
            method,
            params: vec![codec::name_param(program), Value::Boolean(false)],
        });
        self.exchange(method, body, false, codec::read_done).await
    }

    async fn exchange<T>(
        &self,
        method: &'static str,
        body: Result<String, AnswerError>,
        repeatable: bool,
        read: impl FnOnce(String) -> Result<T, AnswerError>,
    ) -> Result<T, CallError> {
        let body = body.map_err(|problem| CallError::from_answer(self.url(), method, problem))?;
        let post = Post {
            method,
            body,
            repeatable,
        };
        let (answer, url) = self.transport.post(post).await?;
        codec::read_text(answer)
            .and_then(read)
            .map_err(|problem| CallError::from_answer(url, method, problem))
    }
}

fn process_call(program: &ProgramName) -> Call {
    Call {
        method: "supervisor.getProcessInfo",
        params: vec![codec::name_param(program)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll and a start run in tasks of their own, on any thread.
    #[test]
    fn a_client_and_its_calls_go_to_any_thread() {
        fn shared<T: Clone + Send + Sync + 'static>() {}
        fn sent<T: Send>(_future: fn(&'static Client) -> T) {}
        shared::<Client>();
        sent(Client::snapshot);
        sent(Client::pid);
        sent(|client| client.look(&[], None));
        sent(Client::all_config_info);
    }
}
