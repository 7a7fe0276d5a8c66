//! What holds whatever happens: the model walked at random, polled at random times, with restarts of
//! supervisord and of supervigil anywhere.

use std::time::Duration;

use globset::Glob;
use proptest::{collection::vec, option, prelude::*, sample::select};
use supervigil::{
    engine::{Order, ProgramRule, RetryRule, RetrySettings, Settings, Whom},
    model::{Incident, ProgramName},
};

use super::{
    laws::{Laws, fatal_is_an_open_incident},
    rig::{self, Rig},
    supervisord::{Autorestart, End, Fate, Spec, Supervisord, Who},
};

const PROGRAMS: usize = 4;

#[derive(Debug, Clone)]
enum Action {
    Dies(usize, End),
    Fate(usize, Fate),
    Start(usize),
    Stop(usize),
    Restart(usize),
    Update(usize),
    Reload,
    RestartSupervisord,
    RestartSupervigil,
    Hang,
    Answer,
    Silence(Option<usize>, u64),
    Unsilence,
    Hold(usize, Option<u64>),
    Release(usize),
    SupervisordClock(i64),
    SupervigilClock(i64),
}

/// What a walk's settings differ in.
#[derive(Debug, Clone)]
struct Wishes {
    retry: Option<RetrySettings>,
    every_crash: bool,
    resolve_after: Duration,
}

#[derive(Debug, Clone)]
struct Walk {
    specs: Vec<Spec>,
    wishes: Wishes,
    polls: (u64, u64),
    start_takes: (u64, u64),
    actions: Vec<(u64, Action)>,
}

fn an_end() -> impl Strategy<Value = End> {
    select(vec![End::Code(0), End::Code(3), End::Signal])
}

fn a_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Lives),
        3 => (50_u64..4000, an_end()).prop_map(|(after, end)| Fate::Ends { after, end }),
        1 => Just(Fate::CannotSpawn),
        1 => Just(Fate::NoFile),
    ]
}

fn a_spec(name: usize, fate: BoxedStrategy<Fate>) -> impl Strategy<Value = Spec> {
    let autorestart = [
        Autorestart::Always,
        Autorestart::Unexpected,
        Autorestart::Never,
    ];
    (
        0_u64..3,
        0_u32..4,
        select(autorestart.to_vec()),
        any::<bool>(),
        50_u64..1500,
        fate,
    )
        .prop_map(
            move |(startsecs, startretries, autorestart, autostart, stop_takes, fate)| Spec {
                startsecs,
                startretries,
                autorestart,
                autostart,
                stop_takes,
                fate,
                ..Spec::new(&format!("p{name}"))
            },
        )
}

fn specs(fate: &BoxedStrategy<Fate>) -> impl Strategy<Value = Vec<Spec>> + use<> {
    (0..PROGRAMS)
        .map(|name| a_spec(name, fate.clone()))
        .collect::<Vec<_>>()
}

fn a_retry() -> impl Strategy<Value = RetrySettings> {
    let limits = (1_u32..4, 1_u32..3, 1_u32..5, any::<bool>());
    let times = (1_u64..10, option::of(20_u64..60), 0.0..0.5_f64);
    (limits, times).prop_map(
        |((attempts, concurrent, per_minute, exited), (backoff, probe, jitter))| RetrySettings {
            on_exited: exited,
            max_attempts: attempts,
            max_concurrent: concurrent,
            max_per_minute: per_minute,
            backoff: Duration::from_secs(backoff),
            backoff_max: Duration::from_secs(backoff * 3),
            reset_after: Duration::from_secs(30),
            probe_interval: probe.map(Duration::from_secs),
            jitter,
            ..rig::retry()
        },
    )
}

fn some_wishes() -> impl Strategy<Value = Wishes> {
    let retry = option::weighted(0.8, a_retry());
    (retry, any::<bool>(), 1_u64..20).prop_map(|(retry, every_crash, resolve_after)| Wishes {
        retry,
        every_crash,
        resolve_after: Duration::from_secs(resolve_after),
    })
}

impl Wishes {
    fn settings(&self) -> Settings {
        let mut settings = Settings {
            retry: self.retry.clone(),
            ..rig::settings()
        };
        settings.alert.resolve_after = self.resolve_after;
        settings.programs = vec![ProgramRule {
            matcher: Glob::new("*").unwrap().compile_matcher(),
            severity: None,
            expected_up: true,
            retry: RetryRule::Inherit,
            alert_on_crash: self.every_crash,
            runbook: None,
            at_mobiles: Vec::new(),
        }];
        settings
    }
}

fn an_operators_action() -> impl Strategy<Value = Action> {
    let which = 0..PROGRAMS;
    prop_oneof![
        which.clone().prop_map(Action::Start),
        which.clone().prop_map(Action::Stop),
        which.clone().prop_map(Action::Restart),
        which.prop_map(Action::Update),
        Just(Action::Reload),
        Just(Action::RestartSupervisord),
        Just(Action::RestartSupervigil),
    ]
}

fn an_action() -> impl Strategy<Value = Action> {
    let which = 0..PROGRAMS;
    prop_oneof![
        4 => (which.clone(), an_end()).prop_map(|(i, end)| Action::Dies(i, end)),
        4 => (which, a_fate()).prop_map(|(i, fate)| Action::Fate(i, fate)),
        4 => an_operators_action(),
        1 => Just(Action::Hang),
        2 => Just(Action::Answer),
        2 => an_order(),
    ]
}

fn an_order() -> impl Strategy<Value = Action> {
    let which = 0..PROGRAMS;
    prop_oneof![
        3 => (option::of(which.clone()), 1_u64..60).prop_map(|(i, s)| Action::Silence(i, s)),
        1 => Just(Action::Unsilence),
        2 => (which.clone(), option::of(1_u64..60)).prop_map(|(i, s)| Action::Hold(i, s)),
        1 => which.prop_map(Action::Release),
    ]
}

fn a_jump() -> impl Strategy<Value = Action> {
    prop_oneof![
        (-100_000_i64..100_000).prop_map(Action::SupervisordClock),
        (-100_000_i64..100_000).prop_map(Action::SupervigilClock),
    ]
}

fn a_walk(
    fate: &BoxedStrategy<Fate>,
    action: impl Strategy<Value = Action>,
) -> impl Strategy<Value = Walk> {
    let actions = vec((0_u64..9000, action), 1..40);
    let polls = (200_u64..7000, select(vec![0_u64, 0, 30, 300]));
    let start_takes = (1_u64..400, 1_u64..2000);
    (specs(fate), some_wishes(), polls, start_takes, actions).prop_map(
        |(specs, wishes, polls, start_takes, actions)| Walk {
            specs,
            wishes,
            polls,
            start_takes,
            actions,
        },
    )
}

fn act(rig: &mut Rig, action: &Action) {
    let name = |rig: &Rig, i: usize| rig.sim.programs[i].spec.name.clone();
    match *action {
        Action::Dies(i, end) => rig.sim.dies(&name(rig, i), end),
        Action::Fate(i, fate) => rig.sim.fate(&name(rig, i), fate),
        Action::Start(i) => {
            let _answer = rig.sim.start(&name(rig, i), Who::Operator);
        }
        Action::Stop(i) => {
            let _answer = rig.sim.stop(&name(rig, i));
        }
        Action::Restart(i) => rig.sim.restart(&name(rig, i)),
        Action::Update(i) => rig.sim.update(&name(rig, i)),
        Action::Reload => rig.sim.leave(Some(60), true),
        Action::RestartSupervisord => rig.sim.leave(Some(2000), false),
        Action::RestartSupervigil => rig.start(),
        Action::Hang => rig.sim.hangs = true,
        Action::Answer => rig.sim.hangs = false,
        Action::Silence(i, seconds) => {
            let pattern = i.map_or_else(|| "*".to_owned(), |i| name(rig, i).full());
            let _answer = rig.order(Order::Silence {
                pattern,
                lasting: Duration::from_secs(seconds),
                reason: "a reason".to_owned(),
            });
        }
        Action::Unsilence => {
            let silence = rig.saved.silences.first();
            if let Some(id) = silence.map(|silence| silence.id.clone()) {
                rig.order(Order::EndSilence { id }).unwrap();
            }
        }
        Action::Hold(i, seconds) => {
            let _answer = rig.order(Order::Hold {
                program: whom(&name(rig, i)),
                lasting: seconds.map(Duration::from_secs),
                reason: String::new(),
            });
        }
        Action::Release(i) => {
            let program = whom(&name(rig, i));
            let _answer = rig.order(Order::Release { program });
        }
        Action::SupervisordClock(by) => rig.sim.clock += by,
        Action::SupervigilClock(by) => rig.clock += by,
    }
}

fn whom(name: &ProgramName) -> Whom {
    Whom {
        server: None,
        name: name.full(),
    }
}

/// Walks, holding the laws against everything after each action.
fn walk(walk: &Walk, laws: Laws) -> Rig {
    let mut rig = Rig::new(Supervisord::new(walk.specs.clone()), walk.wishes.settings());
    (rig.poll_every, rig.poll_takes) = walk.polls;
    rig.start_takes = walk.start_takes;
    rig.start();
    for (wait, action) in &walk.actions {
        rig.advance(rig.sim.now + wait);
        fatal_is_an_open_incident(&rig);
        act(&mut rig, action);
    }
    rig.sim.hangs = false;
    rig.advance(rig.sim.now + 60_000);
    fatal_is_an_open_incident(&rig);
    laws.held(&rig);
    rig
}

/// 512 walks of each kind, or as many as `PROPTEST_CASES` asks for beyond that.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = config.cases.max(512);
    ProptestConfig { cases, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_laws_hold_whatever_happens(a_walk in a_walk(&a_fate().boxed(), an_action())) {
        walk(&a_walk, Laws { clocks_jump: false });
    }

    #[test]
    fn the_laws_hold_when_clocks_jump(
        a_walk in a_walk(&a_fate().boxed(), prop_oneof![5 => an_action(), 1 => a_jump()])
    ) {
        walk(&a_walk, Laws { clocks_jump: true });
    }

    #[test]
    fn operators_alone_never_open_an_incident(
        a_walk in a_walk(&Just(Fate::Lives).boxed(), an_operators_action())
    ) {
        let rig = walk(&a_walk, Laws { clocks_jump: false });
        let of_programs = rig.saved.incidents.iter().filter(|incident| incident.program.is_some());
        prop_assert_eq!(of_programs.collect::<Vec<_>>(), Vec::<&Incident>::new());
    }
}
