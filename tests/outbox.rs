//! The outbox from outside: text scenarios whose effects are snapshots, and a world in which receivers
//! answer anything and the program dies at any time.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "outbox/scenario.rs"]
mod scenario;
#[path = "outbox/subjects.rs"]
mod subjects;
#[path = "outbox/world.rs"]
mod world;

use std::fmt::Write as _;

use scenario::play;

#[test]
fn a_group_is_one_message() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +500ms opened B
        +600ms log A
        +1s answer taken
        +10s closed A
        +5s opened C
        +60s answer taken
        +200s closed B
        +2s answer taken
        "
    ));
}

#[test]
fn what_may_have_arrived_goes_out_as_it_was() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer timeout
        +0s opened B
        +2s answer server_error
        +5s answer busy
        +10s answer throttled
        +610s answer taken
        +61s answer taken
        "
    ));
}

#[test]
fn a_receiver_that_asks_for_a_wait_gets_it_within_bounds() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer busy/+30s
        +30s answer server_error/+1s
        +2s answer busy/+86400s
        +600s answer taken
        "
    ));
}

#[test]
fn what_was_refused_is_rendered_anew() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer throttled
        +10s opened B
        +10s closed A
        +600s answer unreachable
        +2s answer quota
        +3600s answer blocked
        +300s answer taken
        "
    ));
}

#[test]
fn less_is_said_where_the_receiver_objects() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +0s opened B
        +1s answer content
        +0s answer too_long
        +0s answer too_long
        +0s answer too_long
        +0s answer taken
        "
    ));
}

#[test]
fn what_can_never_arrive_is_dropped_and_told() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer rejected
        +10s opened B
        +60s answer taken
        "
    ));
}

#[test]
fn a_dead_receiver_is_tried_slowly_until_the_notices_are_old() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer clock
        +0s answer clock
        +120s answer misconfigured
        +240s answer dead
        +600s answer dead
        +85500s answer dead
        +600s answer taken
        "
    ));
}

#[test]
fn the_other_channels_are_told_of_one_that_needs_mending() {
    insta::assert_snapshot!(play(
        "
        +0s channels ops,night,hook
        +0s opened A
        +1s answer taken night
        +0s answer taken hook
        +0s answer dead ops
        +60s answer taken night
        +600s answer misconfigured ops
        +0s restart
        +60s answer taken ops
        +1s answer taken night
        "
    ));
}

#[test]
fn the_other_channels_are_told_of_one_that_is_to_be_quiet() {
    insta::assert_snapshot!(play(
        "
        +0s channels ops,night
        +0s opened A
        +1s answer taken night
        +0s answer throttled ops
        +60s answer taken night
        +0s restart
        +600s answer quota ops
        +3600s answer dead ops
        +60s answer taken night
        +600s answer throttled ops
        +600s answer taken ops
        +60s answer taken night
        "
    ));
}

#[test]
fn a_round_that_nobody_takes_is_told_once_over_a_restart() {
    insta::assert_snapshot!(play(
        "
        +0s channels am,night
        +0s opened A
        +1s answer taken night
        +0s answer taken am
        +60s answer misconfigured am
        +60s answer taken night
        +0s restart
        +0s answer misconfigured am
        +120s answer taken am
        +60s answer taken night
        "
    ));
}

#[test]
fn a_channel_that_is_mended_before_it_was_told_is_one_line() {
    insta::assert_snapshot!(play(
        "
        +0s channels ops,night
        +0s opened A
        +1s answer dead ops
        +0s answer quota night
        +600s answer taken ops
        +3000s answer taken night
        "
    ));
}

#[test]
fn alerts_are_posted_again_every_minute_as_they_are_by_then() {
    insta::assert_snapshot!(play(
        "
        +0s channels am
        +0s opened A
        +1s answer timeout
        +0s opened B
        +2s answer taken
        +30s reminder A
        +30s answer taken
        +5s closed B
        +1s answer taken
        +54s answer unreachable
        +60s answer taken
        +10s restart
        +0s answer taken
        +1000s answer taken
        "
    ));
}

#[test]
fn what_was_dropped_is_not_told_to_who_holds_alerts() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s answer rejected
        +0s channels am
        +0s answer taken
        +60s answer taken
        "
    ));
}

#[test]
fn a_full_minute_has_room_for_an_escalation_and_what_goes_before_it() {
    let mut script = "+0s channels hook\n".to_owned();
    for number in 0..14 {
        writeln!(script, "+0s opened P{number:02}").unwrap();
    }
    script += "+1s answer taken\n";
    for _ in 1..12 {
        script += "+100ms answer taken\n";
    }
    script +=
        "+1s opened Q\n+1s escalated Q\n+0s answer taken\n+0s answer taken\n+58s answer taken\n";
    let log = play(&script);
    let sent: Vec<&str> = log.lines().filter(|line| line.contains("SEND")).collect();
    insta::assert_snapshot!(sent.join("\n"));
}

#[test]
fn a_restart_sends_again_what_may_have_arrived() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s opened B
        +1s restart
        +0s answer taken
        +61s answer taken
        "
    ));
}

#[test]
fn a_channel_that_goes_takes_its_notices_with_it() {
    insta::assert_snapshot!(play(
        "
        +0s channels ops,night
        +0s opened A
        +0s channels ops
        +2s answer taken
        "
    ));
}

#[test]
fn a_channel_by_another_name_keeps_its_notices() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +1s opened B
        +0s channels night
        +1s answer taken
        +0s opened C
        +0s restart day
        +61s answer taken
        "
    ));
}

#[test]
fn bytes_for_one_kind_of_receiver_are_sent_to_no_other_after_a_restart() {
    insta::assert_snapshot!(play(
        "
        +0s opened A
        +2s restart hook
        +1s answer taken
        "
    ));
}

#[test]
fn the_queue_is_bounded_and_reminders_go_first() {
    let mut script = "+0s opened A\n+1s answer dead\n+0s reminder R\n".to_owned();
    for number in 0..1000 {
        writeln!(script, "+0s opened P{number}").unwrap();
    }
    let log = play(&script);
    let dropped: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("DROPPED") || line.contains("done"))
        .collect();
    insta::assert_snapshot!(dropped.join("\n"));
}
