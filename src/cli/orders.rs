//! `silence`, `unsilence`, `hold`, `release` and `holds`: people's orders to the running daemon.

use std::{env, process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use clap::Args;
use hyper::{StatusCode, body::Bytes};
use jiff::{Timestamp, tz::TimeZone};
use rustix::process::getuid;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    console,
    running::{Failure, Running, sentence},
};
use crate::{
    config::Config,
    http::{HOLDS_PATH, RELEASE_PATH, SILENCE_END_PATH, SILENCES_PATH, STATUS_PATH},
    model::{ProgramKey, ProgramName, ServerName},
};

/// For the daemon to answer: it waits for its disk, which may be busy.
const DEADLINE: Duration = Duration::from_secs(15);

/// What is asked for that may be long.
const ALL: &str = "?limit=1000";

/// Which program.
#[derive(Debug, Args)]
pub(super) struct Program {
    /// The program: its name, or GROUP:NAME
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// Its supervisord, by its name in the configuration, where several have such a program
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
}

/// Who gives an order.
#[derive(Debug, Args)]
pub(super) struct Author {
    /// Who asks for it, as others will read it [default: the user who runs this]
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

impl Author {
    fn name(&self) -> String {
        let user = || {
            ["SUDO_USER", "USER", "LOGNAME"]
                .iter()
                .find_map(env::var_os)
        };
        let user = || user().and_then(|name| name.into_string().ok());
        let given = self.author.clone().or_else(user);
        given.unwrap_or_else(|| format!("uid {}", getuid().as_raw()))
    }
}

/// `silence`.
pub(super) async fn silence(
    config: &Config,
    pattern: &str,
    lasting: &str,
    reason: &str,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let order = json!({
        "pattern": pattern,
        "for": lasting,
        "reason": reason,
        "author": author.name(),
    });
    let SilenceAnswer { silence } = post(config, SILENCES_PATH, &order).await?;
    console::say(&format!(
        "nobody is told of {pattern} until {}; `supervigil unsilence {}` ends that",
        clock(silence.until),
        silence.id,
    ));
    Ok(ExitCode::SUCCESS)
}

/// `unsilence`.
pub(super) async fn unsilence(
    config: &Config,
    id: &str,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let order = json!({"id": id, "author": author.name()});
    let SilenceAnswer { silence } = post(config, SILENCE_END_PATH, &order).await?;
    console::say(&format!("the silence of {} is over", silence.pattern));
    Ok(ExitCode::SUCCESS)
}

/// `hold`.
pub(super) async fn hold(
    config: &Config,
    program: &Program,
    lasting: Option<&str>,
    reason: &str,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let order = json!({
        "program": program.program,
        "server": program.server,
        "for": lasting,
        "reason": reason,
        "author": author.name(),
    });
    let HoldAnswer { hold } = post(config, HOLDS_PATH, &order).await?;
    console::say(&format!(
        "supervigil does not start {} {}; alerts go on",
        hold.name(),
        hold.until()
    ));
    Ok(ExitCode::SUCCESS)
}

/// `release`.
pub(super) async fn release(
    config: &Config,
    program: &Program,
    author: &Author,
) -> anyhow::Result<ExitCode> {
    let order = json!({
        "program": program.program,
        "server": program.server,
        "author": author.name(),
    });
    let HoldAnswer { hold } = post(config, RELEASE_PATH, &order).await?;
    console::say(&format!("{} is not held any more", hold.name()));
    Ok(ExitCode::SUCCESS)
}

/// `holds`: what is silenced, held and under maintenance.
pub(super) async fn holds(config: &Config) -> anyhow::Result<ExitCode> {
    let Silences { silences } = get(config, &format!("{SILENCES_PATH}{ALL}")).await?;
    let Holds { holds } = get(config, &format!("{HOLDS_PATH}{ALL}")).await?;
    let Status { maintenance } = get(config, STATUS_PATH).await?;
    let silences = silences.iter().map(SilenceRow::line);
    let holds = holds.iter().map(HoldRow::line);
    let windows = maintenance.iter().map(WindowRow::line);
    let mut lines: Vec<_> = silences.chain(holds).chain(windows).collect();
    if lines.is_empty() {
        lines.push("nothing is silenced, held or under maintenance".to_owned());
    }
    for line in lines {
        console::say(&line);
    }
    Ok(ExitCode::SUCCESS)
}

async fn post<T: DeserializeOwned>(
    config: &Config,
    path: &str,
    order: &Value,
) -> anyhow::Result<T> {
    let daemon = Running::by(&config.http);
    let body = Bytes::from(order.to_string());
    answer(&daemon, daemon.post(path, body)).await
}

async fn get<T: DeserializeOwned>(config: &Config, path: &str) -> anyhow::Result<T> {
    let daemon = Running::by(&config.http);
    answer(&daemon, daemon.get(path)).await
}

async fn answer<T: DeserializeOwned>(
    daemon: &Running,
    asking: impl Future<Output = Result<(StatusCode, Bytes), Failure>>,
) -> anyhow::Result<T> {
    let url = daemon.url();
    let Ok(outcome) = timeout(DEADLINE, asking).await else {
        bail!(
            "the daemon at {url} does not answer within {} s",
            DEADLINE.as_secs()
        );
    };
    let (status, body) = match outcome {
        Ok(answer) => answer,
        Err(failure) => bail!(
            "cannot reach the daemon at {url}: {}; is `supervigil run` running, with this configuration?",
            crate::daemon::with_causes(&*failure)
        ),
    };
    if !status.is_success() {
        bail!("the daemon at {url} refuses: {}", sentence(&body));
    }
    serde_json::from_slice(&body).with_context(|| {
        format!("the daemon at {url} answers in another way; is it of this version?")
    })
}

#[derive(Debug, Deserialize)]
struct SilenceAnswer {
    silence: SilenceRow,
}

#[derive(Debug, Deserialize)]
struct Silences {
    silences: Vec<SilenceRow>,
}

#[derive(Debug, Deserialize)]
struct SilenceRow {
    id: String,
    pattern: String,
    until: Timestamp,
    author: String,
    reason: String,
}

impl SilenceRow {
    fn line(&self) -> String {
        format!(
            "silence {}  {}  until {}  by {}: {}",
            self.id,
            self.pattern,
            clock(self.until),
            self.author,
            self.reason
        )
    }
}

#[derive(Debug, Deserialize)]
struct HoldAnswer {
    hold: HoldRow,
}

#[derive(Debug, Deserialize)]
struct Holds {
    holds: Vec<HoldRow>,
}

#[derive(Debug, Deserialize)]
struct HoldRow {
    server: ServerName,
    group: String,
    name: String,
    until: Option<Timestamp>,
    author: String,
    reason: String,
}

impl HoldRow {
    fn name(&self) -> String {
        let program = ProgramName::new(&self.group, &self.name);
        ProgramKey::new(&self.server, &program).to_string()
    }

    fn until(&self) -> String {
        let until = self.until.map(|until| format!("until {}", clock(until)));
        until.unwrap_or_else(|| "until it is released".to_owned())
    }

    fn line(&self) -> String {
        let colon = if self.reason.is_empty() { "" } else { ": " };
        let (name, until) = (self.name(), self.until());
        format!(
            "hold {name}  {until}  by {}{colon}{}",
            self.author, self.reason
        )
    }
}

#[derive(Debug, Deserialize)]
struct Status {
    maintenance: Vec<WindowRow>,
}

#[derive(Debug, Deserialize)]
struct WindowRow {
    r#match: String,
    until: Timestamp,
    pause_retries: bool,
}

impl WindowRow {
    fn line(&self) -> String {
        let paused = if self.pause_retries {
            "  starts are paused"
        } else {
            ""
        };
        let (pattern, until) = (&self.r#match, clock(self.until));
        format!("maintenance {pattern}  until {until}{paused}")
    }
}

/// A time by this machine's clock.
fn clock(time: Timestamp) -> String {
    let here = time.to_zoned_datetime(TimeZone::system());
    here.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}
