use abide_sdk::prelude::*;

abide::app!();

fn main() {}
