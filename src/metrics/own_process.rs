//! supervigil's own process, from /proc, under the names that all Prometheus clients use.

use procfs::{
    ProcResult,
    process::{LimitValue, Process},
};
use prometheus::{
    core::{Collector, Desc},
    proto::MetricFamily,
};

use super::family::{Declared, length, number};

const CPU: Declared<0> = Declared::counter(
    "process_cpu_seconds_total",
    [],
    "Total user and system CPU time spent, in seconds.",
);
const RESIDENT: Declared<0> = Declared::gauge(
    "process_resident_memory_bytes",
    [],
    "Resident memory size in bytes.",
);
const VIRTUAL: Declared<0> = Declared::gauge(
    "process_virtual_memory_bytes",
    [],
    "Virtual memory size in bytes.",
);
const OPEN_FDS: Declared<0> =
    Declared::gauge("process_open_fds", [], "Number of open file descriptors.");
const MAX_FDS: Declared<0> = Declared::gauge(
    "process_max_fds",
    [],
    "Maximum number of open file descriptors; absent when there is no limit.",
);
const START: Declared<0> = Declared::gauge(
    "process_start_time_seconds",
    [],
    "When the process started, in seconds since the epoch.",
);
const THREADS: Declared<0> = Declared::gauge(
    "process_threads",
    [],
    "Number of threads of the operating system.",
);

/// The collector over /proc/self.
pub(super) struct OwnProcess {
    descs: Vec<Desc>,
}

impl OwnProcess {
    /// A collector with its families declared.
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let descs = [
            CPU.desc(),
            RESIDENT.desc(),
            VIRTUAL.desc(),
            OPEN_FDS.desc(),
            MAX_FDS.desc(),
            START.desc(),
            THREADS.desc(),
        ]
        .into_iter()
        .collect::<Result<_, _>>()?;
        Ok(Self { descs })
    }
}

impl Collector for OwnProcess {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    /// A /proc that is hidden or cannot be read leaves the families out: no number is better than a
    /// wrong one.
    fn collect(&self) -> Vec<MetricFamily> {
        families().unwrap_or_default()
    }
}

fn families() -> ProcResult<Vec<MetricFamily>> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let ticks = number(procfs::ticks_per_second());
    let max_fds = match process.limits()?.max_open_files.soft_limit {
        LimitValue::Value(limit) => Some(number(limit)),
        LimitValue::Unlimited => None,
    };
    let boot = number(procfs::boot_time_secs()?);
    Ok(vec![
        CPU.with(only(number(stat.utime + stat.stime) / ticks)),
        RESIDENT.with(only(number(stat.rss * procfs::page_size()))),
        VIRTUAL.with(only(number(stat.vsize))),
        OPEN_FDS.with(only(length(process.fd_count()?))),
        MAX_FDS.with(max_fds.map(|limit| ([], limit))),
        START.with(only(boot + number(stat.starttime) / ticks)),
        THREADS.with(only(number(stat.num_threads.unsigned_abs()))),
    ])
}

fn only(value: f64) -> [([&'static str; 0], f64); 1] {
    [([], value)]
}
