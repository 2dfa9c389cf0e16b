//! What `abide dev` is made of: apps that are built, deployed and watched; and what it says.

pub(crate) mod activity;
pub(crate) mod banner;
pub(crate) mod deployer;
pub(crate) mod invocation;
pub(crate) mod watch;
