//! Which seeds a campaign lives through: the options that both simulations have.

/// Which seeds, and how many at once.
#[derive(clap::Args)]
pub struct Selection {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    pub seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Threads; as many as there are cores if absent.
    #[arg(long)]
    jobs: Option<usize>,
    /// Print everything that happens: for one seed.
    #[arg(long)]
    pub trace: bool,
}

impl Selection {
    /// Threads.
    pub fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, Into::into);
        self.jobs.unwrap_or_else(cores)
    }
}
