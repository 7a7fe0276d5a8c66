//! The channels: what all of them have, `[[webhook]]` and `[[alertmanager]]`. The robots are in
//! `robots.rs`.

use secrecy::{ExposeSecret as _, SecretString};

use super::{check, problem::Fault, raw::Section, reading::Located, robots, value};
use crate::{
    metrics::STORE,
    model::Severity,
    notify::{AlertmanagerSettings, ChannelKind, ChannelSettings, WebhookSettings},
};

/// Messages a minute to receivers that are ours: one a second is more than grouping ever makes.
const OTHERS_PER_MINUTE: u32 = 60;

/// What a channel is told unless it says otherwise.
const SEVERITIES: [Severity; 2] = [Severity::Critical, Severity::Warning];

/// All of them, by kind and then in the order of the file.
pub(super) fn read(top: &mut Section<'_>) -> Vec<ChannelSettings> {
    let mut channels = top.tables("dingtalk", robots::dingtalk);
    channels.extend(top.tables("feishu", robots::feishu));
    channels.extend(top.tables("wecom", robots::wecom));
    channels.extend(top.tables("slack", robots::slack));
    channels.extend(top.tables("webhook", webhook));
    channels.extend(top.tables("alertmanager", alertmanager));
    let names: Vec<_> = channels
        .iter()
        .filter_map(|channel| channel.name.as_ref())
        .collect();
    check::unique(top.reading(), "channel", &names);
    for name in names.iter().filter(|name| name.value == STORE) {
        let fault = Fault::new(
            format!("{STORE:?} is what the metrics call the database"),
            "give the channel another name",
        );
        top.reading().report(&name.place, fault);
    }
    let mut taken: Vec<_> = names.iter().map(|name| name.value.clone()).collect();
    let settings = channels.into_iter().filter_map(|channel| {
        let name = match channel.name {
            Some(name) => name.value,
            None => free_name(channel.default_name, &mut taken),
        };
        Some(ChannelSettings {
            name,
            severities: channel.severities,
            max_per_minute: channel.max_per_minute,
            kind: channel.kind?,
        })
    });
    settings.collect()
}

/// A channel whose name is not settled; without a kind it lacks what it cannot do without.
pub(super) struct Channel {
    pub(super) name: Option<Located<String>>,
    pub(super) default_name: &'static str,
    pub(super) severities: Vec<Severity>,
    pub(super) max_per_minute: u32,
    pub(super) kind: Option<ChannelKind>,
}

/// `name`, or `name-2` and so on where that is taken.
fn free_name(name: &str, taken: &mut Vec<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or_default();
    taken.push(free.clone());
    free
}

pub(super) fn name(section: &mut Section<'_>) -> Option<Located<String>> {
    section.parsed("name", "write text in quotes", value::name)
}

pub(super) fn severities(section: &mut Section<'_>) -> Vec<Severity> {
    let choices = SEVERITIES.map(|severity| (severity.name(), severity));
    let Some(told) = section.list("severities", "write texts in quotes", |text| {
        value::choice(text, &choices)
    }) else {
        return SEVERITIES.to_vec();
    };
    check::not_empty(section, &told, "the channel would be told nothing");
    told.value
}

fn webhook(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let url = required(section, "url", "url_file", |text| {
        value::web_address(text).map(drop)
    });
    let bearer_token = section.secret("bearer_token", "bearer_token_file");
    Channel {
        name,
        default_name: "webhook",
        severities: SEVERITIES.to_vec(),
        max_per_minute: OTHERS_PER_MINUTE,
        kind: url.map(|url| {
            ChannelKind::Webhook(WebhookSettings {
                url,
                bearer_token: bearer_token.map(|token| token.value),
            })
        }),
    }
}

fn alertmanager(section: &mut Section<'_>) -> Channel {
    let name = name(section);
    let severities = severities(section);
    if !section.has("urls") {
        section.report_missing("urls", "add urls = [\"http://127.0.0.1:9093\"]");
    }
    let reading = section.reading();
    let items = section.items(
        "urls",
        "write a list of texts, such as [\"http://127.0.0.1:9093\"]",
    );
    let urls = items.map(|items| {
        check::not_empty(section, &items, "nothing would be posted anywhere");
        let urls = items.value.into_iter().filter_map(|(item, place)| {
            let Some(text) = item.as_str() else {
                reading.report_type(&place, item, "write an address in quotes");
                return None;
            };
            let url = reading.written_secret(text, place)?;
            let checked = value::web_address(url.value.expose_secret());
            reading.note(&url.place, checked).map(|_| url.value)
        });
        urls.collect()
    });
    Channel {
        name,
        default_name: "alertmanager",
        severities,
        max_per_minute: OTHERS_PER_MINUTE,
        kind: urls.map(|urls| ChannelKind::Alertmanager(AlertmanagerSettings { urls })),
    }
}

/// A secret address that a channel cannot do without.
pub(super) fn required(
    section: &mut Section<'_>,
    key: &'static str,
    twin: &'static str,
    check: impl Fn(&str) -> Result<(), Fault>,
) -> Option<SecretString> {
    let given = section.has(key) || section.has(twin);
    let secret = section.secret(key, twin);
    let reading = section.reading();
    let Some(Located { value, place }) = secret else {
        if !given {
            section.report_missing(key, &format!("add {key}, or {twin}"));
        }
        return None;
    };
    let checked = check(value.expose_secret());
    reading.note(&place, checked).map(|()| value)
}
