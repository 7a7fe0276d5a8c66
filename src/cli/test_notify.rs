//! `test-notify`: a real alert of each kind, through the real outbox, renderer, signer and channel.

use std::process::ExitCode;

use anyhow::bail;

use super::console;
use crate::{
    clock::Clock,
    config::Config,
    model::{Moment, Notice},
    notify::{Answer, ChannelSettings, Channels, Place, endings, preview, samples},
};

pub(super) async fn test_notify(
    config: &Config,
    only: Option<&str>,
    dry_run: bool,
) -> anyhow::Result<ExitCode> {
    let clock = Clock::start();
    let settings = &config.notify;
    if settings.channels.is_empty() {
        console::complain(
            "supervigil: no channel is configured, so alerts go to the log alone; \
             this is how they read",
        );
    }
    let mut wanted = settings.effective_channels();
    if let Some(only) = only {
        let names: Vec<_> = wanted.iter().map(|channel| channel.name.clone()).collect();
        wanted.retain(|channel| channel.name == only);
        if wanted.is_empty() {
            bail!(
                "no channel is called {only:?}; the configuration has {}",
                names.join(", ")
            );
        }
    }
    let channels = Channels::new(settings)?;
    let place = Place::here();
    let mut taken = true;
    for channel in &wanted {
        for notice in notices(channel, clock.now()) {
            let now = clock.now();
            let kinds: Vec<_> = notice
                .incidents
                .iter()
                .map(|incident| incident.kind.name())
                .collect();
            let about = format!(
                "{}: {} {}",
                channel.name,
                kinds.join(", "),
                notice.reason.name()
            );
            let Some(delivery) = preview(settings, channel, &place, notice, now) else {
                console::say(&format!("-     {about}: it is not told such"));
                continue;
            };
            if dry_run {
                console::say(&format!("--- {about}\n{}", delivery.body));
                continue;
            }
            let answer = channels.send(&channel.name, &delivery, now).await;
            if answer == Answer::taken() {
                console::say(&format!("ok    {about}: taken"));
            } else {
                taken = false;
                console::say(&format!("FAIL  {about}: {}", answer.detail));
            }
        }
    }
    Ok(if taken {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A notice of each kind, and their ends where the channel's receiver would go on holding them.
fn notices(channel: &ChannelSettings, now: Moment) -> Vec<Notice> {
    let mut notices = samples(now);
    if channel.kind.holds_alerts() {
        notices.extend(endings(&notices, now));
    }
    notices
}
