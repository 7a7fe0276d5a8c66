//! `[[dingtalk]]`, `[[feishu]]`, `[[wecom]]` and `[[slack]]`: robots that post into a group's chat.

use std::ops::RangeInclusive;

use reqwest::Url;
use secrecy::SecretString;

use super::{
    channels::{Channel, name, required, severities},
    problem::Fault,
    raw::Section,
    reading::Located,
    value::{self, quote},
};
use crate::notify::{
    ChannelKind, DingTalkSettings, FeishuSettings, MessageType, SlackSettings, WeComSettings,
};

/// How many messages a minute a service takes from one robot, and how many it gets unless the
/// configuration says otherwise: four fifths, because its minute and ours begin at different times.
struct Pace {
    bounds: RangeInclusive<u32>,
    default: u32,
    too_many: &'static str,
}

/// Past 20 in a minute DingTalk refuses all for ten (its page on custom robots).
const DINGTALK: Pace = Pace {
    bounds: 1..=20,
    default: 16,
    too_many: "is more than DingTalk takes",
};

/// Feishu takes 100 in a minute (its page on custom robots:
/// open.feishu.cn/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN).
const FEISHU: Pace = Pace {
    bounds: 1..=100,
    default: 80,
    too_many: "is more than Feishu takes",
};

/// WeCom takes 20 in a minute (its page on group robots:
/// developer.work.weixin.qq.com/document/path/91770).
const WECOM: Pace = Pace {
    bounds: 1..=20,
    default: 16,
    too_many: "is more than WeCom takes",
};

/// Slack takes one a second, and more in short bursts only (docs.slack.dev/apis/web-api/rate-limits).
const SLACK: Pace = Pace {
    bounds: 1..=60,
    default: 48,
    too_many: "is more than Slack takes",
};

/// The most characters of a user's identity: WeCom's are the longest.
const USER_ID_MAX: usize = 64;

pub(super) fn dingtalk(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let webhook = address(section, check_dingtalk);
    let secret = section.secret("secret", "secret_file");
    let keyword = section.text("keyword");
    let message_type = section.choice(
        "message_type",
        &[
            ("markdown", MessageType::Markdown),
            ("text", MessageType::Text),
        ],
    );
    let at_mobiles = mobiles(section);
    let at_user_ids = users(section, |_| Ok(()));
    let at_all = section.flag("at_all");
    let kind = webhook.map(|webhook| {
        ChannelKind::DingTalk(DingTalkSettings {
            webhook,
            secret: secret.map(|secret| secret.value),
            keyword: keyword.map(|keyword| keyword.value).unwrap_or_default(),
            message_type: message_type.unwrap_or(MessageType::Markdown),
            at_mobiles,
            at_user_ids,
            at_all: at_all.unwrap_or(false),
        })
    });
    robot(section, name, "dingtalk", &DINGTALK, kind)
}

pub(super) fn feishu(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let webhook = address(section, check_feishu);
    let secret = section.secret("secret", "secret_file");
    let keyword = section.text("keyword");
    let at_user_ids = users(section, feishu_user);
    let at_all = section.flag("at_all");
    let kind = webhook.map(|webhook| {
        ChannelKind::Feishu(FeishuSettings {
            webhook,
            secret: secret.map(|secret| secret.value),
            keyword: keyword.map(|keyword| keyword.value).unwrap_or_default(),
            at_user_ids,
            at_all: at_all.unwrap_or(false),
        })
    });
    robot(section, name, "feishu", &FEISHU, kind)
}

pub(super) fn wecom(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let webhook = address(section, check_wecom);
    let at_mobiles = mobiles(section);
    let at_user_ids = users(section, wecom_user);
    let kind = webhook.map(|webhook| {
        ChannelKind::WeCom(WeComSettings {
            webhook,
            at_mobiles,
            at_user_ids,
        })
    });
    robot(section, name, "wecom", &WECOM, kind)
}

pub(super) fn slack(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let webhook = address(section, check_slack);
    let at_user_ids = users(section, slack_member);
    let at_all = section.flag("at_all");
    let kind = webhook.map(|webhook| {
        ChannelKind::Slack(SlackSettings {
            webhook,
            at_user_ids,
            at_all: at_all.unwrap_or(false),
        })
    });
    robot(section, name, "slack", &SLACK, kind)
}

/// The keys that come last, and the channel.
fn robot(
    section: &mut Section<'_>,
    name: Option<Located<String>>,
    default_name: &'static str,
    pace: &Pace,
    kind: Option<ChannelKind>,
) -> Channel {
    let severities = severities(section);
    let max_per_minute = section.whole("max_per_minute", &pace.bounds, pace.too_many);
    Channel {
        name,
        default_name,
        severities,
        max_per_minute: max_per_minute.unwrap_or(pace.default),
        kind,
    }
}

fn address(
    section: &mut Section<'_>,
    check: impl Fn(&str) -> Result<(), Fault>,
) -> Option<SecretString> {
    required(section, "webhook", "webhook_file", check)
}

fn mobiles(section: &mut Section<'_>) -> Vec<String> {
    let mobiles = section.list("at_mobiles", "write numbers in quotes", value::mobile);
    mobiles.map(|list| list.value).unwrap_or_default()
}

fn users(section: &mut Section<'_>, check: impl Fn(&str) -> Result<(), Fault>) -> Vec<String> {
    let users = section.list("at_user_ids", "write texts in quotes", |text| {
        check(text).map(|()| text.to_owned())
    });
    users.map(|list| list.value).unwrap_or_default()
}

/// An address whose token must not cross a network in the clear.
fn safe_address(text: &str) -> Result<Url, Fault> {
    let url = value::web_address(text)?;
    if url.scheme() != "https" && !value::is_loopback(&url) {
        return Err(Fault::new(
            "the robot's address is not https, so its token would be sent in the clear",
            "write https://",
        ));
    }
    Ok(url)
}

fn check_dingtalk(text: &str) -> Result<(), Fault> {
    if has_parameter(&safe_address(text)?, "access_token") {
        return Ok(());
    }
    Err(Fault::new(
        "the robot's address has no access_token",
        "copy the whole address from the robot's page in DingTalk",
    ))
}

/// The first version of these addresses, without the `v2`, takes another form of messages.
fn check_feishu(text: &str) -> Result<(), Fault> {
    let url = safe_address(text)?;
    match last_segments(&url).as_slice() {
        [.., "bot", "v2", "hook", token] if !token.is_empty() => Ok(()),
        _ => Err(Fault::new(
            "the robot's address does not end in /bot/v2/hook/ and a token",
            "copy the whole address from the robot's page in Feishu",
        )),
    }
}

fn check_wecom(text: &str) -> Result<(), Fault> {
    if has_parameter(&safe_address(text)?, "key") {
        return Ok(());
    }
    Err(Fault::new(
        "the robot's address has no key",
        "copy the whole address from the robot's page in WeCom",
    ))
}

/// Slack's other addresses, of workflows, take another form of messages.
fn check_slack(text: &str) -> Result<(), Fault> {
    let url = safe_address(text)?;
    match last_segments(&url).as_slice() {
        [.., "services", team, webhook, token]
            if [team, webhook, token].iter().all(|part| !part.is_empty()) =>
        {
            Ok(())
        }
        _ => Err(Fault::new(
            "the address does not end in /services/ and three more parts",
            "copy the whole address of the incoming webhook from the app's page in Slack",
        )),
    }
}

fn has_parameter(url: &Url, name: &str) -> bool {
    url.query_pairs()
        .any(|(key, value)| key == name && !value.is_empty())
}

fn last_segments(url: &Url) -> Vec<&str> {
    url.path_segments().into_iter().flatten().collect()
}

fn feishu_user(text: &str) -> Result<(), Fault> {
    let fix = "write an open_id such as \"ou_0123456789abcdef\", or a user_id; \
               for everybody set at_all";
    user(text, "Feishu", is_user_id(text) && text != "all", fix)
}

fn wecom_user(text: &str) -> Result<(), Fault> {
    let fix = "write it as in the address book, such as \"zhangsan\"; \"@all\" is everybody";
    user(text, "WeCom", is_user_id(text) || text == "@all", fix)
}

fn slack_member(text: &str) -> Result<(), Fault> {
    let fix = "copy the member ID from the person's profile, such as \"U012AB3CD\"; for everybody \
               set at_all";
    let is_member = text.starts_with(['U', 'W'])
        && text
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    user(text, "Slack", is_member && is_user_id(text), fix)
}

/// Nothing that could be taken for markup: it stands between `<@` and `>`.
fn is_user_id(text: &str) -> bool {
    text.len() <= USER_ID_MAX
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_-@.".contains(&c))
}

fn user(text: &str, service: &str, is_right: bool, fix: &'static str) -> Result<(), Fault> {
    if is_right {
        return Ok(());
    }
    Err(Fault::new(
        format!("{} is no user of {service}", quote(text)),
        fix,
    ))
}
