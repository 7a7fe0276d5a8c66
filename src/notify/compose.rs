//! Pure: notices -> the body of one request to one channel.
//!
//! Owns how much goes into one message: detail is taken away, then notices are left for the next
//! message, until the body fits. A refusal for size or content sets the same [`Limits`] from outside.

use super::{
    alertmanager, dingtalk, feishu,
    robot::Rendered,
    settings::{ChannelKind, ChannelSettings},
    slack,
    text::{self, BREVITY_MAX, Subject, Voice},
    webhook, wecom,
};
use crate::model::{Delivery, Moment, Notice, NoticeId};

/// What refusals taught about the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The least brevity.
    pub(super) brevity: u8,
    /// The most notices.
    pub(super) notices: usize,
}

impl Limits {
    /// No limits but the channel's own.
    pub(super) const NONE: Self = Self {
        brevity: 0,
        notices: usize::MAX,
    };
}

/// What tells one message from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp<'a> {
    /// Its identity.
    pub(super) uuid: &'a str,
    /// When it is made.
    pub(super) now: Moment,
}

/// A body, and what went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Composed {
    /// The request's body.
    pub(super) body: String,
    /// How many notices it carries, from the first on.
    pub(super) carried: usize,
    /// How brief it is.
    pub(super) brevity: u8,
}

impl Composed {
    /// The first attempt to deliver it.
    pub(super) fn delivery(self, uuid: String, notices: Vec<NoticeId>, now: Moment) -> Delivery {
        Delivery {
            uuid,
            notices,
            body: self.body,
            attempts: 1,
            first_at: now.wall,
            retry_at: None,
            brevity: self.brevity,
        }
    }
}

/// The body for `channel` that carries as many of `notices` (oldest first) as fit.
pub(super) fn compose(
    channel: &ChannelSettings,
    voice: &Voice,
    notices: &[&Notice],
    dropped: usize,
    limits: Limits,
    stamp: Stamp<'_>,
) -> Composed {
    let mut brevity = limits.brevity;
    let mut carried = notices.len().min(limits.notices).min(notices_max(channel));
    let mut lines_max = usize::MAX;
    loop {
        let subject = Subject {
            notices: notices.get(..carried).unwrap_or(notices),
            dropped,
            brevity,
            lines_max,
        };
        let Rendered { body, fits } = render(channel, voice, &subject, stamp);
        if fits || (lines_max == 0 && brevity >= BREVITY_MAX) {
            return Composed {
                body,
                carried,
                brevity,
            };
        }
        if brevity < BREVITY_MAX {
            brevity += 1;
        } else if carried > 1 {
            carried /= 2;
        } else {
            // One notice about more incidents than a message holds: the rest is counted.
            let lines = subject.notices.iter().map(|notice| notice.incidents.len());
            lines_max = lines.sum::<usize>().min(lines_max) / 2;
        }
    }
}

/// Whether the channel can be told in words of what is no incident: dropped notices, other channels.
pub(super) fn tells_in_words(channel: &ChannelSettings) -> bool {
    match channel.kind {
        ChannelKind::DingTalk(_)
        | ChannelKind::Feishu(_)
        | ChannelKind::WeCom(_)
        | ChannelKind::Slack(_)
        | ChannelKind::Log => true,
        ChannelKind::Webhook(_) | ChannelKind::Alertmanager(_) => false,
    }
}

fn render(
    channel: &ChannelSettings,
    voice: &Voice,
    subject: &Subject<'_>,
    stamp: Stamp<'_>,
) -> Rendered {
    let message = || text::compose(subject, voice);
    match &channel.kind {
        ChannelKind::DingTalk(settings) => {
            let body = dingtalk::body(settings, &message(), stamp.uuid);
            Rendered::within(body, dingtalk::BODY_MAX)
        }
        ChannelKind::Feishu(settings) => feishu::body(settings, &message()),
        ChannelKind::WeCom(settings) => wecom::body(settings, &message()),
        ChannelKind::Slack(settings) => slack::body(settings, &message()),
        ChannelKind::Webhook(_) => {
            let first = subject.notices.first();
            let body = first.map(|notice| webhook::body(notice, subject.brevity == 0));
            Rendered::within(body.unwrap_or_default(), webhook::BODY_MAX)
        }
        ChannelKind::Alertmanager(_) => {
            let body = alertmanager::body(subject, voice, stamp.now.wall);
            Rendered::within(body, webhook::BODY_MAX)
        }
        ChannelKind::Log => Rendered::within(message().plain(), dingtalk::BODY_MAX),
    }
}

/// The most notices of one request: a webhook's body has room for one.
fn notices_max(channel: &ChannelSettings) -> usize {
    match channel.kind {
        ChannelKind::Webhook(_) => 1,
        ChannelKind::Alertmanager(_) => alertmanager::BATCH_MAX,
        ChannelKind::DingTalk(_)
        | ChannelKind::Feishu(_)
        | ChannelKind::WeCom(_)
        | ChannelKind::Slack(_)
        | ChannelKind::Log => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Incident, IncidentId, NoticeId, ProgramName},
        notify::{
            DingTalkSettings, FeishuSettings, Language, MessageType, SlackSettings, WeComSettings,
            fixtures::{moment, voice},
            samples,
        },
    };

    fn robot() -> ChannelSettings {
        ChannelSettings {
            name: "ops".to_owned(),
            severities: Vec::new(),
            max_per_minute: 16,
            kind: ChannelKind::DingTalk(DingTalkSettings {
                webhook: "https://robot.invalid".to_owned().into(),
                secret: None,
                keyword: String::new(),
                message_type: MessageType::Markdown,
                at_mobiles: Vec::new(),
                at_user_ids: Vec::new(),
                at_all: false,
            }),
        }
    }

    fn incident(number: usize, log_lines: usize) -> Incident {
        let name = format!("program_with_a_rather_long_name_{number:04}");
        Incident {
            id: IncidentId(name.clone()),
            program: Some(ProgramName::new("group", &name)),
            log_tail: vec!["错".repeat(400); log_lines],
            ..samples(moment()).remove(0).incidents.remove(0)
        }
    }

    fn notice(number: usize, incidents: Vec<Incident>) -> Notice {
        Notice {
            id: NoticeId(number.to_string()),
            incidents,
            ..samples(moment()).remove(0)
        }
    }

    fn composed(channel: &ChannelSettings, notices: &[Notice]) -> Composed {
        let notices: Vec<&Notice> = notices.iter().collect();
        let voice = voice(Language::Zh);
        let stamp = Stamp {
            uuid: "uuid",
            now: moment(),
        };
        compose(channel, &voice, &notices, 0, Limits::NONE, stamp)
    }

    #[test]
    fn log_lines_go_before_anything_else() {
        let notices: Vec<Notice> = (0..3)
            .map(|number| notice(number, vec![incident(number, 10)]))
            .collect();
        let composed = composed(&robot(), &notices);
        assert_eq!((composed.carried, composed.brevity), (3, 1));
        assert!(composed.body.len() <= dingtalk::BODY_MAX);
    }

    #[test]
    fn what_does_not_fit_is_left_for_the_next_message() {
        let notices: Vec<Notice> = (0..400)
            .map(|number| notice(number, vec![incident(number, 1)]))
            .collect();
        let composed = composed(&robot(), &notices);
        assert!(
            composed.carried >= 50 && composed.carried < 400,
            "{}",
            composed.carried
        );
        assert!(composed.body.len() <= dingtalk::BODY_MAX);
        for number in 0..composed.carried {
            assert!(composed.body.contains(&format!("long_name_{number:04}")));
        }
    }

    #[test]
    fn a_digest_that_is_too_long_counts_what_it_does_not_name() {
        let incidents: Vec<Incident> = (0..600).map(|number| incident(number, 1)).collect();
        let composed = composed(&robot(), &[notice(0, incidents)]);
        assert_eq!(composed.carried, 1);
        assert!(composed.body.len() <= dingtalk::BODY_MAX);
        let named = composed.body.matches("- \u{1f534}").count();
        let hidden = format!("还有 {} 项", 600 - named);
        assert!(named > 50 && composed.body.contains(&hidden), "{named}");
    }

    /// What each service's page says that it takes, measured by its own unit.
    fn within_limits(name: &str, body: &str) -> bool {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let text = |part: &serde_json::Value| part.as_str().unwrap().to_owned();
        match name {
            "feishu" => body.to_string().len() <= 20_000,
            "wecom" => text(&body["markdown"]["content"]).len() <= 4096,
            "wecom with a phone" => text(&body["text"]["content"]).len() <= 2048,
            "slack" => text(&body["text"]).chars().count() <= 4000,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn no_service_gets_more_than_it_takes() {
        let webhook = || "https://robot.invalid".to_owned().into();
        let wecom = |at_mobiles| {
            ChannelKind::WeCom(WeComSettings {
                webhook: webhook(),
                at_mobiles,
                at_user_ids: vec!["zhangsan".to_owned()],
            })
        };
        let feishu = ChannelKind::Feishu(FeishuSettings {
            webhook: webhook(),
            secret: None,
            keyword: "值班".to_owned(),
            at_user_ids: Vec::new(),
            at_all: true,
        });
        let slack = ChannelKind::Slack(SlackSettings {
            webhook: webhook(),
            at_user_ids: Vec::new(),
            at_all: true,
        });
        for (name, kind) in [
            ("feishu", feishu),
            ("wecom", wecom(Vec::new())),
            ("wecom with a phone", wecom(vec!["13800000000".to_owned()])),
            ("slack", slack),
        ] {
            let channel = ChannelSettings { kind, ..robot() };
            let one = notice(0, vec![incident(0, 10)]);
            let several: Vec<_> = (0..100)
                .map(|number| notice(number, vec![incident(number, 10)]))
                .collect();
            let digest = (0..600).map(|number| incident(number, 1)).collect();
            let sizes = [vec![one], several, vec![notice(0, digest)]].map(|notices| {
                let Composed { body, carried, .. } = composed(&channel, &notices);
                assert!(within_limits(name, &body), "{name}: {body}");
                assert!(body.contains("long_name_0000"), "{name}: {body}");
                carried
            });
            assert!(sizes[1] > 2 && sizes[1] < 100, "{name}: {sizes:?}");
        }
    }

    #[test]
    fn a_webhook_gets_one_notice_at_a_time() {
        let hook = ChannelSettings {
            kind: ChannelKind::Webhook(crate::notify::WebhookSettings {
                url: "http://hook.invalid".to_owned().into(),
                bearer_token: None,
            }),
            ..robot()
        };
        let big = (0..600).map(|number| incident(number, 10)).collect();
        let composed = composed(&hook, &[notice(0, big), notice(1, Vec::new())]);
        assert_eq!(composed.carried, 1);
        assert!(composed.body.len() <= webhook::BODY_MAX);
        assert!(!composed.body.contains('错'));
    }
}
