//! Programs of real supervisords.

use rustix::process::{Pid, Signal, kill_process};
use supervigil::{
    kernel::{Limits, Report},
    model::PidNews,
};

use crate::{
    each_release,
    rig::{Rig, killed},
    support::{
        programs::healthy,
        supervisord::{Release, Supervisord},
    },
};

each_release!(a_killed_program_is_told_of_before_supervisord_is_asked);

fn a_killed_program_is_told_of_before_supervisord_is_asked(release: Release) {
    let supervisord = Supervisord::start(release, &healthy("es"));
    supervisord.wait_for_state("es", "RUNNING");
    let before = supervisord.log();
    let pid = supervisord.pid_of("es").unwrap();
    let mut rig = Rig::over(supervisord.pid(), supervisord.socket(), Limits::default());
    rig.look(&[(pid, "es")]);
    rig.expect(&Report::Up);
    rig.expect_news(pid, "es", &[PidNews::Watched]);
    assert_eq!(
        supervisord.log(),
        before,
        "finding out who listens is quiet"
    );
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    rig.expect_news(pid, "es", &[PidNews::Dead, killed(9)]);
}
