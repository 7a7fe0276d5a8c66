//! `listen`: an event listener of supervisord that hands its events to the running daemon.
//!
//! supervisord waits for the answer to an event before it sends the next one, and discards events when
//! too many wait. So each one is answered as soon as it is there, whatever becomes of it: it waits here
//! for the daemon, and what has no room any more is counted, so that the daemon knows of the gap.
//!
//! Standard output belongs to the protocol (`PEventListenerDispatcher` in supervisor's dispatchers.py):
//! anything else on it, and supervisord never sends another event.

mod post;
mod queue;

use std::{
    future::pending, io::IsTerminal as _, os::fd::AsFd as _, pin::Pin, process::ExitCode,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    net::unix::pipe,
    time::{sleep, timeout},
};

use self::{post::Sender, queue::Queue};
use super::{BAD_CONFIGURATION, console};
use crate::{
    config::{Config, Environment},
    daemon::{Signal, Signals},
    model::ServerName,
    supervisord::listener::{Event, Reader},
};

/// The exit code of a wrong use of the command, as clap has it.
const WRONG_USE: u8 = 2;

/// What tells supervisord that an event may come.
const READY: &str = "READY\n";

/// What answers an event, and asks for the next one.
const TAKEN: &str = "RESULT 2\nOKREADY\n";

/// What may be read at once: all that a pipe of Linux holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// After a silence of that length supervisord has written all of an event. It writes one in one piece,
/// and needs a second only where that is longer than a pipe holds.
const SILENCE: Duration = Duration::from_millis(200);

/// How long the end waits for the daemon to take what is left. supervisord kills after 10 s.
const GRACE: Duration = Duration::from_secs(2);

const USE: &str = "supervigil listen hands supervisord's events to the running supervigil and is \
started by supervisord itself: put [eventlistener:supervigil] with command=supervigil listen and \
events=PROCESS_STATE,PROCESS_GROUP,SUPERVISOR_STATE_CHANGE into supervisord.conf, then run \
`supervisorctl update`";

pub(super) async fn listen(
    config: &Config,
    environment: &Environment,
    server: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let Some(events) = supervisords_pipe(environment) else {
        console::complain(USE);
        return Ok(ExitCode::from(WRONG_USE));
    };
    let server = match choose(config, environment, server) {
        Ok(server) => server,
        Err(sentence) => {
            console::complain(&sentence);
            return Ok(ExitCode::from(BAD_CONFIGURATION));
        }
    };
    let signals = Signals::install()?;
    let listening = Listening {
        reader: Reader::default(),
        queue: Queue::new(server),
        idle: Some(Sender::new(&config.http)),
        busy: None,
    };
    listening.run(events, signals).await?;
    Ok(ExitCode::SUCCESS)
}

/// Standard input, where a supervisord is at its other end.
fn supervisords_pipe(environment: &Environment) -> Option<pipe::Receiver> {
    environment.get("SUPERVISOR_ENABLED")?;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return None;
    }
    let stdin = stdin.as_fd().try_clone_to_owned().ok()?;
    pipe::Receiver::from_owned_fd(stdin).ok()
}

/// Which supervisord the events are of; a sentence where that cannot be told.
fn choose(
    config: &Config,
    environment: &Environment,
    server: Option<&str>,
) -> Result<ServerName, String> {
    let all = &config.supervisords;
    let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(", ");
    if let Some(wanted) = server {
        let found = all.iter().find(|one| one.name.as_str() == wanted);
        return found.map(|one| one.name.clone()).ok_or_else(|| {
            format!(
                "supervigil listen: no [[supervisord]] is called {wanted:?}; give --server one of {names}"
            )
        });
    }
    if let [only] = all.as_slice() {
        return Ok(only.name.clone());
    }
    let parent = config.supervisord_that_started_us(environment);
    parent.map(|one| one.name.clone()).ok_or_else(|| {
        format!(
            "supervigil listen: none of the [[supervisord]] has the url of $SUPERVISOR_SERVER_URL; \
             say whose events these are with --server, one of {names}"
        )
    })
}

/// A post under way: it ends with the sender, and with how many events the daemon refused for good.
type Posting = Pin<Box<dyn Future<Output = (Sender, u64)>>>;

/// The state of the command.
struct Listening {
    reader: Reader,
    queue: Queue,
    /// Either this or `busy` is there.
    idle: Option<Sender>,
    busy: Option<Posting>,
}

impl Listening {
    async fn run(mut self, mut events: pipe::Receiver, mut signals: Signals) -> anyhow::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut listens = console::answer(READY);
        while listens {
            self.send();
            let undecided = self.reader.is_undecided();
            // Cancel-safe: reading from a pipe and from a signal stream lose nothing, the post goes on
            // where it was, and the silence is to be one without anything else.
            tokio::select! {
                read = events.read(&mut chunk) => match read? {
                    0 => break,
                    length => {
                        self.reader.feed(chunk.get(..length).unwrap_or_default());
                        while let Some(event) = self.reader.next_event() {
                            listens &= self.take(event);
                        }
                        self.queue.note_skipped(self.reader.skipped());
                    }
                },
                () = sleep(SILENCE), if undecided => {
                    if let Some(event) = self.reader.settle() {
                        listens &= self.take(event);
                    }
                }
                (sender, refused) = posted(&mut self.busy) => self.posted(sender, refused),
                signal = signals.next() => match signal {
                    Signal::Stop => break,
                    Signal::Reload => {}
                },
            }
        }
        let flushed = timeout(GRACE, self.flush()).await;
        if flushed.is_err() {
            console::complain(&format!(
                "supervigil listen: ends with {} events that the daemon did not take",
                self.queue.unsent()
            ));
        }
        Ok(())
    }

    /// Answers an event, and only then looks at it; false when supervisord does not listen any more.
    fn take(&mut self, event: Event) -> bool {
        let answered = console::answer(TAKEN);
        self.queue.take(event);
        answered
    }

    /// Begins to post what waits, unless a post is under way.
    fn send(&mut self) {
        let Some(sender) = self.idle.take() else {
            return;
        };
        match self.queue.next_batch() {
            Some(batch) => self.busy = Some(Box::pin(sender.deliver(batch))),
            None => self.idle = Some(sender),
        }
    }

    fn posted(&mut self, sender: Sender, refused: u64) {
        self.busy = None;
        self.idle = Some(sender);
        self.queue.delivered(refused);
    }

    /// Posts all that is left.
    async fn flush(&mut self) {
        self.send();
        while self.busy.is_some() {
            let (sender, refused) = posted(&mut self.busy).await;
            self.posted(sender, refused);
            self.send();
        }
    }
}

/// The end of the post under way; never, where there is none.
async fn posted(busy: &mut Option<Posting>) -> (Sender, u64) {
    match busy {
        Some(posting) => posting.await,
        None => pending().await,
    }
}
