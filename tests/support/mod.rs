//! What the integration tests stand on: real supervisords, supervigil itself, a DingTalk stand-in, real
//! Alertmanagers and Prometheuses.
//!
//! Everything that is started here, and everything that it starts in turn, ends with the value that
//! stands for it, and at the latest with the test process, however that ends ([`leash`]).
//!
//! A test file that uses only a part of it says so:
//!
//! ```ignore
//! #[expect(dead_code, reason = "a part of it is used here")]
//! mod support;
//! ```

#![cfg(test)]
#![expect(
    clippy::disallowed_types,
    reason = "processes are waited for by the real clock"
)]

pub(crate) mod alertmanager;
pub(crate) mod clock;
pub(crate) mod dingtalk;
pub(crate) mod http;
pub(crate) mod leash;
pub(crate) mod programs;
pub(crate) mod prometheus;
pub(crate) mod supervigil;
pub(crate) mod supervisord;
pub(crate) mod wait;

/// Makes tests of functions that take a [`supervisord::Release`], one for each release that there
/// is: `name::v425`, `name::v430`, `name::debian`.
///
/// Exported, because a macro that some test files have no use for would be a warning there.
#[macro_export]
macro_rules! each_release {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::support::supervisord::Release;

            #[test]
            fn v425() {
                super::$name(Release::V425);
            }

            #[test]
            fn v430() {
                super::$name(Release::V430);
            }

            #[test]
            fn debian() {
                if Release::Debian.is_wanted() {
                    super::$name(Release::Debian);
                }
            }
        }
    )+};
}
