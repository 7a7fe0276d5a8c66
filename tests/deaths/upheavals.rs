//! What befalls many programs at once: they are taken out, supervisord reloads, supervisord dies.

use rustix::process::Signal;

use crate::{
    rows::{program, started},
    stage::{Stage, kill},
    truth::{Death, Fate, signal},
};

const KEPT: [&str; 3] = ["steady", "hurt", "orphan"];
/// The one that is taken out.
const DOOMED: &str = "doomed";

/// The programs that all of this is done to, as they are at first.
pub(crate) fn sections() -> String {
    kept() + &program(DOOMED, "live", &["startsecs=0", "autorestart=false"])
}

fn kept() -> String {
    KEPT.map(|name| started(name, "live", &["startsecs=0", "autorestart=true"]))
        .concat()
}

/// Plays all of it, one after the other, on a stage that is set with [`sections`].
pub(crate) fn play(stage: &mut Stage) -> Vec<Fate> {
    let doomed = an_update_takes_a_dying_program_out(stage);
    let reloaded = a_reload(stage);
    let killed = supervisord_is_killed_while_a_program_dies(stage);
    let fates = KEPT.iter().zip(reloaded.into_iter().zip(killed));
    let fates = fates.map(|(name, (reloaded, killed))| Fate::new(*name, vec![reloaded, killed]));
    fates.chain([Fate::new(DOOMED, vec![doomed])]).collect()
}

/// supervisord may find it dead, or stop what is dying.
fn an_update_takes_a_dying_program_out(stage: &mut Stage) -> Death {
    let pid = stage.start_and_see(DOOMED);
    kill(pid, 9);
    stage.update(&kept());
    Death::killed_on_its_way_out(pid, signal("SIGKILL"))
}

fn a_reload(stage: &Stage) -> [Death; 3] {
    let pids = lives(stage, 1);
    let output = stage.supervisord.ctl(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    lives(stage, 2);
    pids.map(|pid| Death::went_with_supervisord(pid, signal("SIGTERM")))
}

/// One program is killed, and supervisord before it can say so. The others live on, and their ends are
/// no business of the next supervisord.
fn supervisord_is_killed_while_a_program_dies(stage: &mut Stage) -> [Death; 3] {
    let [steady, hurt, orphan] = lives(stage, 2);
    stage.supervisord.signal(Signal::STOP);
    kill(hurt, 9);
    stage.supervisord.kill9();
    stage.supervisord.restart();
    lives(stage, 3);
    kill(steady, 9);
    kill(orphan, 9);
    [
        Death::lost_sight_of(steady),
        Death::killed_with_supervisord(hurt, signal("SIGKILL")),
        Death::lost_sight_of(orphan),
    ]
}

/// Waits until supervigil knows of each one's `nth` life; returns their pids.
fn lives(stage: &Stage, nth: usize) -> [u32; 3] {
    KEPT.map(|name| {
        let pid = stage.wait_for_life(name, nth);
        stage.wait_until_seen(name, "RUNNING", pid);
        pid
    })
}
