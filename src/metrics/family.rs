//! How a metric of the published picture is declared, and filled.
//!
//! A declaration carries its label names in its type's length, so that a series with a label too few
//! or too many does not compile.

use std::collections::HashMap;

use prometheus::{
    core::Desc,
    proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType},
};

/// One metric with `N` labels.
#[derive(Debug)]
pub(super) struct Declared<const N: usize> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    labels: [&'static str; N],
}

impl<const N: usize> Declared<N> {
    /// A value that goes up and down.
    pub(super) const fn gauge(
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            help,
            kind: MetricType::GAUGE,
            labels,
        }
    }

    /// A value that only rises.
    pub(super) const fn counter(
        name: &'static str,
        labels: [&'static str; N],
        help: &'static str,
    ) -> Self {
        Self {
            name,
            help,
            kind: MetricType::COUNTER,
            labels,
        }
    }

    /// The declaration as the registry wants it.
    pub(super) fn desc(&self) -> Result<Desc, prometheus::Error> {
        Desc::new(
            self.name.to_owned(),
            self.help.to_owned(),
            self.labels.map(str::to_owned).to_vec(),
            HashMap::new(),
        )
    }

    /// The metric with all of its series.
    #[expect(
        single_use_lifetimes,
        reason = "an anonymous lifetime within `impl Trait` is not stable"
    )]
    pub(super) fn with<'a>(
        &self,
        series: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(
            series
                .into_iter()
                .map(|(values, value)| self.metric(values, value))
                .collect(),
        );
        family
    }

    fn metric(&self, values: [&str; N], value: f64) -> Metric {
        let labels = self.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value(value.to_owned());
            pair
        });
        let mut metric = Metric::from_label(labels.collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    }
}

/// 1 for true, 0 for false.
pub(super) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A count as Prometheus takes it.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "Prometheus has floating point numbers only, exact up to 2^53"
)]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// As [`number`], for a length.
pub(super) fn length(count: usize) -> f64 {
    number(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A time in seconds since the epoch.
pub(super) fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
