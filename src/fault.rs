//! The steps from a transition to the mark that it was told: a test has supervigil die at one of them,
//! as by `kill -9`, with `SUPERVIGIL_DIES_AT=after_commit:3` (the third time). Release builds pass them
//! all.

/// A step; supervigil dies right at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A turn's records are about to be given to the disk.
    BeforeCommit,
    /// They are in a transaction that is not committed.
    InTransaction,
    /// They are on the disk, and nothing has come of them.
    AfterCommit,
    /// A message is about to be sent.
    BeforeSend,
    /// Its receiver has answered, which is written down nowhere.
    AfterAnswer,
}

impl Step {
    /// Goes on, unless this is where it is to end.
    pub(crate) fn pass(self) {
        #[cfg(debug_assertions)]
        armed::pass(self);
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        env,
        sync::{
            OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::Step;

    /// Which step is the end, and after how many times.
    static END: OnceLock<Option<(String, usize)>> = OnceLock::new();
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    #[expect(
        clippy::disallowed_methods,
        reason = "it is a test's word to one process, and no setting"
    )]
    pub(super) fn pass(step: Step) {
        let end = END.get_or_init(|| {
            let asked = env::var("SUPERVIGIL_DIES_AT").ok()?;
            let (name, times) = asked.split_once(':')?;
            Some((name.to_owned(), times.parse().ok()?))
        });
        let Some((name, times)) = end else {
            return;
        };
        if name == step.name() && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *times {
            let _unreachable = kill_process(getpid(), Signal::KILL);
        }
    }

    impl Step {
        fn name(self) -> &'static str {
            match self {
                Self::BeforeCommit => "before_commit",
                Self::InTransaction => "in_transaction",
                Self::AfterCommit => "after_commit",
                Self::BeforeSend => "before_send",
                Self::AfterAnswer => "after_answer",
            }
        }
    }
}
