//! Which format of metrics a client wants, by its `Accept` header (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

use crate::model::ExpositionFormat;

/// The content type of each format, by the page "Exposition formats" of Prometheus' documentation and
/// by the specification of OpenMetrics.
pub(super) fn content_type(format: ExpositionFormat) -> &'static str {
    match format {
        ExpositionFormat::Text => "text/plain; version=0.0.4; charset=utf-8",
        ExpositionFormat::OpenMetrics => {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}

/// OpenMetrics where it is named and nothing else is liked better; else the text format, which every
/// scraper and every person can read.
pub(super) fn exposition(headers: &HeaderMap) -> ExpositionFormat {
    let all = headers.get_all(header::ACCEPT).iter();
    let ranges = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let (mut open_metrics, mut text) = (0.0, 0.0);
    for range in ranges.map(Range::of) {
        if range.is_open_metrics() {
            open_metrics = range.quality.max(open_metrics);
        } else if range.is("text/plain") {
            text = range.quality.max(text);
        }
    }
    if open_metrics > 0.0 && open_metrics >= text {
        ExpositionFormat::OpenMetrics
    } else {
        ExpositionFormat::Text
    }
}

/// One entry of the header.
struct Range<'a> {
    kind: &'a str,
    version: Option<&'a str>,
    quality: f64,
}

impl<'a> Range<'a> {
    fn of(entry: &'a str) -> Self {
        let mut parts = entry.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let (mut version, mut quality) = (None, 1.0);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value.trim().trim_matches('"')),
                // What is no number is no wish.
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                _ => {}
            }
        }
        Self {
            kind,
            version,
            quality,
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    fn is_open_metrics(&self) -> bool {
        self.is("application/openmetrics-text") && self.version.is_none_or(|it| it == "1.0.0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExpositionFormat::{OpenMetrics, Text};

    #[test]
    fn the_client_gets_what_it_likes_best() {
        for (accept, expected) in [
            // Prometheus 2.42 and 3, then curl and browsers.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            ("*/*", Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Text),
            ("", Text),
            (
                "APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.3",
                OpenMetrics,
            ),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Text),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=much", Text),
            ("application/openmetrics-text;q=0.4,text/plain;q=0.5", Text),
            (",;=;q,", Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(exposition(&headers), expected, "{accept}");
        }
        assert_eq!(exposition(&HeaderMap::new()), Text);
    }
}
