//! Values that several tests of this floor begin with.

use std::time::Duration;

use jiff::tz::{TimeZone, offset};

use super::{
    Place, samples,
    text::{self, Message, Subject, Voice},
};
use crate::{
    model::{Incident, Moment, Notice, ProgramName},
    notify::Language,
};

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

/// What a program may print to call people, to lead them elsewhere, or to look like something else.
pub(super) const HOSTILE: [&str; 9] = [
    "<at user_id=\"all\"></at> <at id=all></at>",
    "<@U012AB3CD> <@zhangsan> <@all> <!channel> <!here> @here @channel @all",
    "[runbook](http://evil.invalid) <http://evil.invalid|runbook>",
    "<font color=\"info\">fine</font> &lt;@all&gt; &#60;@all>",
    "**bold** *bold* _slanted_ ~gone~ `code` :fire:",
    "# heading",
    "> quote",
    "- item",
    "{\"tag\":\"at\",\"user_id\":\"all\"} \\ \" \u{1f600}",
];

/// A message about a program that is FATAL, whose log and spawn error are [`HOSTILE`], with a runbook
/// and a phone.
pub(super) fn hostile_message(language: Language) -> Message {
    let lines = HOSTILE.iter().map(|line| (*line).to_owned()).collect();
    fatal(language, lines, HOSTILE.join("\n"))
}

/// A message about a program that is FATAL, with so many lines of 400 wide characters.
pub(super) fn long_message(language: Language, lines: usize) -> Message {
    fatal(language, vec!["错".repeat(400); lines], String::new())
}

/// A message that a program runs again.
pub(super) fn recovery(language: Language) -> Message {
    let notice = samples(moment()).pop().unwrap();
    message(language, &notice)
}

fn fatal(language: Language, log_tail: Vec<String>, spawn_error: String) -> Message {
    let notice = samples(moment()).remove(0);
    let incident = Incident {
        program: Some(ProgramName::new("es", "es_node_a")),
        spawn_error,
        runbook: Some("https://wiki/es_(prod)?a=1&b=2".to_owned()),
        at_mobiles: vec!["13800000000".to_owned()],
        log_tail,
        ..notice.incidents[0].clone()
    };
    let notice = Notice {
        incidents: vec![incident],
        ..notice
    };
    message(language, &notice)
}

fn message(language: Language, notice: &Notice) -> Message {
    let subject = Subject {
        notices: &[notice],
        dropped: 0,
        brevity: 0,
        lines_max: usize::MAX,
    };
    text::compose(&subject, &voice(language))
}
