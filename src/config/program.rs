//! `[[program]]`.

use super::{check, problem::Fault, raw::Section, retry, value};
use crate::{
    engine::{ProgramRule, RetryRule, RetrySettings},
    model::Severity,
};

/// All of them, in the order of the file; `retry` is what they override.
pub(super) fn read(top: &mut Section<'_>, retry: Option<&RetrySettings>) -> Vec<ProgramRule> {
    let base = retry.cloned().unwrap_or_else(retry::defaults);
    let rules = top.tables("program", |section| read_one(section, &base));
    let rules: Vec<_> = rules.into_iter().flatten().collect();
    check::no_pattern_twice(top.reading(), &rules);
    rules
}

/// One rule; none when it says not whom it is about.
fn read_one(section: &mut Section<'_>, base: &RetrySettings) -> Option<ProgramRule> {
    let given = section.has("match");
    let matcher = section.parsed("match", "write a pattern in quotes", value::glob);
    if !given {
        section.report_missing("match", "add match = \"name\", or \"*\" for all");
    }
    let severity = section.choice(
        "severity",
        &Severity::ALL.map(|severity| (severity.name(), severity)),
    );
    let expected_up = section.choice("expect", &[("running", true), ("any", false)]);
    let retry = read_retry(section, base);
    let alert_on = section.list("alert_on", "write texts in quotes", |text| {
        value::choice(text, &[("crash", ())])
    });
    let runbook = section.text("runbook");
    let at_mobiles = section.list("at_mobiles", "write numbers in quotes", value::mobile);
    Some(ProgramRule {
        matcher: matcher?.value,
        severity,
        expected_up: expected_up.unwrap_or(true),
        retry,
        alert_on_crash: alert_on.is_some_and(|alert_on| !alert_on.value.is_empty()),
        runbook: runbook.map(|runbook| runbook.value),
        at_mobiles: at_mobiles.map(|mobiles| mobiles.value).unwrap_or_default(),
    })
}

fn read_retry(section: &mut Section<'_>, base: &RetrySettings) -> RetryRule {
    let hint = "write false, or a table of the keys of [retry] to override";
    let Some((value, place)) = section.find_hidden("retry") else {
        return RetryRule::Inherit;
    };
    match (value.as_bool(), value.is_table()) {
        (Some(false), _) => RetryRule::Never,
        (Some(true), _) => {
            let fault = Fault::new("true says nothing that [retry] does not", "remove this key");
            section.reading().report(&place, fault);
            RetryRule::Inherit
        }
        (None, true) => section
            .table("retry", |section| retry::read(section, base))
            .map_or(RetryRule::Inherit, RetryRule::Own),
        (None, false) => {
            section.reading().report_type(&place, value, hint);
            RetryRule::Inherit
        }
    }
}
