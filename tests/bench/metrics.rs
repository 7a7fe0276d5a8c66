//! How long one scrape of `/metrics` takes, by the number of programs.

#[path = "../picture/mod.rs"]
mod picture;

use std::{hint::black_box, sync::Arc};

use supervigil::{
    metrics::{Metrics, Settings},
    model::ExpositionFormat,
};
use tokio::{sync::watch, time::Instant};

/// Scrapes of each size; the quickest is the one that the machine disturbed least.
const SCRAPES: usize = 50;

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn main() -> Result<(), supervigil::metrics::MetricsError> {
    let settings = Settings {
        compact_state: false,
        max_processes: 5000,
    };
    for programs in [200, 1000, 5000] {
        let (_sender, published) = watch::channel(Arc::new(picture::of_programs(programs)));
        let metrics = Metrics::new(settings, published, Arc::new(|| picture::MOMENT))?;
        let text = metrics.exposition(ExpositionFormat::Text);
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let quickest = (0..SCRAPES).map(|_| scrape(&metrics)).min();
        println!(
            "{programs} programs: {series} series, {} KiB, {:?}",
            text.len() / 1024,
            quickest.unwrap_or_default()
        );
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures, it has nobody to take the time from"
)]
fn scrape(metrics: &Metrics) -> std::time::Duration {
    let start = Instant::now();
    black_box(metrics.exposition(ExpositionFormat::Text));
    start.elapsed()
}
