//! What the page says, in both languages.
//!
//! Owns every word of the page. A word that a language lacks does not compile: the fixed ones are
//! fields of [`Words`], the composed ones are matches over [`Language`].

mod fixed;

use std::time::Duration;

use crate::model::{Exit, Kind, Next, ProcessState, Severity};
use fixed::{EN, ZH};

pub(super) use fixed::Words;

/// A language of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The fixed words.
    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::Zh => &ZH,
            Self::En => &EN,
        }
    }

    /// The language of a tag such as `zh-CN`.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Zh)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else {
            None
        }
    }

    /// The language that an `Accept-Language` likes best among ours (RFC 9110, 12.5.4).
    pub(super) fn preferred(accept: &str) -> Option<Self> {
        let weighed = accept.split(',').filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = parameters.trim().strip_prefix("q=")?.parse().ok()?;
            Some((Self::of_tag(tag)?, weight))
        });
        weighed
            .filter(|(_, weight)| *weight > 0.0)
            // the first of equals
            .reduce(|best, other| if other.1 > best.1 { other } else { best })
            .map(|(language, _)| language)
    }

    /// A span of time by its two largest units.
    pub(super) fn span(self, span: Duration) -> String {
        let seconds = span.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        let units = match self {
            Self::Zh => [" 天", " 小时", " 分", " 秒"],
            Self::En => ["d", "h", "min", "s"],
        };
        let values = [days, hours, minutes, seconds % 60];
        let largest = values.iter().position(|value| *value > 0).unwrap_or(3);
        values
            .iter()
            .zip(units)
            .skip(largest)
            .take(2)
            .filter(|(value, _)| **value > 0 || largest == 3)
            .map(|(value, unit)| format!("{value}{unit}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// How a process ended.
    pub(super) fn exit(self, exit: Exit) -> String {
        match (self, exit) {
            (Self::Zh, Exit::Code(code)) => format!("退出码 {code}"),
            (Self::En, Exit::Code(code)) => format!("exit code {code}"),
            (Self::Zh, Exit::UnknownSignal) => "被信号终止".to_owned(),
            (Self::En, Exit::UnknownSignal) => "killed by a signal".to_owned(),
            (
                _,
                Exit::Signal {
                    number,
                    core_dumped,
                },
            ) => self.signal(number, exit.signal_name(), core_dumped),
        }
    }

    fn signal(self, number: i32, name: Option<&str>, core_dumped: bool) -> String {
        let name = name.map_or_else(|| number.to_string(), |name| format!("{name} ({number})"));
        match (self, core_dumped) {
            (Self::Zh, false) => format!("被 {name} 终止"),
            (Self::Zh, true) => format!("被 {name} 终止，有 core 文件"),
            (Self::En, false) => format!("killed by {name}"),
            (Self::En, true) => format!("killed by {name}, core dumped"),
        }
    }

    /// A state, beside supervisord's own name for it; empty where that says the same.
    pub(super) fn state(self, state: ProcessState) -> &'static str {
        let (zh, en) = match state {
            ProcessState::Stopped => ("已停止", ""),
            ProcessState::Starting => ("启动中", ""),
            ProcessState::Running => ("运行中", ""),
            ProcessState::Backoff => ("启动失败，等待重试", "failed to start, will be tried again"),
            ProcessState::Stopping => ("停止中", ""),
            ProcessState::Exited => ("已退出", "ended by itself"),
            ProcessState::Fatal => ("已放弃启动", "given up"),
            ProcessState::Unknown => ("失控", "out of control"),
            ProcessState::Unrecognised(_) => ("无法识别", "not recognised"),
        };
        self.pick(zh, en)
    }

    /// What is wrong.
    pub(super) fn kind(self, kind: Kind) -> &'static str {
        let (zh, en) = match kind {
            Kind::Backoff => ("一直启动失败", "keeps failing to start"),
            Kind::UnexpectedExit => ("意外退出", "ended unexpectedly"),
            Kind::CrashLoop => ("反复崩溃", "crash loop"),
            Kind::Fatal => ("supervisord 已放弃启动", "supervisord gave up on it"),
            Kind::Flapping => ("时好时坏", "flapping"),
            Kind::Unreachable => ("supervisord 失联", "supervisord is unreachable"),
        };
        self.pick(zh, en)
    }

    /// How much it matters.
    pub(super) fn severity(self, severity: Severity) -> &'static str {
        let (zh, en) = match severity {
            Severity::None => ("仅记录", "recorded only"),
            Severity::Warning => ("警告", "warning"),
            Severity::Critical => ("严重", "critical"),
        };
        self.pick(zh, en)
    }

    /// What supervigil does next; `wait` is how long until then. Empty for nothing.
    pub(super) fn next(self, next: &Next, wait: Option<Duration>) -> String {
        let wait = match (self, wait) {
            (_, None) => String::new(),
            (Self::Zh, Some(wait)) => format!("，{}后", self.span(wait)),
            (Self::En, Some(wait)) => format!(" in {}", self.span(wait)),
        };
        match (self, next) {
            (_, Next::Nothing) => String::new(),
            (Self::Zh, Next::Attempt { number, of, .. }) => {
                format!("将自动启动（第 {number} 次，共 {of} 次）{wait}")
            }
            (Self::En, Next::Attempt { number, of, .. }) => {
                format!("will be started (attempt {number} of {of}){wait}")
            }
            (Self::Zh, Next::Starting { .. }) => "刚刚自动启动".to_owned(),
            (Self::En, Next::Starting { .. }) => "has just been started".to_owned(),
            (Self::Zh, Next::Probe { attempts, at: None }) => {
                format!("自动启动 {attempts} 次仍失败，不再尝试")
            }
            (Self::En, Next::Probe { attempts, at: None }) => {
                format!("{attempts} attempts failed, no more are made")
            }
            (Self::Zh, Next::Probe { attempts, .. }) => {
                format!("自动启动 {attempts} 次仍失败，再试一次{wait}")
            }
            (Self::En, Next::Probe { attempts, .. }) => {
                format!("{attempts} attempts failed, one more{wait}")
            }
            (Self::Zh, Next::NeedsHuman { why, .. }) => format!("需要人工处理：{why}"),
            (Self::En, Next::NeedsHuman { why, .. }) => format!("needs a human: {why}"),
            (
                Self::Zh,
                Next::HostGuard {
                    fatal, programs, ..
                },
            ) => {
                format!("{programs} 个程序中有 {fatal} 个同时失败，疑似主机问题，暂停自动启动")
            }
            (
                Self::En,
                Next::HostGuard {
                    fatal, programs, ..
                },
            ) => {
                format!(
                    "{fatal} of {programs} programs failed at once: it looks like the host, starts are paused"
                )
            }
            (Self::Zh, Next::Suspended) => "supervisord 正在关闭，不会启动".to_owned(),
            (Self::Zh, Next::Held { by: Some(by), .. }) => format!("{by} 要求不要启动"),
            (Self::En, Next::Held { by: Some(by), .. }) => format!("held by {by}, no start"),
            (Self::Zh, Next::Held { by: None, .. }) => "维护窗口内，不会启动".to_owned(),
            (Self::En, Next::Held { by: None, .. }) => "maintenance, no start".to_owned(),
            (Self::Zh, Next::Runs) => "已重新运行，观察中".to_owned(),
            (Self::En, Next::Runs) => "runs again, not for long yet".to_owned(),
            (Self::En, Next::Suspended) => "supervisord is shutting down, no start".to_owned(),
        }
    }

    fn pick(self, zh: &'static str, en: &'static str) -> &'static str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_language_wins() {
        let cases = [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Zh)),
            ("en-GB,en;q=0.9,zh;q=0.1", Some(Language::En)),
            ("fr, en;q=0.2, zh;q=0.3", Some(Language::Zh)),
            ("zh;q=0, en;q=0.1", Some(Language::En)),
            ("ZH-Hant", Some(Language::Zh)),
            ("fr-FR,fr;q=0.9", None),
            ("*", None),
            ("", None),
            (";;;,,,;q=", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(Language::preferred(accept), expected, "{accept}");
        }
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        let cases = [
            (0, "0s", "0 秒"),
            (59, "59s", "59 秒"),
            (60, "1min", "1 分"),
            (3661, "1h 1min", "1 小时 1 分"),
            (86_400, "1d", "1 天"),
            (90_061, "1d 1h", "1 天 1 小时"),
        ];
        for (seconds, en, zh) in cases {
            assert_eq!(Language::En.span(Duration::from_secs(seconds)), en);
            assert_eq!(Language::Zh.span(Duration::from_secs(seconds)), zh);
        }
    }

    #[test]
    fn an_exit_reads_as_what_happened() {
        let killed = Exit::Signal {
            number: 11,
            core_dumped: true,
        };
        assert_eq!(Language::En.exit(Exit::Code(3)), "exit code 3");
        assert_eq!(
            Language::En.exit(killed),
            "killed by SIGSEGV (11), core dumped"
        );
        assert_eq!(
            Language::Zh.exit(killed),
            "被 SIGSEGV (11) 终止，有 core 文件"
        );
    }
}
