//! How the model moves: what programs do in a pass, and how they are spawned, killed and reaped.

use supervigil::model::{Cause, Exit, ProcessState, ProgramEvent, ProgramName};

use super::{Autorestart, Death, End, Fate, Phase, Program, Supervisord, Truth, Who, Word};

/// supervisord's loop turns at least that often.
const TICK: u64 = 1000;

impl Supervisord {
    pub(crate) fn advance(&mut self, to: u64) {
        loop {
            let next = self.next_event();
            if next > to {
                break;
            }
            self.now = next.max(self.now);
            if self.now >= self.next_tick {
                self.next_tick = self.now + TICK;
            }
            self.pass();
        }
        self.now = to.max(self.now);
    }

    /// When something happens next by itself.
    pub(crate) fn next_event(&self) -> u64 {
        let deaths = self.programs.iter().filter_map(|program| program.dies);
        let comeback = match self.phase {
            Phase::Down { until, .. } => until,
            Phase::Up | Phase::Leaving { .. } => None,
        };
        let events = deaths.map(|(at, _)| at).chain(comeback);
        events.chain([self.next_tick]).min().unwrap()
    }

    pub(super) fn pass(&mut self) {
        match self.phase {
            Phase::Up => (0..self.programs.len()).for_each(|i| self.transition(i)),
            Phase::Leaving { back_in, same_pid } => {
                if self.programs.iter().all(|program| program.pid == 0) {
                    let until = back_in.map(|wait| self.now + wait);
                    self.phase = Phase::Down { until, same_pid };
                    self.words.push((self.now, Word::Streams(false)));
                }
            }
            Phase::Down {
                until: Some(until),
                same_pid,
            } if until <= self.now => {
                self.phase = Phase::Up;
                self.words.push((self.now, Word::Streams(true)));
                self.pid += u32::from(!same_pid);
                for program in &mut self.programs {
                    *program = Program::new(program.spec.clone());
                }
            }
            Phase::Down { .. } => {}
        }
        self.reap();
    }

    fn transition(&mut self, i: usize) {
        self.mind_clock(i);
        let now = self.now;
        let program = &mut self.programs[i];
        match program.state {
            ProcessState::Exited => {
                let expected = program
                    .exit_status
                    .is_some_and(|status| program.spec.exitcodes.contains(&status));
                let again = match program.spec.autorestart {
                    Autorestart::Always => true,
                    Autorestart::Unexpected => !expected,
                    Autorestart::Never => false,
                };
                if again {
                    self.spawn(i, Who::Supervisord);
                }
            }
            ProcessState::Stopped if program.restart_asked => self.spawn(i, Who::Operator),
            ProcessState::Stopped if program.start == 0 && program.spec.autostart => {
                self.spawn(i, Who::Supervisord);
            }
            ProcessState::Backoff if program.backoff > program.spec.startretries => {
                program.state = ProcessState::Fatal;
                program.backoff = 0;
                let name = program.spec.name.clone();
                self.says(&name, ProgramEvent::GaveUp, ProgramEvent::GaveUp);
                self.log(name, Truth::Fatal);
            }
            ProcessState::Backoff if now > program.delay => self.spawn(i, Who::Supervisord),
            ProcessState::Starting if now - program.started_at > program.spec.startsecs * 1000 => {
                program.state = ProcessState::Running;
                program.backoff = 0;
                let (name, pid) = (program.spec.name.clone(), Some(program.pid));
                let event = |pid| ProgramEvent::Running { pid };
                self.says(&name, event(None), event(pid));
                self.log(name, Truth::Running);
            }
            _ => {}
        }
        if self.programs[i].renewal_asked && self.programs[i].pid == 0 {
            self.programs[i] = Program::new(self.programs[i].spec.clone());
            let name = self.programs[i].spec.name.clone();
            self.log(name, Truth::Stopped);
        }
    }

    /// `_check_and_adjust_for_system_clock_rollback`.
    fn mind_clock(&mut self, i: usize) {
        let wall = self.wall();
        let program = &mut self.programs[i];
        let startsecs = i64::try_from(program.spec.startsecs).unwrap();
        match program.state {
            ProcessState::Starting => program.start = program.start.min(wall),
            ProcessState::Running if wall > program.start && wall < program.start + startsecs => {
                program.start = wall - startsecs;
            }
            _ => {}
        }
    }

    pub(super) fn spawn(&mut self, i: usize, who: Who) {
        let (now, wall) = (self.now, self.wall());
        let program = &mut self.programs[i];
        program.killing = false;
        program.restart_asked = false;
        program.spawn_error.clear();
        program.exit_status = None;
        program.start = wall;
        program.started_at = now;
        program.state = ProcessState::Starting;
        let name = program.spec.name.clone();
        match program.spec.fate {
            Fate::CannotSpawn | Fate::NoFile => {
                program.spawn_error = format!("can't find command '/opt/{}'", name.name);
                self.tells(&name, ProgramEvent::Spawned { pid: None });
                self.tells(&name, ProgramEvent::Backoff);
                self.log(name, Truth::Spawned(who));
                self.fail_to_start(i);
                return;
            }
            Fate::Lives => program.dies = None,
            Fate::Ends { after, end } => program.dies = Some((now + after, end)),
        }
        program.pid = self.next_pid;
        self.next_pid += 1;
        let event = |pid| ProgramEvent::Spawned { pid };
        self.says(&name, event(Some(self.next_pid - 1)), event(None));
        self.log(name, Truth::Spawned(who));
    }

    fn fail_to_start(&mut self, i: usize) {
        let program = &mut self.programs[i];
        program.state = ProcessState::Backoff;
        program.backoff += 1;
        program.delay = self.now + u64::from(program.backoff) * 1000;
        let name = program.spec.name.clone();
        self.log(name, Truth::Failed);
    }

    pub(super) fn kill(&mut self, i: usize) {
        let now = self.now;
        let program = &mut self.programs[i];
        if program.state == ProcessState::Backoff {
            program.state = ProcessState::Stopped;
            let name = program.spec.name.clone();
            let (pid, exit) = (None, None);
            self.tells(&name, ProgramEvent::Stopped { pid, exit });
            let last = self.deaths.iter_mut().rfind(|death| death.name == name);
            if let Some(last) = last {
                last.healed_by_hand = true;
            }
            self.log(name, Truth::Stopped);
        } else if matches!(
            program.state,
            ProcessState::Running | ProcessState::Starting
        ) {
            program.state = ProcessState::Stopping;
            program.killing = true;
            program.dies = Some((now + program.spec.stop_takes, End::Signal));
            let (name, pid) = (program.spec.name.clone(), Some(program.pid));
            self.tells(&name, ProgramEvent::Stopping { pid });
        } else if program.state == ProcessState::Unknown {
            program.dies = Some((now, End::Signal));
        }
    }

    pub(super) fn reap(&mut self) {
        for i in 0..self.programs.len() {
            if self.programs[i].dies.is_some_and(|(at, _)| at <= self.now) {
                self.finish(i);
            }
        }
    }

    fn finish(&mut self, i: usize) {
        let (now, wall) = (self.now, self.wall());
        let program = &mut self.programs[i];
        let Some((_, end)) = program.dies.take() else {
            return;
        };
        let status = match end {
            End::Code(code) => code,
            End::Signal => -1,
        };
        let pid = std::mem::take(&mut program.pid);
        program.stop = wall;
        let name = program.spec.name.clone();
        let exit = match end {
            End::Code(code) => Exit::Code(code),
            End::Signal => Exit::Signal {
                number: if program.killing { 15 } else { 9 },
                core_dumped: false,
            },
        };
        self.words.push((now, Word::Death(name.clone(), pid, exit)));
        if self.programs[i].state == ProcessState::Unknown {
            return;
        }
        self.tell_end(i, pid, exit, status);
        let program = &mut self.programs[i];
        if program.killing {
            program.killing = false;
            program.exit_status = Some(status);
            program.state = ProcessState::Stopped;
            self.log(name, Truth::Stopped);
        } else if now - program.started_at < program.spec.startsecs * 1000 {
            program.exit_status = None;
            program.spawn_error = String::from("Exited too quickly (process log may have details)");
            self.fail_to_start(i);
        } else {
            program.backoff = 0;
            program.exit_status = Some(status);
            program.state = ProcessState::Exited;
            let expected = program.spec.exitcodes.contains(&status);
            if !expected {
                program.spawn_error = format!("Bad exit code {status}");
            }
            self.log(
                name,
                if expected {
                    Truth::ExpectedExit
                } else {
                    Truth::Failed
                },
            );
        }
    }

    /// Tells how a process ended, before its program's state follows.
    fn tell_end(&mut self, i: usize, pid: u32, exit: Exit, status: i32) {
        let program = &self.programs[i];
        let name = program.spec.name.clone();
        let (pid, exit_known) = (Some(pid), Some(exit));
        let expected = program.spec.exitcodes.contains(&status);
        let (cause, to) = if program.killing {
            let event = |pid, exit| ProgramEvent::Stopped { pid, exit };
            self.says(&name, event(None, exit_known), event(pid, None));
            (Cause::Operator, ProcessState::Stopped)
        } else if self.now - program.started_at < program.spec.startsecs * 1000 {
            let (pid, expected) = (None, false);
            let exit = exit_known;
            let line = ProgramEvent::Exited {
                pid,
                exit,
                expected,
            };
            self.says(&name, line, ProgramEvent::Backoff);
            (Cause::Crash, ProcessState::Backoff)
        } else {
            let event = |pid, exit| ProgramEvent::Exited {
                pid,
                exit,
                expected,
            };
            self.says(&name, event(None, exit_known), event(pid, None));
            let cause = if expected {
                Cause::ExpectedExit
            } else {
                Cause::Crash
            };
            (cause, ProcessState::Exited)
        };
        self.deaths.push(Death {
            born: self.programs[i].started_at,
            at: self.now,
            name,
            pid: pid.unwrap_or_default(),
            exit,
            cause,
            to,
            healed_by_hand: false,
        });
    }

    /// What the main log says of something, and what listeners are told.
    fn says(&mut self, name: &ProgramName, line: ProgramEvent, event: ProgramEvent) {
        self.words.push((self.now, Word::Log(name.clone(), line)));
        self.tells(name, event);
    }

    fn tells(&mut self, name: &ProgramName, event: ProgramEvent) {
        self.words
            .push((self.now, Word::Listener(name.clone(), event)));
    }

    pub(super) fn log(&mut self, name: ProgramName, truth: Truth) {
        self.truth.push((self.now, name, truth));
    }
}
