//! Where the file, its secrets and the supervisord are looked for.

use std::{fs, os::unix::fs::PermissionsExt as _};

use secrecy::ExposeSecret as _;
use supervigil::{
    config::{self, Environment},
    model::ProgramName,
    supervisord::Endpoint,
};

use crate::{SECRET, environment, load_text_in};

#[test]
fn secrets_are_looked_for_among_the_credentials_and_then_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (beside, credentials) = (folder.path().join("etc"), folder.path().join("credentials"));
    for (path, text) in [
        (beside.join("one"), "one beside\n"),
        (beside.join("two"), "two beside\r\n"),
        (credentials.join("one"), "one credential"),
    ] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let text = "[[supervisord]]\nname = 'a'\nurl = 'http://a:1'\nusername = 'u'\npassword_file = 'one'\n\
                [[supervisord]]\nname = 'b'\nurl = 'http://b:1'\nusername = 'u'\npassword_file = '${TWO}'\n";
    let file = beside.join("s.toml");
    fs::write(&file, text).unwrap();
    let with = Environment::of([
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
        ("TWO", "two"),
    ]);
    let without = Environment::of([("TWO", beside.join("two").to_str().unwrap())]);
    for (environment, passwords) in [
        (with, ["one credential", "two beside"]),
        (without, ["one beside", "two beside"]),
    ] {
        let config = config::load(Some(&file), &environment).unwrap();
        let found: Vec<_> = config
            .supervisords
            .iter()
            .map(|server| {
                server
                    .credentials
                    .as_ref()
                    .unwrap()
                    .password
                    .expose_secret()
            })
            .collect();
        assert_eq!(found, passwords);
        assert_eq!(config.warnings, []);
    }
}

#[test]
fn secrets_that_everybody_can_read_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let secret = folder.path().join("p");
    fs::write(&secret, SECRET).unwrap();
    let warnings = |text: &str, config_mode: u32, secret_mode: u32| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(config_mode)).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(secret_mode)).unwrap();
        let config = config::load(Some(&file), &environment()).unwrap();
        let warnings = config.warnings.iter().map(ToString::to_string);
        warnings.collect::<Vec<_>>().join("\n")
    };
    let in_file = "[[supervisord]]\nusername = 'u'\npassword_file = 'p'\n";
    let written = "[[supervisord]]\nusername = 'u'\npassword = 'hunter2'\n";
    let variable = "[[supervisord]]\nusername = 'u'\npassword = '${ROBOT}'\n";
    let address = "[[webhook]]\nurl = 'http://127.0.0.1:8080/'\n";
    assert_eq!(warnings(in_file, 0o644, 0o640), "");
    assert!(warnings(in_file, 0o644, 0o644).contains("p: everybody on this machine"));
    assert_eq!(warnings(written, 0o640, 0o600), "");
    let told = warnings(written, 0o644, 0o600);
    assert!(
        told.contains("s.toml: everybody") && !told.contains(SECRET),
        "{told}"
    );
    assert_eq!(warnings(variable, 0o644, 0o600), "");
    assert_eq!(warnings(address, 0o644, 0o600), "");
}

#[test]
fn the_file_is_the_named_one_or_the_local_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, level: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("[log]\nlevel = '{level}'\n")).unwrap();
        path
    };
    let local = write("supervigil.toml", "warn");
    let by_variable = write("variable.toml", "error");
    let by_flag = write("flag.toml", "debug");
    let missing = folder.path().join("missing.toml");
    let plain = Environment::of([("SUPERVIGIL_CONFIG", "")]).in_folder(folder.path());
    let named = Environment::of([("SUPERVIGIL_CONFIG", by_variable.to_str().unwrap())])
        .in_folder(folder.path());
    let nowhere = Environment::of([("SUPERVIGIL_CONFIG", missing.to_str().unwrap())]);
    let source = |explicit, environment| config::load(explicit, environment).unwrap().source;
    assert_eq!(source(Some(&by_flag), &named), Some(by_flag.clone()));
    assert_eq!(source(None, &named), Some(by_variable));
    assert_eq!(source(None, &plain), Some(local));
    for (explicit, environment, named_by) in [
        (Some(missing.as_path()), &plain, "--config"),
        (None, &nowhere, "$SUPERVIGIL_CONFIG"),
    ] {
        let error = config::load(explicit, environment).unwrap_err();
        assert_eq!(error.kind(), "missing");
        assert!(error.to_string().contains(named_by), "{error}");
    }
}

#[test]
fn the_supervisord_that_started_us_is_found_and_so_are_we() {
    let child = [
        ("SUPERVISOR_ENABLED", "1"),
        ("SUPERVISOR_SERVER_URL", "unix:///run/parent.sock"),
        ("SUPERVISOR_GROUP_NAME", "vigil"),
        ("SUPERVISOR_PROCESS_NAME", "supervigil"),
    ];
    let environment = Environment::of(child);
    let itself = Some(ProgramName::new("vigil", "supervigil"));
    let config = load_text_in("", &environment).unwrap();
    let parent = Endpoint::Unix("/run/parent.sock".into());
    assert_eq!(config.supervisords[0].endpoint, parent);
    assert!(config.engine.servers[0].must_answer);
    assert_eq!(config.engine.servers[0].itself, itself);

    let one = load_text_in("[[supervisord]]\nurl = 'http://x:1'\n", &environment).unwrap();
    assert_eq!(one.engine.servers[0].itself, itself);

    let two = "[[supervisord]]\nname = 'a'\nurl = 'http://x:1'\n\
               [[supervisord]]\nname = 'b'\nurl = 'unix:///run/parent.sock'\n";
    let two = load_text_in(two, &environment).unwrap();
    assert_eq!(two.engine.servers[0].itself, None);
    assert_eq!(two.engine.servers[1].itself, itself);

    let wrong = Environment::of([("SUPERVISOR_SERVER_URL", "ftp://x")]);
    let error = config::load(None, &wrong.in_folder("/nonexistent")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("$SUPERVISOR_SERVER_URL: this is neither"),
        "{error}"
    );
}
