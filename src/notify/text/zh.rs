//! Chinese.

use std::time::Duration;

use super::words::{Clock, CodeMeaning, Ending, Label, SignalMeaning, Words, largest_units};
use crate::model::{
    ChannelTrouble, Heartbeat, Incident, Kind, Next, OomKill, Outcome, ProcessState, Restarts,
};

/// The words of Chinese.
#[derive(Debug)]
pub(super) struct Zh;

impl Words for Zh {
    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Place => "位置：",
            Label::Time => "时间：",
            Label::Noticed => "发现时间：",
            Label::Change => "状态：",
            Label::Ending => "结束方式：",
            Label::Uptime => "此前运行：",
            Label::Reason => "原因：",
            Label::Restarts => "重启次数：",
            Label::Next => "接下来：",
            Label::Log => "日志末尾：",
            Label::Others => "其余",
        }
    }

    fn runbook(&self) -> &'static str {
        "处理手册"
    }

    fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Backoff => "反复启动失败",
            Kind::UnexpectedExit => "意外退出",
            Kind::CrashLoop => "反复崩溃",
            Kind::Fatal => "FATAL",
            Kind::Flapping => "时好时坏",
            Kind::Unreachable => "supervisord 无响应",
        }
    }

    fn meaning(&self, incident: &Incident) -> &'static str {
        match (incident.kind, incident.to) {
            (Kind::Backoff, _) => "一直启动失败，supervisord 仍在重试。",
            (Kind::UnexpectedExit, Some(ProcessState::Exited)) => {
                "程序意外结束，supervisord 不会再启动它。"
            }
            (Kind::UnexpectedExit, _) => "程序意外结束。",
            (Kind::CrashLoop, _) => "它不断崩溃，supervisord 不断把它重新拉起。",
            (Kind::Fatal, _) => "supervisord 已放弃启动它，程序没有在运行。",
            (Kind::Flapping, _) => "短时间内反复故障又恢复。",
            (Kind::Unreachable, _) => "supervisord 没有响应，它管理的程序状态未知。",
        }
    }

    fn outcome(&self, outcome: Option<Outcome>) -> &'static str {
        match outcome {
            Some(Outcome::Recovered) => "已恢复",
            Some(Outcome::StoppedByOperator) => "已由人工停止",
            Some(Outcome::Removed) => "已从配置中移除",
            None => "已结束",
        }
    }

    fn summary(&self, open: usize, closed: usize) -> String {
        match (open, closed) {
            (open, 0) => format!("{open} 个故障"),
            (0, closed) => format!("{closed} 个故障已结束"),
            (open, closed) => format!("{open} 个故障，{closed} 个已结束"),
        }
    }

    fn and_more(&self, more: usize) -> String {
        format!("，另有 {more} 项")
    }

    fn baseline(&self) -> &'static str {
        "supervigil 启动时它就已经是这样。"
    }

    fn escalated(&self) -> &'static str {
        "比上次通知时更严重。"
    }

    fn reminder_mark(&self) -> &'static str {
        "提醒 · "
    }

    fn reminder(&self, lasted: Duration) -> String {
        format!("仍未恢复，已持续 {}。", self.duration(lasted))
    }

    fn lasted(&self, lasted: Duration) -> String {
        format!("持续 {}", self.duration(lasted))
    }

    fn started(&self, attempts: u32) -> String {
        format!("supervigil 启动过 {attempts} 次")
    }

    fn duration(&self, duration: Duration) -> String {
        let [days, hours, minutes, seconds] = largest_units(duration);
        let parts: Vec<String> = [
            (days, "天"),
            (hours, "小时"),
            (minutes, "分钟"),
            (seconds, "秒"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
        if parts.is_empty() {
            "不到 1 秒".to_owned()
        } else {
            parts.join(" ")
        }
    }

    fn restarts(&self, restarts: Restarts) -> String {
        let within = self.duration(Duration::from_secs(restarts.within_seconds));
        format!("{within}内 {} 次", restarts.count)
    }

    fn ending(&self, ending: &Ending) -> String {
        match ending {
            Ending::Unknown => "未知（没有看到退出码或信号）".to_owned(),
            Ending::UnknownSignal => "被信号杀死（supervisord 不告知是哪个信号）".to_owned(),
            Ending::Code(code, meaning) => format!("退出码 {code}{}", code_meaning(meaning)),
            Ending::Signal {
                name,
                meaning,
                core_dumped,
            } => {
                let core = if *core_dumped {
                    "，留下了 core dump"
                } else {
                    ""
                };
                let words = match signal_meaning(*meaning) {
                    "" => String::new(),
                    words => format!("（{words}）"),
                };
                format!("被信号 {name} 终止{words}{core}")
            }
        }
    }

    fn next(&self, incident: &Incident, clock: &Clock<'_>) -> Option<String> {
        let program = incident.program.as_ref().map(ToString::to_string);
        let start = program.map_or_else(String::new, |name| {
            format!("手动启动：supervisorctl start {name}")
        });
        Some(match &incident.next {
            Next::Nothing => return nothing(incident, &start),
            Next::Attempt { number, of, at } => format!(
                "supervigil 将在 {} 启动它（第 {number} 次，共 {of} 次）",
                clock.brief(*at)
            ),
            Next::Starting { number, of } if number <= of => {
                format!("supervigil 刚刚启动了它（第 {number} 次，共 {of} 次）")
            }
            Next::Starting { .. } => "supervigil 刚刚又启动了它一次".to_owned(),
            Next::Probe {
                attempts,
                at: Some(at),
            } => format!(
                "supervigil 试过 {attempts} 次都没有启动成功，将在 {} 再试一次；{start}",
                clock.brief(*at)
            ),
            Next::Probe { attempts, at: None } => {
                format!("supervigil 试过 {attempts} 次都没有启动成功，不再尝试；{start}")
            }
            Next::NeedsHuman { why, at } => {
                let again = at.map_or_else(String::new, |at| {
                    format!("；supervigil 到 {} 还会再试一次", clock.brief(at))
                });
                format!("需要人工处理：{why}{again}；修好后{start}")
            }
            Next::HostGuard {
                fatal,
                programs,
                until,
            } => format!(
                "{programs} 个程序中有 {fatal} 个几乎同时变为 FATAL，更像是主机出了问题：\
                 supervigil 在 {} 之前不启动任何程序",
                clock.brief(*until)
            ),
            Next::Suspended => "supervisord 正在关闭，supervigil 不启动任何程序".to_owned(),
            Next::Held { by, until } => {
                let who = by.as_ref().map_or_else(
                    || "正处于维护窗口".to_owned(),
                    |by| format!("{by} 要求不要动它"),
                );
                let until = until.map_or_else(String::new, |until| {
                    format!("在 {} 之前", clock.brief(until))
                });
                format!("supervigil {until}不启动它：{who}{start}")
            }
            Next::Runs => "它已重新运行；稳定一段时间后会通知恢复".to_owned(),
        })
    }

    fn not_shown(&self, count: usize) -> String {
        format!("还有 {count} 项放不下，用 supervigil status 查看全部。")
    }

    fn dropped(&self, count: usize) -> String {
        format!("⚠ 此前有 {count} 条通知没能送达，已丢弃，用 supervigil status 查看现状。")
    }

    fn dropped_title(&self) -> &'static str {
        "有通知没能送达"
    }

    fn channel(&self, trouble: &ChannelTrouble, until: Option<&str>) -> String {
        let name = &trouble.name;
        match (&trouble.why, until) {
            (Some(why), Some(until)) => format!(
                "⚠ 通道 {name} 在 {until} 之前暂停发送：{why}。这期间的通知到时合并成一条补发。"
            ),
            (Some(why), None) => {
                format!("⚠ 通道 {name} 收不到消息，需要人工处理：{why}。发往它的通知保留一天。")
            }
            (None, _) => format!("✅ 通道 {name} 恢复接收消息。"),
        }
    }

    fn channel_title(&self, trouble: &ChannelTrouble) -> String {
        let name = &trouble.name;
        match (&trouble.why, trouble.until) {
            (Some(_), Some(_)) => format!("通道 {name} 暂停发送"),
            (Some(_), None) => format!("通道 {name} 收不到消息"),
            (None, _) => format!("通道 {name} 恢复接收消息"),
        }
    }

    fn heartbeat(&self, heartbeat: &Heartbeat, since: &str) -> String {
        let Heartbeat {
            supervisords,
            silent,
            programs,
            failing,
            deaths,
            opened,
            starts,
            ..
        } = heartbeat;
        let silent = match silent {
            0 => String::new(),
            silent => format!("（{silent} 个无响应）"),
        };
        format!(
            "supervigil 正在值守：supervisord {supervisords} 个{silent}，程序 {programs} 个，故障中 {failing} 个。\
             自 {since} 起：进程结束 {deaths} 次，故障 {opened} 起，自动启动 {starts} 次。"
        )
    }

    fn heartbeat_title(&self) -> &'static str {
        "supervigil 正在值守"
    }
}

/// What supervigil does where it does not start anything.
fn nothing(incident: &Incident, start: &str) -> Option<String> {
    match (incident.kind, incident.to) {
        (Kind::Fatal, _) | (Kind::UnexpectedExit, Some(ProcessState::Exited)) => {
            Some(format!("supervigil 不会自动启动它；{start}"))
        }
        (Kind::UnexpectedExit, _) => None,
        (Kind::CrashLoop | Kind::Backoff, _) => {
            Some("supervisord 会继续启动它，supervigil 继续观察".to_owned())
        }
        (Kind::Flapping, _) => Some("supervigil 继续观察，不再逐次通知".to_owned()),
        (Kind::Unreachable, _) => {
            Some("supervigil 会不断重试；请检查 supervisord 是否在运行".to_owned())
        }
    }
}

fn code_meaning(meaning: &CodeMeaning) -> String {
    match meaning {
        CodeMeaning::Success => "（程序自己正常结束）".to_owned(),
        CodeMeaning::General => "（一般错误）".to_owned(),
        CodeMeaning::Usage => "（常见于参数或用法错误）".to_owned(),
        CodeMeaning::NotExecutable => "（命令存在但不能执行）".to_owned(),
        CodeMeaning::NotFound => "（找不到命令）".to_owned(),
        CodeMeaning::Signal(name, meaning) => match signal_meaning(*meaning) {
            "" => format!("（即 128 + {name}）"),
            words => format!("（即 128 + {name}：{words}）"),
        },
        CodeMeaning::Own => String::new(),
    }
}

fn signal_meaning(meaning: SignalMeaning) -> &'static str {
    match meaning {
        SignalMeaning::Kill(None) => "kill -9，也可能是内存不足被 OOM killer 杀死",
        SignalMeaning::Kill(Some(OomKill::Group)) => {
            "很可能是内存不足：当时 OOM killer 在它的 cgroup 里杀了进程"
        }
        SignalMeaning::Kill(Some(OomKill::Host)) => {
            "很可能是内存不足：当时 OOM killer 在这台主机上杀了进程"
        }
        SignalMeaning::Memory => "非法内存访问",
        SignalMeaning::Instruction => "非法指令",
        SignalMeaning::Arithmetic => "算术错误，例如除以零",
        SignalMeaning::Abort => "程序自己中止",
        SignalMeaning::Asked => "有人或别的程序要求它结束",
        SignalMeaning::Pipe => "向已关闭的管道或连接写数据",
        SignalMeaning::Limit => "超出系统资源限制",
        SignalMeaning::Forbidden => "调用了被沙箱禁止的系统调用",
        SignalMeaning::Other => "",
    }
}
