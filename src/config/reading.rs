//! What a reading of the file has found so far: its mistakes, its warnings, what may be shown of it.
//!
//! Owns the notes and the reading of one text; the walk over tables is the business of
//! [`super::raw`].

use std::{cell::RefCell, collections::BTreeSet, ops::Range, path::Path};

use toml::de::DeValue;

use super::{
    environment::Environment,
    problem::{Fault, Place, Problem, Warning},
};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    /// The value.
    pub(super) value: T,
    /// Its place.
    pub(super) place: Place,
}

/// What was noted while reading.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The mistakes, in no order.
    pub(super) problems: Vec<Problem>,
    /// What works and yet is not right.
    pub(super) warnings: Vec<Warning>,
    /// The values that may be shown.
    pub(super) shown: Vec<Range<usize>>,
    /// The keys that were asked for.
    pub(super) words: BTreeSet<&'static str>,
    /// Whether a secret stands in the file itself.
    pub(super) holds_secret: bool,
}

/// What a reading needs beside the table in hand.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// For `${VAR}`.
    pub(super) environment: &'a Environment,
    /// Where relative paths of secrets begin.
    pub(super) folder: &'a Path,
    findings: RefCell<Findings>,
}

impl<'a> Reading<'a> {
    /// A reading that has found nothing yet.
    pub(super) fn new(environment: &'a Environment, folder: &'a Path) -> Self {
        Self {
            environment,
            folder,
            findings: RefCell::default(),
        }
    }

    /// Notes a mistake.
    pub(super) fn report(&self, place: &Place, fault: Fault) {
        self.findings.borrow_mut().problems.push(Problem {
            place: place.clone(),
            fault,
            absent: false,
        });
    }

    /// Notes that something is not there.
    pub(super) fn report_absent(&self, place: &Place, fault: Fault) {
        self.findings.borrow_mut().problems.push(Problem {
            place: place.clone(),
            fault,
            absent: true,
        });
    }

    /// Takes back that `path` is not there: it is, mistyped.
    pub(super) fn forget_absent(&self, path: &str) {
        let mut findings = self.findings.borrow_mut();
        findings
            .problems
            .retain(|problem| !(problem.absent && problem.place.path == path));
    }

    /// Notes something that works and yet is not right.
    pub(super) fn warn(&self, subject: impl Into<String>, fault: Fault) {
        let subject = subject.into();
        self.findings
            .borrow_mut()
            .warnings
            .push(Warning { subject, fault });
    }

    /// Notes that a secret stands in the file itself.
    pub(super) fn note_secret(&self) {
        self.findings.borrow_mut().holds_secret = true;
    }

    /// All that was noted.
    pub(super) fn finish(self) -> Findings {
        self.findings.into_inner()
    }

    /// Notes keys that the program knows.
    pub(super) fn know(&self, words: &[&'static str]) {
        self.findings.borrow_mut().words.extend(words);
    }

    /// Marks a value as one that may be shown.
    pub(super) fn show(&self, place: &Place) {
        self.findings.borrow_mut().shown.extend(place.span.clone());
    }
}

impl Reading<'_> {
    /// Reads text: its type, its variables, its meaning.
    pub(super) fn parse<T>(
        &self,
        value: &DeValue<'_>,
        place: Place,
        hint: &str,
        parse: &impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Located<T>> {
        let Some(text) = value.as_str() else {
            self.report_type(&place, value, hint);
            return None;
        };
        let text = self.expand(text, &place)?;
        let value = self.note(&place, parse(&text))?;
        Some(Located { value, place })
    }

    /// Text with its variables put in.
    pub(super) fn expand(&self, text: &str, place: &Place) -> Option<String> {
        match self.environment.expand(text) {
            Ok(text) => Some(text),
            Err(faults) => {
                for fault in faults {
                    self.report(place, fault);
                }
                None
            }
        }
    }

    /// Notes that a value is of the wrong type.
    pub(super) fn report_type(&self, place: &Place, value: &DeValue<'_>, hint: &str) {
        let article = match value.type_str() {
            "integer" | "array" => "an",
            _ => "a",
        };
        let fault = Fault::new(format!("{article} {} stands here", value.type_str()), hint);
        self.report(place, fault);
    }

    /// The value, or none and a note of the fault.
    pub(super) fn note<T>(&self, place: &Place, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.report(place, fault)).ok()
    }
}
