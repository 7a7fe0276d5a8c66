//! The commands, a file each.
//!
//! Owns the command line and what is printed. Exit codes: 0 all well, 1 a failure, 2 a wrong command
//! line, 78 a bad configuration; `status` has 3 and 4 beside them.

mod check;
mod console;
mod listen;
mod orders;
mod run;
mod running;
mod status;
mod test_notify;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{self, Config, ConfigError, Environment},
    daemon,
};

/// `EX_CONFIG` of sysexits.h.
const BAD_CONFIGURATION: u8 = 78;

/// Keeps watch over supervisord: tells you when a program dies, and starts what gave up.
#[expect(
    clippy::doc_markdown,
    reason = "these comments are the help that people read"
)]
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Without a configuration it watches the supervisord of this host and writes \
alerts to its log.\nExit codes: 0 all well, 1 failure, 2 wrong command line, 78 bad configuration."
)]
struct Arguments {
    /// The configuration file [default: $SUPERVIGIL_CONFIG, ./supervigil.toml,
    /// /etc/supervigil/supervigil.toml, or none: built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch, tell, start and serve metrics, until stopped (the daemon)
    Run,
    /// Name every mistake in the configuration, then look whether all it needs is there
    Check {
        /// Look at the file alone, not at sockets, folders and permissions
        #[arg(long)]
        no_environment: bool,
    },
    /// Show every program once, straight from supervisord (exit 3: something is not as expected, 4:
    /// a supervisord cannot be reached)
    Status {
        /// How to show it
        #[arg(short, long, value_enum, default_value_t = status::Output::Table)]
        output: status::Output,
    },
    /// Print transitions as they happen, one JSON object a line (needs no daemon)
    Watch,
    /// Hand supervisord's events to the running daemon (supervisord starts it, as an event listener)
    Listen {
        /// Whose events they are, by the name of a supervisord in the configuration [default: the only
        /// one, else the one whose url is that of the supervisord that starts it]
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
    },
    /// Tell nobody of what matches, for a while; what still fails then is told
    Silence {
        /// A pattern: *, ? and {a,b} over NAME, GROUP:NAME or SERVER/GROUP:NAME
        pattern: String,
        /// For how long, such as 2h
        #[arg(long = "for", value_name = "DURATION")]
        lasting: String,
        /// Why, as others will read it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        author: orders::Author,
    },
    /// End a silence before its time
    Unsilence {
        /// Which, as `supervigil holds` lists it
        id: String,
        #[command(flatten)]
        author: orders::Author,
    },
    /// Let supervigil start nothing of a program, for a while or until it is released; alerts go on
    Hold {
        #[command(flatten)]
        program: orders::Program,
        /// For how long, such as 2h [default: until it is released]
        #[arg(long = "for", value_name = "DURATION")]
        lasting: Option<String>,
        /// Why, as others will read it
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        #[command(flatten)]
        author: orders::Author,
    },
    /// End a hold
    Release {
        #[command(flatten)]
        program: orders::Program,
        #[command(flatten)]
        author: orders::Author,
    },
    /// List what is silenced, held and under maintenance
    Holds,
    /// Send one real alert of each kind through each channel and print what the receiver answers
    TestNotify {
        /// Only to this channel
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        /// Print the messages, send nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = Environment::of_process();
    match act(&arguments, &environment) {
        Ok(code) => code,
        Err(error) => {
            if let Some(problems) = error.downcast_ref::<ConfigError>() {
                console::complain(&problems.to_string());
                return ExitCode::from(BAD_CONFIGURATION);
            }
            console::complain(&format!("supervigil: {}", daemon::with_causes(&*error)));
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    let path = arguments.config.as_deref();
    let config = config::load(path, environment)?;
    match &arguments.command {
        Command::Run => run::run(config, path.map(PathBuf::from), environment.clone()),
        Command::Check { no_environment } => in_runtime(check::check(&config, !no_environment)),
        Command::Status { output } => in_runtime(status::status(&config, *output)),
        Command::Watch => in_runtime(watch::watch(&config)),
        Command::Listen { server } => {
            in_runtime(listen::listen(&config, environment, server.as_deref()))
        }
        Command::Silence {
            pattern,
            lasting,
            reason,
            author,
        } => in_runtime(orders::silence(&config, pattern, lasting, reason, author)),
        Command::Unsilence { id, author } => in_runtime(orders::unsilence(&config, id, author)),
        Command::Hold {
            program,
            lasting,
            reason,
            author,
        } => in_runtime(orders::hold(
            &config,
            program,
            lasting.as_deref(),
            reason,
            author,
        )),
        Command::Release { program, author } => {
            in_runtime(orders::release(&config, program, author))
        }
        Command::Holds => in_runtime(orders::holds(&config)),
        Command::TestNotify { channel, dry_run } => in_runtime(test_notify::test_notify(
            &config,
            channel.as_deref(),
            *dry_run,
        )),
    }
}

/// Runs a command to its end. One thread is plenty: the work is waiting for sockets.
fn in_runtime(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(command);
    // What still runs is not waited for: a second signal stops at once.
    runtime.shutdown_background();
    outcome
}

/// The configured supervisords' clients, with their names.
fn clients(config: &Config) -> Vec<(crate::model::ServerName, crate::supervisord::Client)> {
    let of = |settings| crate::supervisord::Client::new(settings);
    config
        .supervisords
        .iter()
        .map(|settings| (settings.name.clone(), of(settings)))
        .collect()
}
