//! A real Prometheus that scrapes a real supervigil.

use super::stage::{Script, Stage, on_demand};
use crate::support::{
    prometheus::{Prometheus, is_wanted},
    wait::{PATIENCE, wait_for, wait_until},
};

#[test]
fn prometheus_reads_everything_and_finds_the_incident_by_its_exemplar() {
    if !is_wanted() {
        return;
    }
    let stage = Stage::set(Script {
        programs: &on_demand("broken", "exit 3 0", &[]),
        more: "[retry]\non = [\"FATAL\"]\nbackoff = \"100ms\"\nmax_attempts = 1\n",
        ..Script::default()
    });
    let prometheus = Prometheus::scraping(&stage.supervigil.address());
    let value = |query: &str| {
        let series = prometheus.query(query);
        let only = series.first()?["value"][1].as_str()?;
        only.parse::<f64>().ok()
    };
    wait_until(PATIENCE, "the first scrape", || {
        value("supervisord_process_exits_total{name=\"broken\",expected=\"false\",kind=\"code\"}")
            == Some(0.0)
    });
    stage.start("broken");
    let incident = stage.supervigil.wait_for_incident("broken", "fatal");
    wait_until(PATIENCE, "the retry to be counted", || {
        value("sum(supervigil_retry_attempts_total{name=\"broken\"})") == Some(1.0)
    });
    let increase =
        "sum(increase(supervisord_process_exits_total{name=\"broken\",expected=\"false\"}[5m]))";
    wait_until(PATIENCE, "an increase", || {
        value(increase).is_some_and(|increase| increase > 0.0)
    });
    for counter in [
        "supervisord_process_exits_total",
        "supervigil_retry_attempts_total",
    ] {
        let path = format!(
            "/api/v1/query_exemplars?query={counter}&start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
        );
        let exemplar = wait_for(PATIENCE, &format!("an exemplar of {counter}"), || {
            let found = prometheus.api(&path);
            let exemplar = found.get(0)?["exemplars"].get(0)?;
            Some(exemplar["labels"]["incident"].clone())
        });
        assert_eq!(exemplar, incident["id"], "{counter}");
    }
    let targets = prometheus.api("/api/v1/targets");
    let target = &targets["activeTargets"][0];
    assert_eq!(target["health"], "up", "{target}");
    assert_eq!(target["lastError"], "", "{target}");
}
