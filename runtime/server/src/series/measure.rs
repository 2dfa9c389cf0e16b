//! What the time series are about, and over which times.

/// One thing that is followed over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Runs whose code began.
    RunsStarted,
    /// Runs that completed.
    RunsCompleted,
    /// Runs that failed.
    RunsFailed,
    /// Runs that were cancelled.
    RunsCancelled,
    /// Events that were recorded.
    Events,
    /// Steps that ended.
    Steps,
    /// Runs that could start but for a limit, a pause or the lack of room.
    Backlog,
    /// Runs that execute.
    Executing,
    /// Events, signals, runs and requests that runs wait for.
    Waiting,
    /// Times that runs wait for.
    Sleeping,
    /// How long half of the runs that ended took at most, from the start of their code.
    RunDurationP50,
    /// How long 95 in 100 took at most.
    RunDurationP95,
    /// How long 99 in 100 took at most.
    RunDurationP99,
    /// How long half of the commits took at most.
    SyncP50,
    /// How long 99 in 100 took at most.
    SyncP99,
    /// What the store takes on the disk.
    StoreBytes,
    /// What the server's process has of the machine's memory; all environments together.
    MemoryBytes,
    /// Runs with instances in memory.
    Resident,
}

/// How many there are.
pub(super) const MEASURES: usize = 18;

/// What the values of a measure are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How often something happened in the time that a point stands for.
    Count,
    /// How much there was, on average.
    Level,
    /// Below how many milliseconds a part of what ended in that time was.
    Quantile,
}

impl Kind {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Level => "level",
            Self::Quantile => "quantile",
        }
    }
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; MEASURES] = [
        Self::RunsStarted,
        Self::RunsCompleted,
        Self::RunsFailed,
        Self::RunsCancelled,
        Self::Events,
        Self::Steps,
        Self::Backlog,
        Self::Executing,
        Self::Waiting,
        Self::Sleeping,
        Self::RunDurationP50,
        Self::RunDurationP95,
        Self::RunDurationP99,
        Self::SyncP50,
        Self::SyncP99,
        Self::StoreBytes,
        Self::MemoryBytes,
        Self::Resident,
    ];

    /// Its name, in the API and in what is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::RunsStarted => "runs_started",
            Self::RunsCompleted => "runs_ended_completed",
            Self::RunsFailed => "runs_ended_failed",
            Self::RunsCancelled => "runs_ended_cancelled",
            Self::Events => "events",
            Self::Steps => "steps",
            Self::Backlog => "backlog",
            Self::Executing => "executing",
            Self::Waiting => "waiting",
            Self::Sleeping => "sleeping",
            Self::RunDurationP50 => "run_duration_p50",
            Self::RunDurationP95 => "run_duration_p95",
            Self::RunDurationP99 => "run_duration_p99",
            Self::SyncP50 => "sync_p50",
            Self::SyncP99 => "sync_p99",
            Self::StoreBytes => "store_bytes",
            Self::MemoryBytes => "memory_bytes",
            Self::Resident => "resident",
        }
    }

    /// The measure of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// What its values are.
    pub fn kind(self) -> Kind {
        match self {
            Self::RunsStarted
            | Self::RunsCompleted
            | Self::RunsFailed
            | Self::RunsCancelled
            | Self::Events
            | Self::Steps => Kind::Count,
            Self::Backlog
            | Self::Executing
            | Self::Waiting
            | Self::Sleeping
            | Self::StoreBytes
            | Self::MemoryBytes
            | Self::Resident => Kind::Level,
            Self::RunDurationP50
            | Self::RunDurationP95
            | Self::RunDurationP99
            | Self::SyncP50
            | Self::SyncP99 => Kind::Quantile,
        }
    }

    /// What its values count.
    pub fn unit(self) -> &'static str {
        match self {
            Self::RunsStarted
            | Self::RunsCompleted
            | Self::RunsFailed
            | Self::RunsCancelled
            | Self::Backlog
            | Self::Executing
            | Self::Resident => "runs",
            Self::Waiting | Self::Sleeping => "operations",
            Self::Events => "events",
            Self::Steps => "steps",
            Self::StoreBytes | Self::MemoryBytes => "bytes",
            Self::RunDurationP50
            | Self::RunDurationP95
            | Self::RunDurationP99
            | Self::SyncP50
            | Self::SyncP99 => "milliseconds",
        }
    }

    /// Its place among [`Measure::ALL`].
    pub(super) fn place(self) -> usize {
        self as usize
    }
}

/// Over which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// The last hour, by ten seconds.
    #[default]
    Hour,
    /// The last day, by minutes.
    Day,
    /// The last thirty days, by hours.
    Month,
}

impl Range {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The range of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    /// For how long a point stands, in milliseconds.
    pub fn step_ms(self) -> u64 {
        match self {
            Self::Hour => 10_000,
            Self::Day => 60_000,
            Self::Month => 3_600_000,
        }
    }

    /// How many points there are.
    pub fn points(self) -> usize {
        match self {
            Self::Hour => 360,
            Self::Day => 1_440,
            Self::Month => 720,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_has_its_place_and_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for (n, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure.place(), n);
            assert!(names.insert(measure.name()));
            assert_eq!(Measure::of_name(measure.name()), Some(measure));
        }
        assert_eq!(Measure::of_name("runs"), None);
    }
}
