//! The two text formats beside each other.

use std::{collections::BTreeSet, path::Path, process::Stdio};

use super::*;

/// Every series with its value, without exemplars; what passes meanwhile is no difference.
fn series(exposition: &str) -> BTreeSet<String> {
    let lines = exposition.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| !line.starts_with("process_"))
        .map(|line| line.split(" # ").next().unwrap_or_default().to_owned())
        .collect()
}

fn both() -> (String, String) {
    let rig = rig(SETTINGS, picture::of_everything());
    rig.everything_happens();
    (
        rig.metrics.exposition(ExpositionFormat::Text),
        rig.metrics.exposition(ExpositionFormat::OpenMetrics),
    )
}

#[test]
fn both_formats_have_the_same_series() {
    let (text, open_metrics) = both();
    assert!(series(&text).len() > 100);
    assert_eq!(series(&open_metrics), series(&text));
}

#[test]
fn open_metrics_names_counters_and_units_in_its_own_way_and_ends_with_a_mark() {
    let (text, open_metrics) = both();
    for line in [
        "# TYPE supervisord_process_exits counter",
        "# TYPE supervisord_up gauge",
        "# UNIT supervisord_rpc_duration_seconds seconds",
        "# UNIT process_resident_memory_bytes bytes",
        "# UNIT process_cpu_seconds seconds",
    ] {
        assert!(open_metrics.lines().any(|found| found == line), "{line}");
    }
    assert!(open_metrics.contains("for \\\"store\\\", changes that wait"));
    assert!(text.contains("for \"store\", changes that wait"));
    assert!(open_metrics.ends_with("\n# EOF\n"));
    assert_eq!(open_metrics.matches("# EOF").count(), 1);
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
}

#[test]
fn ends_and_retries_have_the_incident_that_they_belong_to() {
    let published = with_main(|server| {
        for process in &mut server.processes {
            process.counters.exits.unexpected_code = 3;
        }
    });
    let rig = rig(SETTINGS, published);
    rig.everything_happens();
    let text = rig.metrics.exposition(ExpositionFormat::Text);
    let open_metrics = rig.metrics.exposition(ExpositionFormat::OpenMetrics);
    let exemplars: Vec<&str> = open_metrics
        .lines()
        .filter(|it| it.contains(" # "))
        .collect();
    assert_eq!(
        exemplars,
        [
            "supervigil_retry_attempts_total{group=\"es\",name=\"es_node_b\",outcome=\"failed\",\
             server=\"main\"} 1 # {incident=\"01JD0000000000000000000001\"} 1 1795412478.123",
            "supervisord_process_exits_total{server=\"main\",group=\"es\",name=\"es_node_b\",\
             expected=\"false\",kind=\"code\"} 3 # {incident=\"01JD0000000000000000000001\"} 1 1795412474.123",
        ]
    );
    assert!(!text.contains("incident=\""));
}

/// Python's own parsers, which are stricter than Prometheus.
#[test]
fn pythons_parsers_read_both() {
    let python =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".venvs/prometheus-client-0.26.0/bin/python3");
    if !python.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "Python's prometheus_client is not there: run tests/setup prometheus-client"
        );
        return;
    }
    let (text, open_metrics) = both();
    for (parser, exposition) in [("", &text), (".openmetrics", &open_metrics)] {
        let script = format!(
            "import sys\n\
             from prometheus_client{}.parser import text_string_to_metric_families as read\n\
             print(sum(len(family.samples) for family in read(sys.stdin.read())))",
            if parser.is_empty() { "" } else { parser }
        );
        let mut child = Command::new(&python)
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(exposition.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let samples = exposition.lines().filter(|line| !line.starts_with('#'));
        let read = String::from_utf8_lossy(&output.stdout);
        assert_eq!(read.trim(), samples.count().to_string());
    }
}
