//! The answers in tests/answers were recorded from supervisor 4.3.0, and the values here read off them
//! by eye.

use super::*;

const SNAPSHOT: &str = include_str!("../../../tests/answers/snapshot.xml");
const PROCESSES: &str = include_str!("../../../tests/answers/processes.xml");
const CONFIG: &str = include_str!("../../../tests/answers/config.xml");
const FAULT: &str = include_str!("../../../tests/answers/fault.xml");

fn snapshot(body: &str) -> Result<Snapshot, AnswerError> {
    read_poll(body.to_owned(), None).map(|(snapshot, _)| snapshot)
}

fn answer(value: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n</params>\n\
         </methodResponse>\n"
    )
}

fn process_of(members: &[(&str, &str)]) -> Result<Process, AnswerError> {
    let mut body = String::new();
    for (name, value) in members {
        body += "<member>\n<name>";
        body += name;
        body += "</name>\n<value>";
        body += value;
        body += "</value>\n</member>\n";
    }
    read_process(answer(&format!("<struct>\n{body}</struct>")))
}

#[test]
fn a_real_snapshot_is_read_to_the_last_field() {
    let snapshot = snapshot(SNAPSHOT).unwrap();
    assert_eq!(
        snapshot.identity,
        Identity {
            pid: 22110,
            identification: "主机".into(),
            version: "4.3.0".into(),
            api_version: "3.0".into(),
        }
    );
    let names: Vec<_> = snapshot
        .processes
        .iter()
        .map(|process| (process.program.to_string(), process.state))
        .collect();
    assert_eq!(
        names,
        [
            ("es_node_a".into(), ProcessState::Running),
            ("gone".into(), ProcessState::Fatal),
            ("idle".into(), ProcessState::Stopped),
            ("quit".into(), ProcessState::Exited),
            ("搜索:节点_00".into(), ProcessState::Running),
        ]
    );
    assert_eq!(
        snapshot.processes[0],
        Process {
            program: ProgramName::new("es_node_a", "es_node_a"),
            state: ProcessState::Running,
            pid: 22112,
            start: 1_795_455_292,
            stop: 0,
            now: 1_795_455_295,
            exit_status: 0,
            spawn_error: String::new(),
            stdout_log: "/var/log/supervisor/a.log".into(),
            stderr_log: String::new(),
        }
    );
    assert_eq!(
        snapshot.processes[1].spawn_error,
        "can't find command '/nonexistent/a&b'"
    );
    let quit = &snapshot.processes[3];
    assert_eq!(
        (quit.stop, quit.exit_status, quit.spawn_error.as_str()),
        (1_795_455_293, 3, "Bad exit code 3")
    );
    assert_eq!(snapshot.processes[4].stdout_log, "");
}

#[test]
fn a_program_that_is_not_known_leaves_the_others() {
    let asked = [
        ProgramName::new("quit", "quit"),
        ProgramName::new("no", "such"),
    ];
    let look = read_look(PROCESSES.to_owned(), &asked, None).unwrap();
    assert_eq!(look.supervisord, 4711);
    let [(first, quit), (second, none)] = <[_; 2]>::try_from(look.programs).unwrap();
    assert_eq!(quit.unwrap().exit_status, 3);
    assert_eq!(none, None);
    assert_eq!([first, second], asked);
    assert!(matches!(
        read_look(PROCESSES.to_owned(), &asked[..1], None),
        Err(AnswerError::Shape { .. })
    ));
}

#[test]
fn a_shutdown_concerns_every_program() {
    let body = PROCESSES.replace("<int>10</int>", "<int>6</int>");
    let asked = [
        ProgramName::new("quit", "quit"),
        ProgramName::new("no", "such"),
    ];
    assert_eq!(
        read_look(body, &asked, None),
        Err(AnswerError::Fault(Fault::new(6, "BAD_NAME: nope")))
    );
}

#[test]
fn a_whole_fault_is_read() {
    let fault = AnswerError::Fault(Fault::new(60, "ALREADY_STARTED: es_node_a"));
    assert_eq!(read_done(FAULT.to_owned()), Err(fault.clone()));
    assert_eq!(snapshot(FAULT), Err(fault));
}

#[test]
fn a_start_is_done_only_when_supervisord_says_true() {
    let done = include_str!("../../../tests/answers/done.xml");
    assert_eq!(read_done(done.to_owned()), Ok(()));
    assert!(read_done(answer("<boolean>0</boolean>")).is_err());
    assert!(read_done(answer("<string>true</string>")).is_err());
}

/// As rpcinterface.py and xmlrpc.py answer for windows of which one cuts a character.
const UNREADABLE: &str = "<value><struct><member><name>faultCode</name><value><int>30</int></value></member>\
    <member><name>faultString</name><value><string>FAILED: &lt;class 'AttributeError'&gt;</string></value>\
    </member></struct></value>";

fn windows(results: &[&str], asked: &[u32]) -> Result<Result<LogTail, Fault>, AnswerError> {
    let results = results.concat();
    let body = answer(&format!("<array><data>{results}</data></array>"));
    read_log_windows(body, asked)
}

#[test]
fn the_tail_of_a_coloured_log_is_read_with_its_escapes() {
    let text = "<value><string>a\u{1b}[31mred\u{1b}[0m &lt;b&gt;&amp;</string></value>";
    let tail = windows(&[text], &[18]).unwrap().unwrap();
    assert_eq!(tail.text, "a\u{1b}[31mred\u{1b}[0m <b>&");
    assert!(tail.is_cut);
    assert!(!windows(&[text], &[19]).unwrap().unwrap().is_cut);
    assert!(!format!("{tail:?}").contains("red"));
    let lines = "<value><string>a\r\nb\r\n</string></value>";
    assert!(windows(&[lines], &[6]).unwrap().unwrap().is_cut);
}

#[test]
fn the_longest_window_that_can_be_read_counts() {
    let text = "<value><string>中文</string></value>";
    let tail = windows(&[UNREADABLE, text, text], &[8, 7, 6]).unwrap();
    assert_eq!(tail.unwrap().text, "中文");
    let fault = windows(&[UNREADABLE, UNREADABLE], &[8, 7]).unwrap();
    assert_eq!(fault.unwrap_err().code, FaultCode::Failed);
    let missing = UNREADABLE.replace("30", "20");
    let tail = windows(&[&missing], &[8]).unwrap().unwrap();
    assert_eq!((tail.text.as_str(), tail.is_cut), ("", false));
}

#[test]
fn shorter_windows_step_over_a_character_and_then_over_halves() {
    assert_eq!(shorter_windows(40), [39, 38, 37, 20, 19, 18, 17]);
    assert!(shorter_windows(1).is_empty());
}

#[test]
fn the_state_is_read() {
    let body = include_str!("../../../tests/answers/state.xml");
    assert_eq!(read_state(body.to_owned()), Ok(ServerState::Running));
    let body = body.replace("<int>1</int>", "<int>-1</int>");
    assert_eq!(read_state(body), Ok(ServerState::Shutdown));
}

#[test]
fn a_configuration_is_read_and_nothing_of_it_but_the_names_is_needed() {
    let configs = read_configs(CONFIG.to_owned()).unwrap();
    let named = |name| {
        configs
            .iter()
            .find(|config| &*config.program.group == name)
            .unwrap()
    };
    let es = named("es_node_a");
    assert_eq!(es.command.as_deref(), Some("sleep 1000"));
    assert_eq!(es.exit_codes, Some(vec![0]));
    assert_eq!(
        (es.in_use, es.autostart, es.redirect_stderr),
        (Some(true), Some(true), Some(true))
    );
    assert_eq!(
        (es.start_retries, es.start_seconds, es.stop_wait_seconds),
        (Some(3), Some(1), Some(10))
    );
    assert_eq!((es.stop_signal, es.directory.as_ref()), (Some(15), None));
    assert_eq!(es.stdout_log.as_deref(), Some("/var/log/supervisor/a.log"));
    assert_eq!(named("搜索").stdout_log, None);

    let old = answer(
        "<array><data><value><struct><member><name>name</name><value><string>a</string></value></member><member>\
         <name>group</name><value><string>g</string></value></member></struct></value></data></array>",
    );
    let [old] = <[ProgramConfig; 1]>::try_from(read_configs(old).unwrap()).unwrap();
    assert_eq!(old.program, ProgramName::new("g", "a"));
    assert_eq!((old.start_retries, old.exit_codes), (None, None));
}

#[test]
fn what_a_release_adds_or_leaves_out_does_no_harm() {
    let process = process_of(&[
        ("name", "a"),
        ("group", "<string>g</string>"),
        ("state", "<i4>77</i4>"),
        ("pid", "<i4>5</i4>"),
        ("logfile", "<string>/var/log/a.log</string>"),
        ("colour", "<string>green</string>"),
        ("nice", "<double>0.5</double>"),
    ])
    .unwrap();
    assert_eq!(process.program, ProgramName::new("g", "a"));
    assert_eq!(process.state, ProcessState::Unrecognised(77));
    assert_eq!((process.pid, process.start, process.stop), (5, 0, 0));
    assert_eq!(process.stdout_log, "/var/log/a.log");
}

#[test]
fn what_the_engine_concludes_from_is_never_made_up() {
    let all = [
        ("name", "<string>a</string>"),
        ("group", "<string>g</string>"),
        ("state", "<int>20</int>"),
        ("pid", "<int>5</int>"),
        ("start", "<int>1</int>"),
    ];
    assert!(process_of(&all).is_ok());
    for missing in 0..4 {
        let mut some = all.to_vec();
        let (name, _) = some.remove(missing);
        let error = process_of(&some).unwrap_err().to_string();
        assert!(error.contains(&format!("has no {name}")), "{error}");
    }
    for (wrong, (name, _)) in all.into_iter().enumerate() {
        let mut some = all.to_vec();
        some[wrong].1 = "<boolean>1</boolean>";
        let error = process_of(&some).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("is a boolean"),
            "{error}"
        );
    }
    let mut some = all.to_vec();
    some[3].1 = "<int>-1</int>";
    assert!(process_of(&some).is_err());
}

#[test]
fn an_answer_that_cannot_be_read_says_why_and_quotes_no_text_of_a_program() {
    let secret = "token=hunter2";
    let broken = answer(&format!("<string>{secret}\u{1b}[0m <b</string>"));
    let error = read_string(broken.clone(), "m").unwrap_err();
    let offset = broken.find('\u{1b}').unwrap();
    assert_eq!(
        error,
        AnswerError::ForbiddenCharacter {
            offset,
            character: 0x1b
        }
    );
    let cut = answer(&format!("<string>{secret}"))
        .split("</value>")
        .next()
        .unwrap()
        .to_owned();
    let errors = [
        (error, "U+001B at byte"),
        (read_string(cut, "m").unwrap_err(), "stops after 84 bytes"),
        (
            read_string(answer(&format!("<string>{secret} <b</string>")), "m").unwrap_err(),
            "ill-formed",
        ),
        (
            read_text([secret.as_bytes(), b"\xff"].concat()).unwrap_err(),
            "not UTF-8 from byte 13",
        ),
        (
            read_string(
                format!("<!DOCTYPE html><title>nginx</title>{}", " ".repeat(60)) + secret,
                "m",
            )
            .unwrap_err(),
            "begins with \"<!DOCTYPE html><title>nginx</title>",
        ),
    ];
    for (error, part) in errors {
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_multicall_is_written_as_supervisord_reads_it() {
    let calls = vec![
        Call::plain("supervisor.getPID"),
        Call {
            method: "supervisor.getProcessInfo",
            params: vec![name_param(&ProgramName::new("搜<索>", "节&点"))],
        },
    ];
    assert_eq!(
        write_multicall(calls).unwrap(),
        "<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>\
         <value><struct><member><name>methodName</name><value><string>supervisor.getPID</string></value></member>\
         <member><name>params</name><value><array><data></data></array></value></member></struct></value>\
         <value><struct><member><name>methodName</name><value><string>supervisor.getProcessInfo</string></value></member>\
         <member><name>params</name><value><array><data><value><string>搜&lt;索&gt;:节&amp;点</string></value></data></array>\
         </value></member></struct></value></data></array></value></param></params></methodCall>"
    );
}

/// The XML library recurses, and refuses beyond a depth of its own.
#[test]
fn nesting_without_end_does_not_fill_the_stack() {
    let open = "<array><data><value>".repeat(200_000);
    assert!(read_array(answer(&open)).is_err());
}

/// As Python 2 hands it out.
#[test]
fn a_log_whose_first_character_is_cut_is_read_all_the_same() {
    let (body, end) = SNAPSHOT.rsplit_once("</data>").unwrap();
    let log = [
        b"<value><string>\x82\xb9\n",
        "2026 INFO 节点".as_bytes(),
        b"</string></value>\n",
    ]
    .concat();
    let body = [body.as_bytes(), &log, b"</data>", end.as_bytes()].concat();
    let (snapshot, log) = read_poll(read_text(body).unwrap(), Some(1024)).unwrap();
    assert_eq!(snapshot.processes.len(), 5);
    let text = log.unwrap().text.unwrap();
    assert!(text.ends_with("\n2026 INFO 节点"), "{text:?}");

    let name_cut = SNAPSHOT.replace("es_node_a", "cut");
    let mut name_cut = name_cut.into_bytes();
    let place = name_cut.windows(3).position(|part| part == b"cut").unwrap();
    name_cut[place] = 0xff;
    let error = read_text(name_cut).unwrap_err();
    assert!(matches!(error, AnswerError::NotUtf8 { .. }), "{error}");
}
