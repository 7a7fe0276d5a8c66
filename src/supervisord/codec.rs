//! supervisord's XML-RPC, written and read. Pure.
//!
//! Owns the method names, the shapes of their answers (rpcinterface.py of supervisor) and the
//! diagnosis of an answer that cannot be read. Bytes are moved by `transport`. An answer is either
//! read whole or is an error: a field that the engine draws conclusions from is never made up.
//!
//! A control character in a text makes the XML ill-formed, and supervisord lets it through; it is
//! taken as it is wherever the rest can still be read.

mod diagnosis;
mod members;

use dxr::{FaultResponse, MethodCall, MethodResponse, Value};

pub use self::diagnosis::AnswerError;
use self::diagnosis::diagnose;
use self::members::{Members, array, int, text, wrong_kind};
use super::{
    answer::{LogEnd, LogStream, LogTail, Look, ProgramConfig, ServerState},
    fault::{Fault, FaultCode},
};
use crate::model::{Identity, Process, ProcessState, ProgramName, Snapshot};

/// A fault stands within the first bytes of an answer, before any text of a program's:
/// `<?xml version='1.0'?>\n<methodResponse>\n<fault>`.
const FAULT_WITHIN_BYTES: usize = 200;

/// How each struct of an answer ends (`dump_struct` of Python's xmlrpc.client).
const STRUCT_END: &[u8] = b"</struct>";
/// The shortest window of a log that is worth asking for: the end of a line.
const SHORTEST_WINDOW: u32 = 16;

/// One call, for [`write_multicall`].
#[derive(Debug, Clone)]
pub struct Call {
    /// The method's full name.
    pub method: &'static str,
    /// Its parameters.
    pub params: Vec<Value>,
}

impl Call {
    /// A call without parameters.
    pub fn plain(method: &'static str) -> Self {
        Self {
            method,
            params: Vec::new(),
        }
    }
}

/// The five calls that make up a snapshot, and one for the end of the main log where it is wanted;
/// [`read_poll`] reads their answers in this order.
pub fn poll_calls(log_bytes: Option<u32>) -> Vec<Call> {
    let calls = [
        "supervisor.getPID",
        "supervisor.getIdentification",
        "supervisor.getSupervisorVersion",
        "supervisor.getAPIVersion",
        "supervisor.getAllProcessInfo",
    ]
    .map(Call::plain);
    calls.into_iter().chain(log_bytes.map(log_call)).collect()
}

/// The call for the last bytes of the main log. A length of 0 with a negative offset means no more than
/// that (`readFile` in options.py).
pub fn log_call(bytes: u32) -> Call {
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    Call {
        method: "supervisor.readLog",
        params: vec![Value::Integer(bytes.saturating_neg()), Value::Integer(0)],
    }
}

/// The method that gives a window of a program's log, by its place.
pub fn log_method(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "supervisor.readProcessStdoutLog",
        LogStream::Stderr => "supervisor.readProcessStderrLog",
    }
}

/// The call for the last bytes of a program's log, as [`log_call`] is for the main log. It has no limit of
/// 2 GiB as `tailProcess*Log` has, whose answer holds the log's size.
pub fn log_window_call(program: &ProgramName, stream: LogStream, bytes: u32) -> Call {
    let Call { method: _, params } = log_call(bytes);
    Call {
        method: log_method(stream),
        params: [vec![name_param(program)], params].concat(),
    }
}

/// Windows to try where one of `bytes` cannot be read, the longest first. A window that cuts a character is
/// readable when it is up to three bytes shorter; one with other text than UTF-8 in it, where it
/// begins behind that, which halves find.
pub fn shorter_windows(bytes: u32) -> Vec<u32> {
    let halves = std::iter::successors(Some(bytes), |bytes| Some(bytes / 2));
    halves
        .take_while(|bytes| *bytes >= SHORTEST_WINDOW)
        .flat_map(|bytes| (0..4).map(move |less| bytes - less))
        .skip(1)
        .collect()
}

/// A call's XML.
pub fn write_call(call: Call) -> Result<String, AnswerError> {
    MethodCall {
        name: call.method.into(),
        params: call.params,
    }
    .to_xml()
    .map_err(|error| AnswerError::Unwritable {
        why: error.to_string(),
    })
}

/// The XML of one `system.multicall` of many calls.
pub fn write_multicall(calls: Vec<Call>) -> Result<String, AnswerError> {
    let calls = calls
        .into_iter()
        .map(|call| {
            Value::Struct(
                [
                    ("methodName".to_owned(), Value::String(call.method.into())),
                    ("params".to_owned(), Value::Array(call.params)),
                ]
                .into(),
            )
        })
        .collect();
    write_call(Call {
        method: "system.multicall",
        params: vec![Value::Array(calls)],
    })
}

/// A program's name as a parameter.
pub fn name_param(program: &ProgramName) -> Value {
    Value::String(program.full())
}

/// A body as text.
///
/// Behind the last struct of an answer stands the end of the main log, whose window may cut a
/// character: Python 2, and so supervisord 3.x, hands the half out. It is replaced there.
pub fn read_text(body: Vec<u8>) -> Result<String, AnswerError> {
    String::from_utf8(body).or_else(|error| {
        let offset = error.utf8_error().valid_up_to();
        let body = error.as_bytes();
        let ends = body
            .windows(STRUCT_END.len())
            .rposition(|part| part == STRUCT_END);
        if ends.is_some_and(|end| end < offset) {
            Ok(String::from_utf8_lossy(body).into_owned())
        } else {
            Err(AnswerError::NotUtf8 { offset })
        }
    })
}

/// A snapshot, and the end of the main log where it was asked for, from the answer to [`poll_calls`].
/// Any fault among the first five is the whole's fault.
pub fn read_poll(
    body: String,
    log_bytes: Option<u32>,
) -> Result<(Snapshot, Option<LogEnd>), AnswerError> {
    let mut results = read_array(body)?;
    let count = results.len();
    let log = log_bytes.and_then(|bytes| Some((results.pop()?, bytes)));
    let results: [Value; 5] = results.try_into().map_err(|_other: Vec<Value>| {
        let asked = 5 + usize::from(log_bytes.is_some());
        AnswerError::shape(format!("a multicall of {asked} has {count} results"))
    })?;
    let [pid, identification, version, api_version, processes] = results;
    let snapshot = Snapshot {
        identity: Identity {
            pid: pid_of(int(&result(pid)?, "getPID")?)?,
            identification: text(result(identification)?, "getIdentification")?,
            version: text(result(version)?, "getSupervisorVersion")?,
            api_version: text(result(api_version)?, "getAPIVersion")?,
        },
        processes: array(result(processes)?, "getAllProcessInfo")?
            .into_iter()
            .map(process)
            .collect::<Result<_, _>>()?,
    };
    Ok((snapshot, log.map(log_end).transpose()?))
}

/// The end of the main log, or supervisord's reason.
fn log_end((value, asked): (Value, u32)) -> Result<LogEnd, AnswerError> {
    let text = match result(value) {
        Ok(value) => Ok(text(value, "readLog")?),
        Err(AnswerError::Fault(fault)) => Err(fault),
        Err(error) => return Err(error),
    };
    Ok(LogEnd { asked, text })
}

/// The answer to one `getProcessInfo`.
pub fn read_process(body: String) -> Result<Process, AnswerError> {
    process(read_value(body)?)
}

/// The answers to a multicall of `getPID`, as many times `getProcessInfo` as there are programs, and
/// perhaps `readLog`, in that order.
pub fn read_look(
    body: String,
    programs: &[ProgramName],
    log_bytes: Option<u32>,
) -> Result<Look, AnswerError> {
    let mut results = read_array(body)?.into_iter();
    let asked = programs
        .len()
        .saturating_add(1 + usize::from(log_bytes.is_some()));
    let got = results.len();
    if got != asked {
        return Err(AnswerError::shape(format!(
            "a multicall of {asked} has {got} results"
        )));
    }
    let pid = results.next().unwrap_or(Value::Integer(0));
    let supervisord = pid_of(int(&result(pid)?, "getPID")?)?;
    let read = |(program, value): (&ProgramName, Value)| {
        let process = match result(value).and_then(process) {
            Ok(process) => Some(process),
            Err(AnswerError::Fault(fault)) if fault.code == FaultCode::BadName => None,
            Err(error) => return Err(error),
        };
        Ok((program.clone(), process))
    };
    let processes = results.by_ref().take(programs.len());
    let programs = programs.iter().zip(processes).map(read);
    Ok(Look {
        supervisord,
        programs: programs.collect::<Result<_, _>>()?,
        log: results.next().zip(log_bytes).map(log_end).transpose()?,
    })
}

/// The answer to `startProcess` and `stopProcess`: true, or a fault.
pub fn read_done(body: String) -> Result<(), AnswerError> {
    let value = read_value(body)?;
    if value == Value::Boolean(true) {
        Ok(())
    } else {
        Err(wrong_kind("the answer", "true", &value))
    }
}

/// The answer to `getPID`.
pub fn read_pid(body: String) -> Result<u32, AnswerError> {
    pid_of(int(&read_value(body)?, "getPID")?)
}

/// The answer to a method that gives one text; `method` is for the error.
pub fn read_string(body: String, method: &str) -> Result<String, AnswerError> {
    text(read_value(body)?, method)
}

/// The answer to `getState`.
pub fn read_state(body: String) -> Result<ServerState, AnswerError> {
    let mut members = Members::of(read_value(body)?, "getState")?;
    Ok(ServerState::from_code(members.int("statecode")?))
}

/// The answers to as many calls for windows at a log's end as there are `windows`: the first that is
/// none of supervisord's faults, or the last fault. A log that is not there is an empty one.
pub fn read_log_windows(
    body: String,
    windows: &[u32],
) -> Result<Result<LogTail, Fault>, AnswerError> {
    let results = read_array(body)?;
    let mut last = None;
    for (value, asked) in results.into_iter().zip(windows) {
        let text = match result(value) {
            Ok(value) => text(value, "a log")?,
            Err(AnswerError::Fault(fault)) if fault.code == FaultCode::NoFile => String::new(),
            Err(AnswerError::Fault(fault)) => {
                last = Some(fault);
                continue;
            }
            Err(error) => return Err(error),
        };
        // XML makes one byte of a carriage return and a newline.
        let newlines = text.bytes().filter(|byte| *byte == b'\n').count();
        let bytes_at_most = text.len().saturating_add(newlines);
        let is_whole = u32::try_from(bytes_at_most).is_ok_and(|bytes| bytes < *asked);
        return Ok(Ok(LogTail {
            text,
            is_cut: !is_whole,
        }));
    }
    last.map(Err)
        .ok_or_else(|| AnswerError::shape("a multicall has no results"))
}

/// The answer to `getAllConfigInfo`.
pub fn read_configs(body: String) -> Result<Vec<ProgramConfig>, AnswerError> {
    read_array(body)?.into_iter().map(config).collect()
}

fn process(value: Value) -> Result<Process, AnswerError> {
    let mut members = Members::of(value, "a process")?;
    let stdout_log = members.optional_text("stdout_logfile");
    Ok(Process {
        program: ProgramName::new(&members.text("group")?, &members.text("name")?),
        state: ProcessState::from_code(members.int("state")?),
        pid: pid_of(members.int("pid")?)?,
        start: members.int_or_zero("start")?.into(),
        stop: members.int_or_zero("stop")?.into(),
        now: members.int_or_zero("now")?.into(),
        exit_status: members.int_or_zero("exitstatus")?,
        spawn_error: members.optional_text("spawnerr").unwrap_or_default(),
        stdout_log: stdout_log
            .or_else(|| members.optional_text("logfile"))
            .unwrap_or_default(),
        stderr_log: members.optional_text("stderr_logfile").unwrap_or_default(),
    })
}

fn config(value: Value) -> Result<ProgramConfig, AnswerError> {
    let mut members = Members::of(value, "a program's configuration")?;
    Ok(ProgramConfig {
        program: ProgramName::new(&members.text("group")?, &members.text("name")?),
        in_use: members.optional_flag("inuse"),
        autostart: members.optional_flag("autostart"),
        command: members.configured_text("command"),
        directory: members.configured_text("directory"),
        exit_codes: members.optional_ints("exitcodes"),
        redirect_stderr: members.optional_flag("redirect_stderr"),
        start_retries: members.optional_count("startretries"),
        start_seconds: members.optional_count("startsecs"),
        stop_signal: members.optional_int("stopsignal"),
        stop_wait_seconds: members.optional_count("stopwaitsecs"),
        stdout_log: members.configured_text("stdout_logfile"),
        stderr_log: members.configured_text("stderr_logfile"),
    })
}

/// One result of a multicall: a bare value, or the struct of a fault.
fn result(value: Value) -> Result<Value, AnswerError> {
    if !matches!(&value, Value::Struct(members) if members.contains_key("faultCode")) {
        return Ok(value);
    }
    let mut members = Members::of(value, "a fault")?;
    let code = members.int("faultCode")?;
    let text = members.optional_text("faultString").unwrap_or_default();
    Err(AnswerError::Fault(Fault::new(code, &text)))
}

fn pid_of(pid: i32) -> Result<u32, AnswerError> {
    u32::try_from(pid).map_err(|_negative| AnswerError::shape(format!("{pid} is no pid")))
}

fn read_array(body: String) -> Result<Vec<Value>, AnswerError> {
    array(read_value(body)?, "the answer")
}

/// Drops the body before the values become processes: a megabyte at 1000 programs.
///
/// The library's error is the whole body, which may be a program's log, so it is not passed on.
fn read_value(body: String) -> Result<Value, AnswerError> {
    if is_fault(&body) {
        return Err(match FaultResponse::from_xml(&body) {
            Ok(FaultResponse { fault }) => {
                AnswerError::Fault(Fault::new(fault.code(), fault.string()))
            }
            Err(_) => diagnose(&body),
        });
    }
    let read = MethodResponse::from_xml(&body).map_err(|_whole_body| diagnose(&body));
    drop(body);
    read.map(|response| response.value)
}

fn is_fault(body: &str) -> bool {
    let tag = b"<fault>";
    let mut windows = body.as_bytes().windows(tag.len()).take(FAULT_WITHIN_BYTES);
    windows.any(|window| window == tag)
}

#[cfg(test)]
mod tests;
