//! What the READMEs tell people to write is right.

#![cfg(test)]

#[expect(dead_code, reason = "a part of it is used here")]
mod support;

use std::{fs, path::Path};

#[test]
fn their_configurations_have_no_mistakes() {
    for name in ["README.md", "README.zh-CN.md"] {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let readme = fs::read_to_string(readme).expect("a README");
        let configs: Vec<_> = readme.split("```toml\n").skip(1).collect();
        assert!(!configs.is_empty(), "{name} has no configuration");
        for rest in configs {
            let (config, _) = rest
                .split_once("```")
                .expect("the end of the configuration");
            check(name, config);
        }
    }
}

fn check(name: &str, config: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("dingtalk-secret");
    fs::write(&secret, "SECsecret").expect("a file for the secret");
    let file = folder.path().join("supervigil.toml");
    let there = secret.display().to_string();
    fs::write(
        &file,
        config.replace("/etc/supervigil/dingtalk-secret", &there),
    )
    .expect("a file for the configuration");

    let file = file.display().to_string();
    let arguments = ["--config", &file, "check", "--no-environment"].map(str::to_owned);
    let output = support::supervigil::command(&arguments);
    assert!(output.status.success(), "{name}: {config}: {output:?}");
}
