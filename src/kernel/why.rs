//! Why a process, or all of them, cannot be watched.

use std::fmt;

/// Why not. `Display` is a sentence for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WhyNot {
    /// Linux before 5.3.
    OldKernel,
    /// A sandbox forbids `pidfd_open`.
    Forbidden,
    /// supervisord is reached over TCP.
    NotLocal,
    /// supervisord's pids are numbers of another pid namespace.
    OtherNamespace,
    /// It could not be found out who listens at supervisord's socket.
    Unanswered,
    /// The limit of open files is reached, or as near as it may come.
    TooManyFiles,
    /// `/proc` does not show it.
    Hidden,
    /// There is no such process.
    Gone,
    /// Its parent is not supervisord.
    NotItsChild,
    /// It may have been started after the look that showed its pid.
    Younger,
}

impl WhyNot {
    /// Its name in labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::OldKernel => "old_kernel",
            Self::Forbidden => "forbidden",
            Self::NotLocal => "not_local",
            Self::OtherNamespace => "other_namespace",
            Self::Unanswered => "unanswered",
            Self::TooManyFiles => "too_many_files",
            Self::Hidden => "hidden",
            Self::Gone => "gone",
            Self::NotItsChild => "not_its_child",
            Self::Younger => "younger",
        }
    }

    /// Whether it can pass by itself, without another supervisord or another pid.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Unanswered | Self::TooManyFiles | Self::Younger => true,
            Self::OldKernel
            | Self::Forbidden
            | Self::NotLocal
            | Self::OtherNamespace
            | Self::Hidden
            | Self::Gone
            | Self::NotItsChild => false,
        }
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OldKernel => "this kernel has no pidfds, which Linux has since 5.3",
            Self::Forbidden => "a sandbox forbids pidfd_open",
            Self::NotLocal => {
                "supervisord is reached over TCP, so its pids may be those of another host"
            }
            Self::OtherNamespace => {
                "supervisord runs in another pid namespace, so its pids name other processes here"
            }
            Self::Unanswered => "it cannot be told who listens at supervisord's socket",
            Self::TooManyFiles => "the limit of open files leaves no room for more processes",
            Self::Hidden => "/proc does not show the process",
            Self::Gone => "there is no process of that pid",
            Self::NotItsChild => "the process of that pid is no child of supervisord",
            Self::Younger => "the process may have been started after the look that showed its pid",
        })
    }
}
