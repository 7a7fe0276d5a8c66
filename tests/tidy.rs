//! Holds the source to its own map: who may call whom, what is pure, and some habits.
//!
//! The floors are read from the table in `src/lib.rs`, so that the map and the code cannot differ.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a helper of a test fails the test"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

#[path = "tidy/samples.rs"]
mod samples;

/// Lines of a file in `src/` at most; past 350 it is time to think of two files.
const LINES_MAX: usize = 400;

/// The lowest floor that may read a clock.
const CLOCK_FLOOR: u32 = 4;

/// What reads a clock.
const CLOCKS: [&str; 4] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
];

/// Where code is pure: it does no I/O, reads no clock and is not asynchronous.
const PURE: [&str; 4] = [
    "src/model/",
    "src/engine/",
    "src/notify/outbox",
    "src/supervisord/main_log",
];

/// What pure code does not name.
const IMPURE: [&str; 6] = [
    "tokio",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::net",
    "std::process",
];

/// What appears nowhere, in two halves so that this file may list it.
const BANNED: [(&str, &str, &str); 5] = [
    (
        "#[ign",
        "ore",
        "a test that does not run is no test: delete it or make it run",
    ),
    ("TO", "DO", "do it, or leave it out"),
    ("#[al", "low", "use #[expect(lint, reason = \"...\")]"),
    (
        "/wo",
        "rk/",
        "a path of one machine: use a relative one, or a temporary folder",
    ),
    (
        "issue",
        " #",
        "say the reason itself; a number says nothing without its tracker",
    ),
];

/// One file of the source.
struct Source {
    /// From the package's root on, such as `src/store/mod.rs`.
    path: String,
    text: String,
}

impl Source {
    /// The lines of code with their numbers: no comments, and no tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            ""
        } else {
            self.text
                .split("\n#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default()
        };
        text.lines().enumerate().map(|(index, line)| {
            // The two slashes of a URL come behind a colon.
            let comment = line
                .match_indices("//")
                .find(|(start, _)| !line[..*start].ends_with(':'));
            let end = comment.map_or(line.len(), |(start, _)| start);
            (index + 1, &line[..end])
        })
    }

    /// The top-level module that it belongs to; none for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let name = inside.split('/').next()?.trim_end_matches(".rs");
        (!matches!(name, "lib" | "main")).then_some(name)
    }

    /// How many `super::` lead to the crate's root.
    fn depth(&self) -> usize {
        let below = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") {
            below - 1
        } else {
            below
        }
    }

    /// Every path that its code names, as far as this can be told without a compiler: what `use`
    /// brings in, in full, and whatever else has a `::`.
    fn paths(&self) -> BTreeSet<String> {
        let code: Vec<_> = self.code().map(|(_, line)| line).collect();
        let code = code.join(" ");
        let mut paths = BTreeSet::new();
        for found in Regex::new(r"\buse\s+([^;]+);")
            .unwrap()
            .captures_iter(&code)
        {
            expand("", &found[1], &mut paths);
        }
        for found in Regex::new(r"\b\w+(::\w+)+").unwrap().find_iter(&code) {
            paths.insert(found.as_str().to_owned());
        }
        paths
    }
}

/// Adds the paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut BTreeSet<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        paths.insert(format!("{prefix}{path}"));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inside = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let mut open = 0;
    let parts = inside.split(|sign| {
        open += i32::from(sign == '{') - i32::from(sign == '}');
        sign == ',' && open == 0
    });
    for part in parts.filter(|part| !part.trim().is_empty()) {
        expand(&prefix, part, paths);
    }
}

/// The floor of each top-level module, by the table in the doc of `lib.rs`.
fn floors(map: &str) -> BTreeMap<String, u32> {
    Regex::new(r"(?m)^//! \| (\d+) \| \[`(\w+)`\]")
        .unwrap()
        .captures_iter(map)
        .map(|row| (row[2].to_owned(), row[1].parse().unwrap()))
        .collect()
}

/// Calls that do not go down.
fn upward_calls(source: &Source, floors: &BTreeMap<String, u32>) -> Vec<String> {
    let Some(module) = source.module() else {
        return Vec::new();
    };
    let path = &source.path;
    let Some(own) = floors.get(module) else {
        return vec![format!(
            "{path}: `{module}` has no floor in the table of src/lib.rs"
        )];
    };
    let to_root = "super::".repeat(source.depth());
    let mut wrong = Vec::new();
    for named in source.paths() {
        let Some(inside) = named
            .strip_prefix("crate::")
            .or_else(|| named.strip_prefix(&to_root))
        else {
            continue;
        };
        let called = inside.split("::").next().unwrap_or_default();
        match floors.get(called) {
            Some(floor) if called != module && floor >= own => wrong.push(format!(
                "{path}: {module} (floor {own}) uses {named} (floor {floor}); a module uses only \
                 lower floors"
            )),
            Some(_) | None => {}
        }
    }
    wrong
}

fn impurities(source: &Source, floors: &BTreeMap<String, u32>) -> Vec<String> {
    let path = &source.path;
    let mut wrong = Vec::new();
    let named = source.paths();
    if PURE.iter().any(|pure| path.starts_with(pure)) {
        for name in &named {
            if let Some(impure) = IMPURE.iter().find(|impure| is_within(name, impure)) {
                wrong.push(format!("{path}: pure code uses {name} ({impure})"));
            }
        }
        let waits = Regex::new(r"\basync\b|\.await\b").unwrap();
        for (number, _) in source.code().filter(|(_, line)| waits.is_match(line)) {
            wrong.push(format!("{path}:{number}: pure code is asynchronous"));
        }
    }
    let floor = source.module().and_then(|module| floors.get(module));
    if floor.is_some_and(|floor| *floor < CLOCK_FLOOR) {
        for name in named {
            if CLOCKS.iter().any(|clock| name.ends_with(clock)) {
                wrong.push(format!(
                    "{path}: {name} reads a clock; take the time as a parameter"
                ));
            }
        }
    }
    wrong
}

/// Whether `path` is `outer` or something in it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn banned_words(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for (head, tail, advice) in BANNED {
            let word = format!("{head}{tail}");
            if line.contains(&word) {
                let number = index + 1;
                wrong.push(format!("{}:{number}: {word}: {advice}", source.path));
            }
        }
    }
    wrong
}

fn shape(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut wrong = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        wrong.push(format!(
            "{path}: {lines} lines; aim at 350, split it at {LINES_MAX}"
        ));
    }
    if !source.text.starts_with("//! ") {
        wrong.push(format!(
            "{path}: begin with `//!`: what it owns and what it leaves to others"
        ));
    }
    wrong
}

/// The files below a folder of the package.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source {
                    path: path
                        .strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "no source in {folder}");
    found
}

fn map_of_floors() -> BTreeMap<String, u32> {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    floors(&fs::read_to_string(map).unwrap())
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn modules_use_only_lower_floors() {
    let floors = map_of_floors();
    let modules: BTreeSet<String> = sources("src")
        .iter()
        .filter_map(|source| source.module().map(str::to_owned))
        .collect();
    assert_eq!(
        floors.keys().cloned().collect::<BTreeSet<_>>(),
        modules,
        "the table in src/lib.rs (left) and the modules that there are (right)"
    );
    let wrong: Vec<_> = sources("src")
        .iter()
        .flat_map(|source| upward_calls(source, &floors))
        .collect();
    assert_none(&wrong);
}

#[test]
fn what_is_pure_stays_pure() {
    let floors = map_of_floors();
    let wrong: Vec<_> = sources("src")
        .iter()
        .flat_map(|source| impurities(source, &floors))
        .collect();
    assert_none(&wrong);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let wrong: Vec<_> = sources("src").iter().flat_map(shape).collect();
    assert_none(&wrong);
}

#[test]
fn nothing_banned_is_written() {
    let wrong: Vec<_> = ["src", "tests"]
        .into_iter()
        .flat_map(sources)
        .flat_map(|source| banned_words(&source))
        .collect();
    assert_none(&wrong);
}
