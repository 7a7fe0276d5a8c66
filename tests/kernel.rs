//! The kernel's word on processes: real children of this very process, which plays supervisord, and
//! programs of real supervisords.

#[cfg(test)]
#[path = "kernel/children.rs"]
mod children;
#[cfg(test)]
#[path = "kernel/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "kernel/namespaces.rs"]
mod namespaces;
#[cfg(test)]
#[path = "kernel/reuse.rs"]
mod reuse;
#[cfg(test)]
#[path = "kernel/rig.rs"]
mod rig;
#[cfg(test)]
#[path = "kernel/supervisords.rs"]
mod supervisords;
#[cfg(test)]
#[expect(dead_code, reason = "a part of it is used here")]
mod support;
