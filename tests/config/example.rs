//! The example in `deploy/`.

use supervigil::{
    config::{self, Config, ConfigError},
    logging,
    notify::Language,
};

use crate::{load_text, settings};

const EXAMPLE: &str = include_str!("../../deploy/supervigil.example.toml");

/// The example with everything in it that is off.
fn whole_example() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_says_the_defaults() {
    let defaults = load_text("").unwrap();
    assert_eq!(settings(&load_text(EXAMPLE).unwrap()), settings(&defaults));

    let whole = load_text(&whole_example()).unwrap();
    let alone = load_text(
        "[retry]\n[[program]]\nmatch = 'es_node_*'\n\
         [[dingtalk]]\nwebhook = 'https://x/?access_token=x'\n\
         [[feishu]]\nwebhook = 'https://x/bot/v2/hook/x'\n\
         [[wecom]]\nwebhook = 'https://x/?key=x'\n\
         [[slack]]\nwebhook = 'https://x/services/x/x/x'\n",
    );
    let alone = alone.unwrap();
    assert_eq!(whole.engine.retry, alone.engine.retry);
    assert_eq!(whole.engine.alert, defaults.engine.alert);
    assert!(whole.engine.programs[0].expected_up && alone.engine.programs[0].expected_up);
    let robots = |config: &Config| format!("{:?}", &config.notify.channels[..4]);
    assert_eq!(
        robots(&whole).replace("\"ops\"", "\"dingtalk\""),
        robots(&alone)
    );
    assert_eq!(whole.notify.channels.len(), 6);
    assert_eq!(whole.notify.language, Language::Zh);
    assert_eq!(whole.log.format, logging::Format::Auto);
}

/// The program itself lists the keys of a table when it is asked for one that is not there.
#[test]
fn the_example_knows_every_key() {
    let whole = whole_example();
    let mut sections: Vec<&str> = whole.split("\n[").collect();
    sections.remove(0);
    for (header, keys) in sections
        .iter()
        .map(|section| section.split_once('\n').unwrap())
    {
        let header = format!("[{header}");
        let Err(ConfigError::Mistakes(mistakes)) = load_text(&format!("{header}\nqqq = 1\n"))
        else {
            panic!("{header}");
        };
        let listing = mistakes
            .list()
            .iter()
            .map(config::Mistake::message)
            .find_map(|message| Some(message.split_once("the keys here are ")?.1.to_owned()))
            .unwrap();
        for key in listing.replace(" and ", ", ").split(", ") {
            let has = |key: &str| {
                keys.contains(&format!("\n{key} = ")) || keys.contains(&format!("\n#{key} = "))
            };
            let explained = |key: &str| keys.contains(key);
            let twin = key.strip_suffix("_file").unwrap_or(key);
            let twin_of = format!("{key}_file");
            assert!(
                has(key) || (has(twin) || has(&twin_of)) && explained(key),
                "{header} lacks {key}:\n{keys}"
            );
        }
    }
    assert_eq!(sections.len(), 14);
}
