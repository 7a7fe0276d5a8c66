//! What is down already when supervigil looks for the first time.

use serde_json::json;

use super::stage::{Script, Stage, config};
use crate::support::{
    dingtalk::DingTalk,
    programs,
    supervigil::Supervigil,
    supervisord::{Release, Supervisord},
};

crate::each_release!(it_is_told_in_one_digest_once);

fn it_is_told_in_one_digest_once(release: Release) {
    let left = ["startsecs=0", "autorestart=false"];
    let sections = [
        programs::healthy("web"),
        programs::fatal("broken"),
        programs::missing_binary("missing"),
        programs::exits("done", 0, 0.0, &left),
        programs::exits("job", 4, 0.0, &left),
        super::stage::on_demand("fence", "exit 1 0", &[]),
    ]
    .concat();
    let supervisord = Supervisord::start(release, &sections);
    for program in ["broken", "missing"] {
        supervisord.wait_for_state(program, "FATAL");
    }
    supervisord.wait_for_state("job", "EXITED");
    let dingtalk = DingTalk::start(&["--secret", super::stage::SECRET, "--limit", "0"]);
    let script = Script {
        release,
        ..Script::default()
    };
    let supervigil = Supervigil::start(&config(&supervisord, &dingtalk, script));
    let message = dingtalk.wait_until_shown("job");
    for words in ["broken", "missing", "3 failing"] {
        assert!(message.contains(words), "no {words:?} in {message}");
    }
    assert!(
        message.contains("It was so already when supervigil started"),
        "{message}"
    );
    assert_eq!(
        dingtalk
            .messages()
            .last()
            .map(|it| &it["message"]["at"]["isAtAll"]),
        Some(&json!(false))
    );

    let mut stage = Stage {
        supervigil,
        dingtalk,
        supervisord,
    };
    assert_eq!(stage.incidents().len(), 3);
    assert!(stage.supervigil.terminate().0.success());
    stage.supervigil.start_again();
    stage.wait_until_ready();
    stage.fence();
    assert_eq!(
        stage.dingtalk.shown().len(),
        2,
        "the digest and the fence: {:?}",
        stage.dingtalk.shown()
    );
    assert_eq!(stage.incidents().len(), 3);
}

#[test]
fn nothing_is_told_where_nothing_is_wrong() {
    let stage = Stage::set(Script {
        programs: &programs::healthy("web"),
        ..Script::default()
    });
    stage.fence();
    assert_eq!(stage.dingtalk.shown().len(), 1);
}

#[test]
fn what_is_down_and_recovers_is_told_as_recovered() {
    let folder = tempfile::tempdir().expect("a folder");
    let counter = folder.path().join("starts");
    let stage = Stage::set(Script {
        programs: &programs::heals_at_start("es", 3, &counter),
        ..Script::default()
    });
    stage.dingtalk.wait_until_shown("FATAL: es");
    stage.start("es");
    stage.dingtalk.wait_until_shown("Recovered: es");
}
