//! The client against real supervisords: 4.2.5 and 4.3.0 of the Python index, and Debian's.

#[cfg(test)]
mod real;

use std::time::Duration;

use real::{PASSWORD, Release, Supervisord, USER};
use supervigil::{
    model::{Process, ProcessState, ProgramName, ServerName},
    supervisord::{
        CallError, Client, Credentials, Endpoint, FaultCode, LogStream, ServerState, Settings,
    },
};

/// `startsecs=0` makes programs RUNNING at once.
const PROGRAMS: &str = "
[program:es_node_a]
command=sleep 1000
startsecs=0
stdout_logfile=%(here)s/es.log
redirect_stderr=true
[program:quit]
command=sh -c 'printf \"\\033[31mred\\033[0m <b>&\" >&2; exit 3'
startsecs=0
autorestart=false
stderr_logfile=%(here)s/quit.err
[program:gone]
command=/nonexistent/command
startretries=0
[program:idle]
command=sleep 1000
startsecs=0
autostart=false
[group:搜索]
programs=节点
[program:节点]
command=sleep 1000
startsecs=0
autostart=false
";

fn client(endpoint: Endpoint) -> Client {
    with_password(endpoint, PASSWORD)
}

fn with_password(endpoint: Endpoint, password: &str) -> Client {
    Client::new(&Settings {
        name: ServerName::new("main"),
        endpoint,
        credentials: Some(Credentials {
            username: USER.into(),
            password: password.to_owned().into(),
        }),
        poll_interval: Duration::from_secs(5),
        timeout: Duration::from_secs(20),
        max_load: 0.02,
        follow_log: false,
        watch_pids: false,
    })
}

/// A program once it is in a state.
#[cfg(test)]
async fn once(client: &Client, program: &ProgramName, state: ProcessState) -> Process {
    real::eventually(async || {
        let process = client.process(program).await.unwrap();
        (process.state == state).then_some(process)
    })
    .await
}

/// The same acceptance for every release and both ways in.
#[cfg(test)]
async fn serves(release: Release) {
    let supervisord = Supervisord::start(release, PROGRAMS);
    let quit = ProgramName::new("quit", "quit");
    let gone = ProgramName::new("gone", "gone");
    for endpoint in [supervisord.unix(), supervisord.tcp()] {
        let client = client(endpoint);
        once(&client, &quit, ProcessState::Exited).await;
        once(&client, &gone, ProcessState::Fatal).await;
        shows_itself(&client, &supervisord).await;
        shows_its_programs(&client).await;
        shows_logs_and_configuration(&client, &supervisord).await;
        starts_and_stops(&client).await;
    }
}

#[cfg(test)]
async fn shows_itself(client: &Client, supervisord: &Supervisord) {
    let identity = client.snapshot().await.unwrap().identity;
    assert_eq!(identity.pid, supervisord.pid());
    assert_eq!(identity.identification, "主机");
    assert_eq!(identity.version, supervisord.version());
    assert_eq!(identity.api_version, "3.0");
    assert_eq!(client.pid().await.unwrap(), identity.pid);
    assert_eq!(
        client.identification().await.unwrap(),
        identity.identification
    );
    assert_eq!(client.version().await.unwrap(), identity.version);
    assert_eq!(client.api_version().await.unwrap(), identity.api_version);
    assert_eq!(client.state().await.unwrap(), ServerState::Running);
}

#[cfg(test)]
async fn shows_its_programs(client: &Client) {
    let processes = client.snapshot().await.unwrap().processes;
    let states: Vec<_> = processes
        .iter()
        .map(|process| (process.program.full(), process.state))
        .collect();
    assert_eq!(
        states,
        [
            ("es_node_a:es_node_a".to_owned(), ProcessState::Running),
            ("gone:gone".to_owned(), ProcessState::Fatal),
            ("idle:idle".to_owned(), ProcessState::Stopped),
            ("quit:quit".to_owned(), ProcessState::Exited),
            ("搜索:节点".to_owned(), ProcessState::Stopped),
        ]
    );
    let [es, gone, _, quit, _] = <[Process; 5]>::try_from(processes).unwrap();
    assert!(es.pid > 1 && es.start > 1_700_000_000 && es.now >= es.start);
    assert!(es.stdout_log.ends_with("/es.log") && es.stderr_log.is_empty());
    assert!(
        gone.spawn_error.contains("/nonexistent/command"),
        "{gone:?}"
    );
    assert_eq!(quit.exit_status, 3);
    assert_eq!(quit.spawn_error, "Bad exit code 3");

    let asked = [quit.program.clone(), ProgramName::new("no", "such")];
    let look = client.look(&asked, Some(1024)).await.unwrap();
    assert_eq!(look.supervisord, client.pid().await.unwrap());
    let [(found, there), (missing, nothing)] = <[_; 2]>::try_from(look.programs).unwrap();
    assert_eq!([found, missing], asked);
    assert_eq!(there.unwrap().stop, quit.stop);
    assert_eq!(nothing, None);
    assert_eq!(client.look(&[], None).await.unwrap().programs, []);
}

#[cfg(test)]
async fn shows_logs_and_configuration(client: &Client, supervisord: &Supervisord) {
    let quit = ProgramName::new("quit", "quit");
    let tail = client.log_tail(&quit, LogStream::Stderr, 1000).await;
    let tail = tail.unwrap();
    assert_eq!(tail.text, "\u{1b}[31mred\u{1b}[0m <b>&");
    assert!(!tail.is_cut);
    let tail = client.log_tail(&quit, LogStream::Stderr, 3).await.unwrap();
    assert_eq!((tail.text.as_str(), tail.is_cut), ("b>&", true));
    let tail = client.log_tail(&quit, LogStream::Stdout, 0).await.unwrap();
    assert_eq!(tail.text, "");

    let log = "日志：磁盘已满\n";
    supervisord.write_log("quit.err", log.as_bytes());
    for bytes in 19..40 {
        let tail = client.log_tail(&quit, LogStream::Stderr, bytes).await;
        let begin = log.len().saturating_sub(usize::try_from(bytes).unwrap());
        let whole_characters = (begin..).find_map(|begin| log.get(begin..));
        assert_eq!(Some(tail.unwrap().text.as_str()), whole_characters);
    }
    let mut mixed = b"\xb4\xed\xce\xf3 in GBK\nnode failed to start, giving up\n".to_vec();
    supervisord.write_log("quit.err", &mixed);
    let tail = client.log_tail(&quit, LogStream::Stderr, 1000).await;
    assert!(tail.unwrap().text.ends_with("giving up\n"));
    mixed.extend(b"\xb4\xed");
    supervisord.write_log("quit.err", &mixed);
    let error = client.log_tail(&quit, LogStream::Stderr, 1000).await;
    assert_eq!(error.unwrap_err().fault().unwrap().code, FaultCode::Failed);
    assert!(!supervisord.main_log().contains("Traceback"));
    supervisord.write_log("quit.err", b"\x1b[31mred\x1b[0m <b>&");

    let configs = client.all_config_info().await.unwrap();
    let es = configs
        .iter()
        .find(|config| &*config.program.name == "es_node_a");
    let es = es.unwrap();
    assert_eq!(es.command.as_deref(), Some("sleep 1000"));
    assert_eq!((es.start_seconds, es.start_retries), (Some(0), Some(3)));
    assert_eq!(es.redirect_stderr, Some(true));
    assert_eq!(configs.len(), 5);
}

#[cfg(test)]
async fn starts_and_stops(client: &Client) {
    let fault = |done: Result<(), CallError>| done.unwrap_err().fault().unwrap().code;
    let node = ProgramName::new("搜索", "节点");
    client.start(&node).await.unwrap();
    let running = once(client, &node, ProcessState::Running).await;
    assert_ne!(running.pid, 0);
    assert_eq!(fault(client.start(&node).await), FaultCode::AlreadyStarted);
    client.stop(&node).await.unwrap();
    let stopped = once(client, &node, ProcessState::Stopped).await;
    assert_eq!((stopped.pid, stopped.exit_status), (0, -1));
    assert_eq!(fault(client.stop(&node).await), FaultCode::NotRunning);

    let gone = ProgramName::new("gone", "gone");
    assert_eq!(fault(client.start(&gone).await), FaultCode::NoFile);
    let no_such = ProgramName::new("no", "such");
    assert_eq!(fault(client.start(&no_such).await), FaultCode::BadName);
}

#[tokio::test]
async fn supervisord_4_2_5() {
    serves(Release::V425).await;
}

#[tokio::test]
async fn supervisord_4_3_0() {
    serves(Release::V430).await;
}

#[tokio::test]
async fn supervisord_of_debian() {
    serves(Release::Debian).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let supervisord = Supervisord::start(Release::V430, PROGRAMS);
    for endpoint in [supervisord.unix(), supervisord.tcp()] {
        let error = with_password(endpoint, "wrong")
            .snapshot()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "auth", "{error}");
    }
}

#[tokio::test]
async fn a_supervisord_without_its_rpc_interface() {
    let supervisord = Supervisord::start_without_rpc_interface(Release::V430, PROGRAMS);
    let client = client(supervisord.unix());
    for error in [
        client.snapshot().await.unwrap_err(),
        client.pid().await.unwrap_err(),
    ] {
        assert!(matches!(error, CallError::NoRpcInterface { .. }), "{error}");
    }
}

/// A stop takes long here, as the program ignores the signal, so the shutdown can be seen.
#[tokio::test]
async fn a_supervisord_that_shuts_down_and_one_that_is_gone() {
    let programs = "
[program:stubborn]
command=bash -c 'trap \"\" TERM; touch %(here)s/up; while true; do sleep 1; done'
stopwaitsecs=3
startsecs=0
";
    let supervisord = Supervisord::start(Release::V430, programs);
    let client = client(supervisord.unix());
    real::eventually(async || supervisord.has_file("up").then_some(())).await;
    client.snapshot().await.unwrap();
    supervisord.terminate();
    let error = real::eventually(async || client.snapshot().await.err()).await;
    assert_eq!(error.kind(), "shutdown", "{error}");
    let error = real::eventually(async || {
        let error = client.snapshot().await.unwrap_err();
        (error.kind() != "shutdown").then_some(error)
    })
    .await;
    assert_eq!(error.kind(), "connect", "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_restart_is_survived_by_the_same_client() {
    let supervisord = Supervisord::start(Release::V425, PROGRAMS);
    let client = client(supervisord.unix());
    let before = client.snapshot().await.unwrap().identity.pid;
    let supervisord = supervisord.restart();
    let after = client.snapshot().await.unwrap().identity.pid;
    assert_ne!(before, after);
    assert_eq!(after, supervisord.pid());
}
