//! What `/metrics` exposes, from a picture made by hand: names, types and labels to the letter.

#[path = "metrics/formats.rs"]
mod formats;
mod picture;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use supervigil::{
    metrics::{Metrics, POLL_RESULTS, RETRY_OUTCOMES, Settings},
    model::{
        ExpositionFormat, IncidentId, Outcome, ProcessState, ProgramKey, ProgramName, Published,
        SeenBy, ServerName, ServerView,
    },
};
use tokio::sync::watch;

/// Every family with its type and labels, as the contract has them, and nothing else.
const CONTRACT: &str = "
supervisord_up                                          gauge     server
supervisord_instance_info                               gauge     api_version identification server version
supervisord_start_time_seconds                          gauge     server
supervisord_restarts_total                              counter   server
supervisord_processes                                   gauge     server state
supervisord_last_poll_success_timestamp_seconds         gauge     server
supervisord_poll_interval_seconds                       gauge     server
supervisord_polls_total                                 counter   result server
supervisord_rpc_duration_seconds                        histogram method server
supervigil_hint_feed_up                                 gauge     feed server
supervigil_series_dropped                               gauge     server
supervisord_process_state                               gauge     group name server state
supervisord_process_up                                  gauge     group name server
supervisord_process_expected_up                         gauge     group name server
supervisord_process_start_time_seconds                  gauge     group name server
supervisord_process_state_since_timestamp_seconds       gauge     group name server
supervisord_process_last_exit_status                    gauge     group name server
supervisord_process_starts_total                        counter   group name server
supervisord_process_exits_total                         counter   expected group kind name server
supervisord_process_transitions_total                   counter   group name server to
supervisord_process_missed_by_poll_total                counter   group name server
supervisord_process_crash_looping                       gauge     group name server
supervigil_detection_latency_seconds                    histogram seen_by
supervigil_retry_attempts_total                         counter   group name outcome server
supervigil_retry_skipped_total                          counter   group name reason server
supervigil_retry_exhausted                              gauge     group name server
supervigil_retry_next_timestamp_seconds                 gauge     group name server
supervigil_recovery_duration_seconds                    histogram outcome
supervigil_incidents_open                               gauge     kind severity
supervigil_notices_sent_total                           counter   channel
supervigil_notices_failed_total                         counter   channel reason
supervigil_notices_suppressed_total                     counter   reason
supervigil_notices_dropped_total                        counter   channel reason
supervigil_notice_latency_seconds                       histogram channel
supervigil_outbox_length                                gauge     channel
supervigil_outbox_capacity                              gauge     channel
supervigil_outbox_oldest_timestamp_seconds              gauge     channel
supervigil_channel_up                                   gauge     channel
supervigil_channel_frozen_until_timestamp_seconds       gauge     channel
supervigil_channel_last_success_timestamp_seconds       gauge     channel
supervigil_build_info                                   gauge     version
supervigil_config_last_reload_successful                gauge
supervigil_config_last_reload_success_timestamp_seconds gauge
supervigil_http_requests_total                          counter   code path
process_cpu_seconds_total                               counter
process_resident_memory_bytes                           gauge
process_virtual_memory_bytes                            gauge
process_open_fds                                        gauge
process_max_fds                                         gauge
process_start_time_seconds                              gauge
process_threads                                         gauge
";

/// Stands in for `supervisord_process_state` in compact mode.
const COMPACT: &str = "supervisord_process_state_code";

const SETTINGS: Settings = Settings {
    compact_state: false,
    max_processes: 5000,
};

/// Metrics over a picture that can be changed.
struct Rig {
    metrics: Metrics,
    published: watch::Sender<Arc<Published>>,
}

#[expect(clippy::unwrap_used, reason = "a test may die of it")]
fn rig(settings: Settings, published: Published) -> Rig {
    let (sender, receiver) = watch::channel(Arc::new(published));
    Rig {
        metrics: Metrics::new(settings, receiver, Arc::new(|| picture::MOMENT)).unwrap(),
        published: sender,
    }
}

impl Rig {
    /// One of each event.
    fn everything_happens(&self) {
        let events = self.metrics.events();
        let server = ServerName::new("main");
        let program = ProgramKey::new(&server, &ProgramName::new("es", "es_node_b"));
        events.polled(&server, "success");
        events.called(&server, "getAllProcessInfo", Duration::from_millis(3));
        events.detected(SeenBy::Poll, Duration::from_millis(700));
        let incident = IncidentId("01JD0000000000000000000001".to_owned());
        events.retry_attempted(&program, "failed", Some(&incident), picture::NOW);
        events.retry_skipped(&program, "backoff");
        events.incident_closed(Outcome::Recovered, Duration::from_secs(90));
        events.notice_sent("ops", Duration::from_millis(1250));
        events.notice_failed("备用", "rate_limited");
        events.notice_suppressed("inhibited");
        events.notice_dropped("备用", "expired");
        events.http_served("/metrics", 200);
    }

    /// The lines of the exposition that are series, of the families whose names begin so.
    fn series(&self, prefix: &str) -> Vec<String> {
        self.metrics
            .exposition(ExpositionFormat::Text)
            .lines()
            .filter(|line| line.starts_with(prefix))
            .map(str::to_owned)
            .collect()
    }

    fn has(&self, line: &str) -> bool {
        self.metrics
            .exposition(ExpositionFormat::Text)
            .lines()
            .any(|found| found == line)
    }
}

fn with_main(change: impl FnOnce(&mut ServerView)) -> Published {
    let mut server = picture::main();
    change(&mut server);
    Published {
        servers: vec![Arc::new(server)],
        ..picture::of_everything()
    }
}

/// Family -> (type, labels of its series but `le`), in the form of [`CONTRACT`].
fn families(exposition: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut families = BTreeMap::new();
    let mut current = (String::new(), String::new());
    for line in exposition.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or_default();
            current = (name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap_or_default();
            let (_, labels) = series.split_once('{').unwrap_or_default();
            let mut names: Vec<&str> = labels
                .split("=\"")
                .filter_map(|piece| piece.rsplit(['{', ',']).next())
                .filter(|name| {
                    name.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                })
                .filter(|name| !name.is_empty() && *name != "le")
                .collect();
            names.sort_unstable();
            families
                .entry(current.0.clone())
                .or_insert_with(|| (current.1.clone(), BTreeSet::new()))
                .1
                .insert(names.join(" "));
        }
    }
    families
}

fn contract() -> BTreeMap<String, (String, BTreeSet<String>)> {
    CONTRACT
        .lines()
        .filter(|line| !line.is_empty())
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (name, kind) = (words.next()?, words.next()?);
            let labels = words.collect::<Vec<_>>().join(" ");
            Some((name, (kind, BTreeSet::from([labels]))))
        })
        .collect()
}

#[test]
fn exactly_the_contract_is_exposed() {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    assert_eq!(
        families(&rig.metrics.exposition(ExpositionFormat::Text)),
        contract()
    );
}

#[test]
fn the_whole_exposition_reads_as_it_should() {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    let exposition: String = rig
        .metrics
        .exposition(ExpositionFormat::Text)
        .lines()
        .filter(|line| !line.starts_with("process_"))
        .map(|line| line.replace(env!("CARGO_PKG_VERSION"), "VERSION") + "\n")
        .collect();
    insta::assert_snapshot!(exposition);
}

#[test]
fn no_series_is_there_twice() {
    let rig = rig(SETTINGS, picture::of_programs(200));
    rig.everything_happens();
    let exposition = rig.metrics.exposition(ExpositionFormat::Text);
    let series: Vec<&str> = exposition
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect();
    let unique: BTreeSet<&str> = series.iter().copied().collect();
    assert!(series.len() > 200 * 20);
    assert_eq!(unique.len(), series.len());
}

#[test]
fn promtool_finds_nothing_wrong() {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        assert!(
            std::env::var_os("CI").is_none(),
            "promtool is not installed (Debian's package prometheus has it)"
        );
        return;
    };
    let exposition = rig.metrics.exposition(ExpositionFormat::Text);
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(exposition.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "");
}

#[test]
fn names_are_escaped_and_nothing_breaks_out_of_a_label() {
    let rig = rig(SETTINGS, picture::of_everything());
    assert!(rig.has(
        "supervisord_process_up{server=\"main\",group=\"组\",\
         name=\"数据\\\"节点\\\\n<script>alert(1)</script>\\n&\"} 1"
    ));
}

#[test]
fn counters_of_all_that_may_happen_begin_at_zero() {
    let rig = rig(SETTINGS, picture::of_everything());
    for result in POLL_RESULTS {
        assert!(rig.has(&format!(
            "supervisord_polls_total{{result=\"{result}\",server=\"edge\"}} 0"
        )));
    }
    for outcome in RETRY_OUTCOMES {
        assert!(rig.has(&format!(
            "supervigil_retry_attempts_total{{group=\"es\",name=\"es_node_b\",outcome=\"{outcome}\",server=\"main\"}} 0"
        )));
    }
    assert!(rig.has("supervigil_notices_sent_total{channel=\"备用\"} 0"));
    assert_eq!(
        rig.series("supervisord_process_exits_total{server=\"edge\"")
            .len(),
        6
    );
    assert_eq!(
        rig.series("supervisord_process_transitions_total{server=\"edge\"")
            .len(),
        8
    );
    assert_eq!(rig.series("supervigil_incidents_open").len(), 18);
}

#[test]
fn a_supervisord_that_went_silent_is_down_at_once_and_its_programs_gauges_go_after_three_intervals()
{
    let silent_for = |seconds| {
        rig(
            SETTINGS,
            with_main(|server| {
                server.up = false;
                server.last_success_at = Some(picture::ago(seconds));
            }),
        )
    };
    for (seconds, gauges) in [(1, true), (15, true), (16, false)] {
        let rig = silent_for(seconds);
        assert!(rig.has("supervisord_up{server=\"main\"} 0"));
        for family in [
            "supervisord_processes{",
            "supervisord_process_state{",
            "supervisord_process_up{",
        ] {
            assert_eq!(
                !rig.series(family).is_empty(),
                gauges,
                "{family} after {seconds} s"
            );
        }
        assert_eq!(rig.series("supervisord_process_starts_total{").len(), 6);
        assert_eq!(rig.series("supervigil_retry_exhausted{").len(), 2);
    }
}

#[test]
fn compact_mode_has_one_code_in_place_of_the_state_set() {
    let rig = rig(
        Settings {
            compact_state: true,
            ..SETTINGS
        },
        picture::of_everything(),
    );
    rig.everything_happens();
    let mut expected = contract();
    let mut state = expected.remove("supervisord_process_state").unwrap();
    state.1 = BTreeSet::from(["group name server".to_owned()]);
    expected.insert(COMPACT.to_owned(), state);
    assert_eq!(
        families(&rig.metrics.exposition(ExpositionFormat::Text)),
        expected
    );
    assert!(rig.has(
        "supervisord_process_state_code{server=\"main\",group=\"es\",name=\"es_node_b\"} 200"
    ));
    assert!(
        rig.has("supervisord_process_state_code{server=\"main\",group=\"odd\",name=\"odd\"} 55")
    );
}

#[test]
fn beyond_the_cap_no_program_has_series_of_any_kind() {
    let rig = rig(
        Settings {
            max_processes: 1,
            ..SETTINGS
        },
        picture::of_everything(),
    );
    rig.everything_happens();
    assert!(rig.has("supervigil_series_dropped{server=\"main\"} 5"));
    assert!(rig.has("supervigil_series_dropped{server=\"edge\"} 0"));
    assert!(
        !rig.metrics
            .exposition(ExpositionFormat::Text)
            .contains("es_node_b")
    );
    assert!(
        rig.metrics
            .exposition(ExpositionFormat::Text)
            .contains("es_node_a")
    );
    assert!(rig.has("supervisord_processes{server=\"main\",state=\"FATAL\"} 1"));
}

#[test]
fn what_is_removed_takes_its_series_along() {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    assert!(
        rig.metrics
            .exposition(ExpositionFormat::Text)
            .contains("es_node_b")
    );
    rig.published.send_modify(|published| {
        let mut less = with_main(|server| {
            server
                .processes
                .retain(|process| &*process.program.name != "es_node_b");
        });
        less.channels.pop();
        *published = Arc::new(less);
    });
    let exposition = rig.metrics.exposition(ExpositionFormat::Text);
    assert!(!exposition.contains("es_node_b"));
    assert!(!exposition.contains("edge"));
    assert!(!exposition.contains("备用"));
    assert!(rig.has("supervisord_polls_total{result=\"success\",server=\"main\"} 1"));
    assert!(rig.has("supervigil_notices_sent_total{channel=\"ops\"} 1"));
}

#[test]
fn an_exit_status_is_shown_only_where_it_means_something() {
    let statuses = |state| {
        let shown = rig(
            SETTINGS,
            with_main(|server| {
                for process in &mut server.processes {
                    process.state = state;
                }
            }),
        );
        shown.series("supervisord_process_last_exit_status{").len()
    };
    for state in ProcessState::KNOWN {
        let expected = match state {
            ProcessState::Exited | ProcessState::Stopped => 2,
            ProcessState::Starting
            | ProcessState::Running
            | ProcessState::Backoff
            | ProcessState::Stopping
            | ProcessState::Fatal
            | ProcessState::Unknown
            | ProcessState::Unrecognised(_) => 0,
        };
        assert_eq!(statuses(state), expected, "{state}");
    }
    let rig = rig(SETTINGS, picture::of_everything());
    assert!(rig.has(
        "supervisord_process_last_exit_status{server=\"main\",group=\"kibana\",name=\"kibana\"} 137"
    ));
}

#[test]
fn buckets_are_written_with_a_decimal_point() {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    assert!(rig.has("supervigil_notice_latency_seconds_bucket{channel=\"ops\",le=\"1.0\"} 0"));
    assert!(rig.has("supervigil_notice_latency_seconds_bucket{channel=\"ops\",le=\"2.5\"} 1"));
    assert!(rig.has("supervigil_notice_latency_seconds_bucket{channel=\"ops\",le=\"+Inf\"} 1"));
    assert!(rig.has("supervigil_notice_latency_seconds_sum{channel=\"ops\"} 1.25"));
}

#[test]
fn the_own_process_is_measured() {
    let rig = rig(SETTINGS, picture::of_everything());
    let value = |name: &str| -> f64 {
        let series = rig.series(name);
        series[0].rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes ") > 1e6);
    assert!(value("process_open_fds ") >= 3.0);
    assert!(value("process_threads ") >= 1.0);
    assert!(value("process_start_time_seconds ") > 1.6e9);
}
