//! Values that several tests of this floor begin with.

use std::time::Duration;

use jiff::tz::{TimeZone, offset};

use super::{Place, text::Voice};
use crate::{model::Moment, notify::Language};

/// 2026-11-23 13:41:18 at +08:00.
pub(super) fn moment() -> Moment {
    Moment {
        monotonic: Duration::from_secs(1000),
        wall: "2026-11-23T05:41:18Z".parse().unwrap(),
    }
}

/// A host in China.
pub(super) fn voice(language: Language) -> Voice {
    Voice {
        language,
        place: Place {
            host: "es-host-1".to_owned(),
            ip: Some([10, 0, 0, 5].into()),
            zone: TimeZone::fixed(offset(8)),
        },
    }
}
