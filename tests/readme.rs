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
        let blocks = readme.split("```toml\n").skip(1);
        let configs: Vec<_> = blocks
            .filter_map(|block| block.split("```").next())
            .collect();
        assert!(configs.len() >= 3, "{name} has too few configurations");
        for config in configs {
            check(name, config);
        }
    }
}

fn check(name: &str, config: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    for secret in ["dingtalk-secret", "feishu-secret"] {
        fs::write(folder.path().join(secret), "SECsecret").expect("a file for the secret");
    }
    let file = folder.path().join("supervigil.toml");
    let there = folder.path().display().to_string();
    fs::write(&file, config.replace("/etc/supervigil", &there))
        .expect("a file for the configuration");

    let file = file.display().to_string();
    let arguments = ["--config", &file, "check", "--no-environment"].map(str::to_owned);
    let output = support::supervigil::command(&arguments);
    assert!(output.status.success(), "{name}: {config}: {output:?}");
}
