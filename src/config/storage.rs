//! `[storage]`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access};

use super::{environment::Environment, raw::Section, value::LONGEST};
use crate::store::Settings;

/// How long history is kept. Less than a minute would lose it before anybody looks.
const RETENTION: RangeInclusive<Duration> = Duration::from_secs(60)..=LONGEST;

const DEFAULT_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

const FILE: &str = "supervigil.db";

/// Where a package puts it (file-hierarchy(7)).
const SYSTEM_FOLDER: &str = "/var/lib/supervigil";

/// Reads the table.
pub(super) fn read(section: &mut Section<'_>) -> Settings {
    let path = section.text("path").map(|path| PathBuf::from(path.value));
    let environment = section.reading().environment;
    Settings {
        path: path.unwrap_or_else(|| {
            let system = Path::new(SYSTEM_FOLDER);
            let usable = environment.is_root() || access(system, Access::WRITE_OK).is_ok();
            default_folder(environment, usable).join(FILE)
        }),
        retention: section
            .duration("retention", &RETENTION)
            .map_or(DEFAULT_RETENTION, |retention| retention.value),
    }
}

/// systemd's state folder, else the system's where it is usable, else the user's.
fn default_folder(environment: &Environment, system_usable: bool) -> PathBuf {
    // Several state folders are separated by colons (systemd.exec(5)).
    let of_unit = environment
        .get("STATE_DIRECTORY")
        .and_then(|folders| folders.split(':').next());
    if let Some(folder) = of_unit {
        return PathBuf::from(folder);
    }
    if system_usable {
        return PathBuf::from(SYSTEM_FOLDER);
    }
    // A relative path is to be ignored (XDG Base Directory Specification).
    let of_user = environment
        .get("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(Path::new(environment.get("HOME")?).join(".local/state")));
    match of_user {
        Some(folder) => folder.join("supervigil"),
        None => PathBuf::from(SYSTEM_FOLDER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_units_the_systems_or_the_users() {
        let unit = ("STATE_DIRECTORY", "/s/one:/s/two");
        let xdg = ("XDG_STATE_HOME", "/x");
        let relative = ("XDG_STATE_HOME", "x");
        let home = ("HOME", "/home/u");
        for (variables, system_usable, folder) in [
            (vec![unit, xdg, home], true, "/s/one"),
            (vec![xdg, home], true, "/var/lib/supervigil"),
            (vec![xdg, home], false, "/x/supervigil"),
            (
                vec![relative, home],
                false,
                "/home/u/.local/state/supervigil",
            ),
            (vec![home], false, "/home/u/.local/state/supervigil"),
            (vec![], false, "/var/lib/supervigil"),
        ] {
            let environment = Environment::of(variables.clone());
            let found = default_folder(&environment, system_usable);
            assert_eq!(found, Path::new(folder), "{variables:?} {system_usable}");
        }
    }
}
