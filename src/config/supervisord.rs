//! `[[supervisord]]`.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    check, endpoint,
    environment::Environment,
    problem::{Fault, Place},
    raw::Section,
    reading::{Located, Reading},
    value,
};
use crate::{
    engine::ServerSettings,
    model::{ProgramName, ServerName},
    supervisord::{Credentials, Endpoint, Settings},
};

/// From ten times a second, which a hint makes needless, to once an hour, which is no watch.
const POLL_INTERVAL: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);

/// One call's deadline. supervisord's slowest answers take seconds; an hour is a slip of the hand.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// All of them; without any, the one that is found by itself.
pub(super) fn read(top: &mut Section<'_>) -> Vec<Settings> {
    let given = top.has("supervisord");
    let mut servers = top.tables("supervisord", read_one);
    let reading = top.reading();
    if !given {
        servers.push(built_in(reading));
    }
    let names: Vec<_> = servers.iter().map(|(name, _)| name).collect();
    check::unique(reading, "supervisord", &names);
    let servers: Vec<_> = servers.into_iter().map(|(_, settings)| settings).collect();
    check::one_name_for_each_endpoint(reading, &servers);
    servers
}

/// What the engine must know of them.
pub(super) fn for_engine(servers: &[Settings], environment: &Environment) -> Vec<ServerSettings> {
    let parent = parent(environment);
    servers
        .iter()
        .map(|server| ServerSettings {
            poll_interval: server.poll_interval,
            name: server.name.clone(),
            must_answer: !matches!(server.endpoint, Endpoint::Search(_)),
            itself: parent
                .as_ref()
                .filter(|(endpoint, _)| {
                    servers.len() == 1 || endpoint.as_ref() == Some(&server.endpoint)
                })
                .map(|(_, program)| program.clone()),
        })
        .collect()
}

/// The supervisord that started us, if one did, and our name there. The variables are those that
/// supervisor's process.py sets for every child.
fn parent(environment: &Environment) -> Option<(Option<Endpoint>, ProgramName)> {
    environment.get("SUPERVISOR_ENABLED")?;
    let group = environment.get("SUPERVISOR_GROUP_NAME")?;
    let name = environment.get("SUPERVISOR_PROCESS_NAME")?;
    let endpoint = parents_endpoint(environment);
    Some((endpoint, ProgramName::new(group, name)))
}

/// Where the supervisord listens that started us.
pub(super) fn parents_endpoint(environment: &Environment) -> Option<Endpoint> {
    let url = environment.get(SERVER_URL)?;
    endpoint::parse(url).ok()
}

const SERVER_URL: &str = "SUPERVISOR_SERVER_URL";

fn read_one(section: &mut Section<'_>) -> (Located<String>, Settings) {
    let defaults = defaults();
    let name = section
        .parsed("name", "write text in quotes", value::name)
        .unwrap_or_else(|| Located {
            value: defaults.name.to_string(),
            place: section.place().clone(),
        });
    let endpoint = url(section);
    let credentials = credentials(section);
    let settings = Settings {
        name: ServerName::new(&name.value),
        endpoint,
        credentials,
        poll_interval: section
            .duration("poll_interval", &POLL_INTERVAL)
            .map_or(defaults.poll_interval, |interval| interval.value),
        timeout: section
            .duration("timeout", &TIMEOUT)
            .map_or(defaults.timeout, |timeout| timeout.value),
        max_load: section
            .share("max_load", false)
            .unwrap_or(defaults.max_load),
        follow_log: section.flag("follow_log").unwrap_or(defaults.follow_log),
        watch_pids: section.flag("watch_pids").unwrap_or(defaults.watch_pids),
    };
    (name, settings)
}

fn url(section: &mut Section<'_>) -> Endpoint {
    let reading = section.reading();
    let Some((value, place)) = section.find_hidden("url") else {
        return from_environment(reading);
    };
    let holds_password = value.as_str().is_some_and(|url| url.contains('@'));
    if !holds_password {
        reading.show(&place);
    }
    reading
        .parse(value, place, "write text in quotes", &endpoint::parse)
        .map_or_else(endpoint::usual, |endpoint| endpoint.value)
}

fn credentials(section: &mut Section<'_>) -> Option<Credentials> {
    let username = section.text("username");
    let given = ["password", "password_file"].map(|key| section.has(key));
    let password = section.secret("password", "password_file");
    match (username, password) {
        (Some(username), Some(password)) => Some(Credentials {
            username: username.value,
            password: password.value,
        }),
        (None, None) => None,
        (Some(username), None) => {
            // A password that could not be read has been reported already.
            if given == [false, false] {
                let fault = Fault::new(
                    "a user name needs a password",
                    "add password_file, or remove username",
                );
                section.reading().report_absent(&username.place, fault);
            }
            None
        }
        (None, Some(password)) => {
            let fault = Fault::new(
                "a password needs a user name",
                "add username, or remove this",
            );
            section.reading().report_absent(&password.place, fault);
            None
        }
    }
}

/// The supervisord of an empty file.
fn built_in(reading: &Reading<'_>) -> (Located<String>, Settings) {
    let settings = Settings {
        endpoint: from_environment(reading),
        ..defaults()
    };
    let name = Located {
        value: settings.name.to_string(),
        place: Place::default(),
    };
    (name, settings)
}

/// The supervisord that started us, else the first of the usual sockets.
fn from_environment(reading: &Reading<'_>) -> Endpoint {
    let Some(url) = reading.environment.get(SERVER_URL) else {
        return endpoint::usual();
    };
    reading
        .note(
            &Place::outside("$SUPERVISOR_SERVER_URL"),
            endpoint::parse(url),
        )
        .unwrap_or_else(endpoint::usual)
}

fn defaults() -> Settings {
    Settings {
        name: ServerName::new("main"),
        endpoint: endpoint::usual(),
        credentials: None,
        poll_interval: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        max_load: 0.02,
        follow_log: true,
        watch_pids: true,
    }
}
