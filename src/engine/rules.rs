//! Which of people's wishes apply to a program.

use super::{ProgramRule, RetryRule, RetrySettings, Settings};
use crate::model::ProgramName;

/// The first rule that matches `group:name` or the bare name.
pub(super) fn find<'a>(rules: &'a [ProgramRule], program: &ProgramName) -> Option<&'a ProgramRule> {
    let full = program.full();
    rules
        .iter()
        .find(|rule| rule.matcher.is_match(&full) || rule.matcher.is_match(&*program.name))
}

/// How the program is retried; none: never.
pub(super) fn retry<'a>(
    settings: &'a Settings,
    program: &ProgramName,
) -> Option<&'a RetrySettings> {
    match find(&settings.programs, program).map(|rule| &rule.retry) {
        Some(RetryRule::Own(own)) => Some(own),
        Some(RetryRule::Never) => None,
        Some(RetryRule::Inherit) | None => settings.retry.as_ref(),
    }
}

/// Whether the program is expected to be up (`expect = "running"`).
pub fn expected_up(settings: &Settings, program: &ProgramName) -> bool {
    find(&settings.programs, program).is_none_or(|rule| rule.expected_up)
}
