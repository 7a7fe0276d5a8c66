//! The two text formats: Prometheus' 0.0.4, by the page "Exposition formats" of its documentation, and
//! OpenMetrics 1.0, by its specification.
//!
//! Own, because the `le` of a bucket is to be written as `1.0` in both: Prometheus would take `1` and
//! `1.0` for two series. OpenMetrics leaves `_total` out of a counter's metadata, names units, escapes
//! quotes in helps, may give exemplars, and ends with a mark.

use std::fmt::{self, Write as _};

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::Exemplars;
use crate::model::ExpositionFormat as Format;

/// The units that a name may end in, which are those of OpenMetrics.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// What ends OpenMetrics, so that a half one is known for what it is.
pub(super) const END: &str = "# EOF\n";

/// Adds a family in the format; one without series is left out.
pub(super) fn write(
    text: &mut String,
    family: &MetricFamily,
    format: Format,
    exemplars: &Exemplars<'_>,
) {
    if !family.get_metric().is_empty() {
        // Writing to a string does not fail.
        let _done = match format {
            Format::Text => write_family(text, family, format, None),
            Format::OpenMetrics => write_family(text, family, format, Some(exemplars)),
        };
    }
}

fn write_family(
    f: &mut String,
    family: &MetricFamily,
    format: Format,
    exemplars: Option<&Exemplars<'_>>,
) -> fmt::Result {
    write_metadata(f, family, format)?;
    let name = family.name();
    for metric in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => {
                let value = metric.get_counter().get_value();
                write_series(f, name, metric, value)?;
                if let Some(exemplars) = exemplars.filter(|_| value > 0.0) {
                    exemplars.write(f, name, metric.get_label())?;
                }
                f.write_str("\n")?;
            }
            MetricType::GAUGE => {
                write_series(f, name, metric, metric.get_gauge().get_value())?;
                f.write_str("\n")?;
            }
            MetricType::HISTOGRAM => write_histogram(f, name, metric)?,
            // Nothing here declares one, and a test guards that.
            MetricType::SUMMARY | MetricType::UNTYPED => {}
        }
    }
    Ok(())
}

fn write_metadata(f: &mut String, family: &MetricFamily, format: Format) -> fmt::Result {
    let (name, unit) = match format {
        Format::Text => (family.name(), None),
        Format::OpenMetrics => {
            let name = family.name();
            let name = name.strip_suffix("_total").unwrap_or(name);
            let is_of = |unit: &&str| {
                name.strip_suffix(unit)
                    .is_some_and(|rest| rest.ends_with('_'))
            };
            (name, UNITS.into_iter().find(is_of))
        }
    };
    f.write_str("# HELP ")?;
    f.write_str(name)?;
    f.write_str(" ")?;
    let escapes = [('\\', "\\\\"), ('\n', "\\n"), ('"', "\\\"")];
    let escapes = match format {
        Format::Text => escapes.get(..2).unwrap_or_default(),
        Format::OpenMetrics => &escapes,
    };
    write_escaped(f, family.help(), escapes)?;
    f.write_str("\n# TYPE ")?;
    f.write_str(name)?;
    f.write_str(match family.get_field_type() {
        MetricType::COUNTER => " counter\n",
        MetricType::GAUGE => " gauge\n",
        MetricType::HISTOGRAM => " histogram\n",
        MetricType::SUMMARY => " summary\n",
        MetricType::UNTYPED => " untyped\n",
    })?;
    match unit {
        Some(unit) => writeln!(f, "# UNIT {name} {unit}"),
        None => Ok(()),
    }
}

/// A series and its value, without the line's end.
fn write_series(f: &mut String, name: &str, metric: &Metric, value: f64) -> fmt::Result {
    f.write_str(name)?;
    write_labels(f, metric.get_label(), None)?;
    write_value(f, value)
}

fn write_histogram(f: &mut String, name: &str, metric: &Metric) -> fmt::Result {
    let labels = metric.get_label();
    let histogram: &Histogram = metric.get_histogram();
    let buckets = histogram
        .get_bucket()
        .iter()
        .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
        .filter(|(bound, _)| bound.is_finite())
        .chain([(f64::INFINITY, histogram.get_sample_count())]);
    for (bound, count) in buckets {
        write!(f, "{name}_bucket")?;
        write_labels(f, labels, Some(bound))?;
        writeln!(f, " {count}")?;
    }
    write!(f, "{name}_sum")?;
    write_labels(f, labels, None)?;
    write_value(f, histogram.get_sample_sum())?;
    write!(f, "\n{name}_count")?;
    write_labels(f, labels, None)?;
    writeln!(f, " {}", histogram.get_sample_count())
}

fn write_labels(f: &mut String, labels: &[LabelPair], bound: Option<f64>) -> fmt::Result {
    let mut before = "{";
    for label in labels {
        f.write_str(before)?;
        f.write_str(label.name())?;
        f.write_str("=\"")?;
        let escapes = [('\\', "\\\\"), ('\n', "\\n"), ('"', "\\\"")];
        write_escaped(f, label.value(), &escapes)?;
        f.write_str("\"")?;
        before = ",";
    }
    match bound {
        Some(bound) if bound.is_finite() => write!(f, "{before}le=\"{bound:?}\"}}"),
        Some(_) => write!(f, "{before}le=\"+Inf\"}}"),
        None if labels.is_empty() => Ok(()),
        None => f.write_str("}"),
    }
}

fn write_value(f: &mut String, value: f64) -> fmt::Result {
    if value.is_infinite() {
        f.write_str(if value > 0.0 { " +Inf" } else { " -Inf" })
    } else {
        write!(f, " {value}")
    }
}

/// Writes the text with some characters replaced, the runs between them in one piece.
fn write_escaped(f: &mut String, text: &str, escapes: &[(char, &str)]) -> fmt::Result {
    let is_special = |found: char| escapes.iter().any(|(special, _)| *special == found);
    text.split_inclusive(is_special).try_for_each(|piece| {
        let escape = escapes
            .iter()
            .find_map(|(special, escape)| Some((piece.strip_suffix(*special)?, escape)));
        match escape {
            Some((plain, escape)) => {
                f.write_str(plain)?;
                f.write_str(escape)
            }
            None => f.write_str(piece),
        }
    })
}
