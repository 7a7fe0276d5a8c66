//! How long a poll of 1000 programs takes to read, and how much memory it needs at its peak.
//!
//! `cargo bench --bench parse`. The number to stay under is 25 ms: a poll is read on a thread that other
//! work waits for.

use std::{
    fmt::Write as _,
    fs, hint,
    io::{self, Write as _},
    time::Duration,
};

use supervigil::supervisord::codec;

const PROGRAMS: usize = 1000;

/// Enough for a 99th percentile that is more than the worst of all.
const ROUNDS: u32 = 300;

fn main() -> io::Result<()> {
    let body = answer();
    let before = resident_kib("VmRSS:")?;
    let cpu_before = cpu_time()?;
    let mut durations: Vec<_> = (0..ROUNDS).map(|_| read_once(&body)).collect();
    let cpu = cpu_time()?.saturating_sub(cpu_before) / ROUNDS;
    let peak = resident_kib("VmHWM:")?;
    durations.sort_unstable();
    let at = |share: usize| {
        let place = durations.len() * share / 100;
        durations.get(place).copied().unwrap_or_default()
    };
    let (median, p99) = (at(50), at(99));
    writeln!(
        io::stdout(),
        "{PROGRAMS} programs, {} bytes: median {:.1} ms, p99 {:.1} ms, CPU {:.1} ms; resident {before} KiB before, {peak} KiB at the peak",
        body.len(),
        milliseconds(median),
        milliseconds(p99),
        milliseconds(cpu),
    )
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::disallowed_types, reason = "the wall time is what is measured")]
fn read_once(body: &str) -> Duration {
    let body = body.to_owned();
    let began = std::time::Instant::now();
    let snapshot = codec::read_poll(body, None);
    let took = began.elapsed();
    let read = hint::black_box(snapshot).map_or(0, |(snapshot, _)| snapshot.processes.len());
    assert_eq!(read, PROGRAMS, "every program is read");
    took
}

/// As supervisord writes it: every member on lines of its own, in its order.
fn answer() -> String {
    let mut body = String::from(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n<value><int>4711</int></value>\n\
         <value><string>supervisor</string></value>\n<value><string>4.2.5</string></value>\n\
         <value><string>3.0</string></value>\n<value><array><data>\n",
    );
    for number in 0..PROGRAMS {
        body += "<value><struct>\n";
        write_program(&mut body, number);
        body += "</struct></value>\n";
    }
    body += "</data></array></value>\n</data></array></value>\n</param>\n</params>\n</methodResponse>\n";
    body
}

fn write_program(body: &mut String, number: usize) {
    let text = |text: String| format!("<string>{text}</string>");
    let int = |number: usize| format!("<int>{number}</int>");
    let name = format!("node_{number:04}");
    let log = text(format!("/var/log/{name}.log"));
    let start = 1_795_400_000 + number;
    for (member, value) in [
        ("name", text(name.clone())),
        ("group", text(name.clone())),
        ("start", int(start)),
        ("stop", int(start - 3)),
        ("now", int(1_795_455_295)),
        ("state", int(20)),
        ("statename", text("RUNNING".to_owned())),
        ("spawnerr", text(String::new())),
        ("exitstatus", int(0)),
        ("logfile", log.clone()),
        ("stdout_logfile", log),
        ("stderr_logfile", text(format!("/var/log/{name}.err"))),
        ("pid", int(10_000 + number)),
        (
            "description",
            text(format!(
                "pid {}, uptime 15:21:{:02}",
                10_000 + number,
                number % 60
            )),
        ),
    ] {
        let _written = write!(
            body,
            "<member>\n<name>{member}</name>\n<value>{value}</value>\n</member>\n"
        );
    }
}

/// What this thread has used so far, from `/proc/thread-self/schedstat` (sched-stats.rst of Linux). On a
/// busy machine it is the number to compare, as the wall time counts what others do.
fn cpu_time() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    stat.split(' ')
        .next()
        .and_then(|nanoseconds| nanoseconds.parse().ok())
        .map(Duration::from_nanos)
        .ok_or_else(|| io::Error::other("no number in /proc/thread-self/schedstat"))
}

/// A line of `proc_pid_status(5)`.
fn resident_kib(field: &str) -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::other("no such line in /proc/self/status"))
}
