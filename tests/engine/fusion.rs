//! Polls and feeds together: whatever order their words come in, and however late, each death is told
//! once and as it was.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*, sample::select};
use supervigil::{
    engine::Effect,
    model::{Cause, Exit, ProcessState, ProgramName, Record, Transition},
};

use super::{
    laws::Laws,
    rig::{self, Feeds, Rig, Seen},
    supervisord::{Autorestart, Death, End, Fate, Spec, Supervisord, Who},
};

const PROGRAMS: usize = 3;

/// Longer than a feed must be up to be relied on.
const QUIET: u64 = 20_000;

/// How long a look's answer may take, in milliseconds: on a busy host, or among a thousand programs.
const LATE: u64 = 900;

#[derive(Debug, Clone)]
enum Action {
    Dies(usize, End),
    /// It dies, and so does what is started in its place.
    DiesTwice(usize, End, u64, End),
    Fate(usize, Fate),
    Start(usize),
    Stop(usize),
    Restart(usize),
    Update(usize),
    Reload,
    RestartSupervisord,
}

#[derive(Debug, Clone)]
struct Walk {
    specs: Vec<Spec>,
    log: bool,
    delays: [Option<u64>; 2],
    looks: (u64, u64),
    polls: (u64, u64),
    seed: u64,
    actions: Vec<(u64, Action)>,
}

fn an_end() -> impl Strategy<Value = End> {
    prop_oneof![(0_i32..256).prop_map(End::Code), Just(End::Signal)]
}

fn a_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Lives),
        3 => (10_u64..4000, an_end()).prop_map(|(after, end)| Fate::Ends { after, end }),
        1 => Just(Fate::CannotSpawn),
    ]
}

fn a_spec(name: usize) -> impl Strategy<Value = Spec> {
    let autorestart = [
        Autorestart::Always,
        Autorestart::Unexpected,
        Autorestart::Never,
    ];
    (
        0_u64..3,
        0_u32..4,
        select(autorestart.to_vec()),
        1_u64..1500,
    )
        .prop_map(
            move |(startsecs, startretries, autorestart, stop_takes)| Spec {
                startsecs,
                startretries,
                autorestart,
                stop_takes,
                ..Spec::new(&format!("p{name}"))
            },
        )
}

fn an_action() -> impl Strategy<Value = Action> {
    let which = 0..PROGRAMS;
    prop_oneof![
        4 => (which.clone(), an_end()).prop_map(|(i, end)| Action::Dies(i, end)),
        2 => (which.clone(), an_end(), 1_u64..60, an_end())
            .prop_map(|(i, first, after, second)| Action::DiesTwice(i, first, after, second)),
        3 => (which.clone(), a_fate()).prop_map(|(i, fate)| Action::Fate(i, fate)),
        2 => which.clone().prop_map(Action::Start),
        2 => which.clone().prop_map(Action::Stop),
        2 => which.prop_map(Action::Restart),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => an_action(),
        1 => (0..PROGRAMS).prop_map(Action::Update),
        1 => Just(Action::Reload),
        1 => Just(Action::RestartSupervisord),
    ]
}

fn a_walk(
    log: impl Strategy<Value = bool>,
    delays: impl Strategy<Value = [Option<u64>; 2]>,
    action: impl Strategy<Value = Action>,
) -> impl Strategy<Value = Walk> {
    let specs = (0..PROGRAMS).map(a_spec).collect::<Vec<_>>();
    let polls = (500_u64..7000, select(vec![0_u64, 30, 300]));
    let looks = (0_u64..30, select(vec![0_u64, 5, 30, 300, LATE]));
    let actions = vec((0_u64..4000, action), 1..25);
    (specs, (log, delays), looks, polls, any::<u64>(), actions).prop_map(
        |(specs, (log, delays), looks, polls, seed, actions)| Walk {
            specs,
            log,
            delays,
            looks,
            polls,
            seed,
            actions,
        },
    )
}

fn act(rig: &mut Rig, action: &Action) {
    let name = |rig: &Rig, i: usize| rig.sim.programs[i].spec.name.clone();
    match *action {
        Action::Dies(i, end) => rig.sim.dies(&name(rig, i), end),
        Action::DiesTwice(i, end, after, again) => {
            let name = name(rig, i);
            let lives = rig.sim.programs[i].spec.fate;
            let end_again = Fate::Ends { after, end: again };
            rig.sim.fate(&name, end_again);
            rig.sim.dies(&name, end);
            rig.advance(rig.sim.now + 1100);
            rig.sim.fate(&name, lives);
        }
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
    }
}

fn walk(walk: &Walk) -> Rig {
    let mut settings = rig::settings();
    settings.servers[0].poll_interval = Duration::from_millis(walk.polls.0);
    let mut rig = Rig::new(Supervisord::new(walk.specs.clone()), settings);
    (rig.poll_every, rig.poll_takes) = walk.polls;
    rig.feeds = Some(Feeds::new(walk.log, walk.delays, walk.looks, walk.seed));
    rig.start();
    rig.advance(QUIET);
    for (wait, action) in &walk.actions {
        rig.advance(rig.sim.now + wait);
        act(&mut rig, action);
    }
    for i in 0..rig.sim.programs.len() {
        let name = rig.sim.programs[i].spec.name.clone();
        rig.sim.fate(&name, Fate::Lives);
    }
    rig.advance(rig.sim.now + 30_000);
    rig
}

fn transitions(rig: &Rig) -> impl Iterator<Item = &Transition> {
    rig.seen.iter().filter_map(|(_, seen)| match seen {
        Seen::Effect(effect) => match &**effect {
            Effect::Record(Record::Transition(transition)) => Some(transition),
            _ => None,
        },
        _ => None,
    })
}

/// What was told of the ends of a program's processes.
fn told(rig: &Rig, name: &ProgramName) -> Vec<(u32, Option<Exit>, Cause, ProcessState)> {
    let ends = transitions(rig).filter(|transition| {
        let ended = transition.from.is_alive() && !transition.to.is_alive();
        // A failure to start, of which it is not known whether there was a process.
        let is_vague = transition.pid == 0 && transition.cause == Cause::Unknown;
        let is_end = ended && transition.cause != Cause::SpawnError && !is_vague;
        transition.name == *name.name && is_end
    });
    ends.map(|end| (end.pid, end.exit, end.cause, end.to))
        .collect()
}

fn deaths<'a>(rig: &'a Rig, name: &'a ProgramName) -> impl Iterator<Item = &'a Death> {
    rig.sim
        .deaths
        .iter()
        .filter(move |death| death.name == *name)
}

fn each_death_is_told_once_and_as_it_was(rig: &Rig) {
    for program in &rig.sim.programs {
        let name = &program.spec.name;
        let told = told(rig, name);
        let truth = deaths(rig, name).enumerate().map(|(place, death)| {
            let to = told.get(place).map_or(death.to, |(.., to)| *to);
            let is_open = death.healed_by_hand && to == ProcessState::Exited;
            let to = if is_open { to } else { death.to };
            (death.pid, Some(death.exit), death.cause, to)
        });
        assert_eq!(told, truth.collect::<Vec<_>>(), "{name}");
    }
}

fn nothing_is_made_up(rig: &Rig) {
    for program in &rig.sim.programs {
        let name = &program.spec.name;
        let told = told(rig, name);
        let truth: Vec<_> = deaths(rig, name).collect();
        assert!(told.len() <= truth.len(), "{name}: {told:?} of {truth:?}");
        for (pid, exit, cause, _) in &told {
            let Some(death) = truth.iter().find(|death| death.pid == *pid) else {
                assert_eq!(*pid, 0, "{name}: {pid} never died");
                continue;
            };
            // supervisord's times have whole seconds: a successor that was started or died within the
            // second looks like the same life.
            let within = |from: u64, at: u64| (from..=from + 1000).contains(&at);
            let mut alike = truth.iter().filter(|other| {
                other.pid == *pid || within(death.at, other.at) || within(death.born, other.born)
            });
            let is_so = alike.any(|death| {
                let exit_is_so =
                    exit.is_none_or(|exit| exit == Exit::UnknownSignal || exit == death.exit);
                let cause_is_so = matches!(cause, Cause::Unknown | Cause::SupervisordRestart)
                    || *cause == death.cause;
                exit_is_so && cause_is_so
            });
            assert!(is_so, "{name}: {exit:?}, {cause:?} of {death:?}");
        }
        let pids: Vec<_> = told
            .iter()
            .map(|(pid, ..)| *pid)
            .filter(|pid| *pid != 0)
            .collect();
        let mut once = pids.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), pids.len(), "{name}: told twice: {pids:?}");
    }
}

fn chain_is_unbroken(rig: &Rig) {
    for program in &rig.sim.programs {
        let mut at = None;
        for transition in transitions(rig).filter(|t| t.name == *program.spec.name.name) {
            assert!(
                at.is_none_or(|at| at == transition.from),
                "{transition:?} after {at:?}"
            );
            at = Some(transition.to);
        }
        assert!(at.is_none_or(|at: ProcessState| at == program.state));
    }
}

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = config.cases.max(512);
    ProptestConfig { cases, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn with_the_log_each_death_is_told_once_and_as_it_was(
        a_walk in a_walk(
            Just(true),
            (option::of(0_u64..6000), option::of(0_u64..1900))
                .prop_map(|(pidfd, listener)| [pidfd, listener]),
            an_action(),
        )
    ) {
        let rig = walk(&a_walk);
        each_death_is_told_once_and_as_it_was(&rig);
        chain_is_unbroken(&rig);
    }

    #[test]
    fn no_feed_makes_anything_up(
        a_walk in a_walk(
            any::<bool>(),
            (option::of(0_u64..6000), option::of(0_u64..1900))
                .prop_map(|(pidfd, listener)| [pidfd, listener]),
            any_action(),
        )
    ) {
        let rig = walk(&a_walk);
        nothing_is_made_up(&rig);
        chain_is_unbroken(&rig);
        Laws { clocks_jump: true }.held(&rig);
    }
}
