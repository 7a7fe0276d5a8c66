//! Names and logs that are not ASCII, or not text at all.

use std::fs;

use super::stage::{Script, Stage, on_demand};
use crate::support::{programs, supervisord::Release};

crate::each_release!(
    chinese_names_are_shown_as_they_are,
    a_log_in_gbk_harms_nothing
);

/// A message does not wait for the log's end any longer than for others to join it.
const TIME_FOR_THE_LOG: &str = "group_wait = \"1s\"\n";

fn chinese_names_are_shown_as_they_are(release: Release) {
    let stage = Stage::set(Script {
        release,
        programs: &on_demand("日志服务", "exit 3 0", &[]),
        ..Script::default()
    });
    stage.start("日志服务");
    stage.dingtalk.wait_until_shown("FATAL: 日志服务");
    let incident = stage.supervigil.wait_for_incident("日志服务", "fatal");
    assert_eq!(incident["group"], "日志服务");
    let up = "supervisord_process_up{server=\"main\",group=\"日志服务\",name=\"日志服务\"}";
    assert_eq!(stage.metric(up), Some(0.0));
    let table = stage.supervigil.command(&["status"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("日志服务"));
    assert!(stage.supervigil.get("/").1.contains("日志服务"));
}

fn a_log_in_gbk_harms_nothing(release: Release) {
    let stage = Stage::set(Script {
        release,
        programs: &on_demand("gbk", "gbk 3 0", &[]),
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    });
    stage.start("gbk");
    let message = stage.dingtalk.wait_until_shown("FATAL: gbk");
    assert!(message.contains("> 中文  \n> 中文日志"), "{message}");
}

#[test]
fn a_long_line_in_chinese_is_shown_in_part() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = |number: usize| {
        let file = folder.path().join(format!("log{number}"));
        // A tail of any number of bytes begins within a character for most of these.
        let text = format!(
            "{}\n{}数据库连接已断开\n",
            "x".repeat(number),
            "日志".repeat(3000)
        );
        fs::write(&file, text).expect("a file");
        let name = format!("zh{number}");
        format!(
            "[program:{name}]\ncommand=/bin/sh -c 'cat {} >&2; exit 3'\nautostart=false\n\
             startsecs=1\nstartretries=0\n",
            file.display()
        )
    };
    let sections: String = (0..3).map(program).collect();
    let stage = Stage::set(Script {
        programs: &[
            sections,
            programs::healthy("a"),
            programs::healthy("b"),
            programs::healthy("c"),
        ]
        .concat(),
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    });
    for number in 0..3 {
        stage.start(&format!("zh{number}"));
        let message = stage
            .dingtalk
            .wait_until_shown(&format!("FATAL: zh{number}"));
        assert!(message.contains("日志日志"), "{message}");
    }
}

#[test]
fn control_characters_stay_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("log");
    let raw = b"\x1b[31mred\x1b[0m\x07 plain\x00\xef\xbf\xbe <b>bold</b> password=hunter2 tail\r\n";
    fs::write(&file, raw).expect("a file");
    let section = format!(
        "[program:wild]\ncommand=/bin/sh -c 'cat {} >&2; exit 3'\nautostart=false\nstartsecs=1\nstartretries=0\n",
        file.display()
    );
    let stage = Stage::set(Script {
        programs: &section,
        alert: TIME_FOR_THE_LOG,
        ..Script::default()
    });
    stage.start("wild");
    let message = stage.dingtalk.wait_until_shown("FATAL: wild");
    let incident = stage.supervigil.wait_for_incident("wild", "fatal");
    let lines = incident["log_tail"].to_string();
    assert!(
        lines.contains("red plain") && lines.contains("tail"),
        "{lines}"
    );
    let page = stage.supervigil.get("/").1;
    for place in [&message, &page] {
        assert!(!place.contains("<b>bold"), "{place}");
    }
    for place in [message, lines, page, stage.supervigil.log()] {
        assert!(!place.contains("hunter2"), "{place}");
        let is_wild = |c: char| c.is_control() && c != '\n';
        assert!(!place.contains(is_wild), "{place:?}");
    }
}
