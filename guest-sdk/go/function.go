package abide

import (
	"fmt"
	"time"
)

// Config says what a function is called, what starts it, and how its runs are started, paced, merged and ended. What is left out is the default that
// its comment names.
//
// Text without explanation is CEL over event, the event that starts the run; Key makes a limit of its own for every value.
type Config struct {
	// ID is kebab-case, unique in the app. Required.
	ID string
	// Name is what people call it. Default: the id.
	Name string
	// On is the name of an event that starts it, or a pattern that ends in /* or .*
	On string
	// Cron is a schedule that starts it: five fields, after an optional "TZ=Area/City ".
	Cron string
	// Triggers are more events and schedules, 10 altogether.
	Triggers []Trigger
	// Retries of failed steps, and of failed workflow code. Default: 4.
	Retries *int
	// Backoff between attempts. Default: see [Backoff].
	Backoff *Backoff
	// Concurrency: up to two limits, all of which hold.
	Concurrency []Concurrency
	// Throttle says how fast runs may start: those beyond it wait.
	Throttle *Throttle
	// RateLimit says how many runs may start in a period: those beyond it are dropped.
	RateLimit *RateLimit
	// Debounce makes one run of a burst of events, of which the last counts.
	Debounce *Debounce
	// Batch makes one run of many events, all of which count: see [Events].
	Batch *Batch
	// Priority gives the seconds by which the run comes before others, -600 to 600.
	Priority string
	// Idempotency: the first event of every value within 24 hours starts a run.
	Idempotency string
	// Singleton: at most one live run.
	Singleton *Singleton
	// CancelOn: up to five events that cancel runs.
	CancelOn []CancelOn
	// StartTimeout is the longest from the queue to the start.
	StartTimeout time.Duration
	// FinishTimeout is the longest from the start to the end.
	FinishTimeout time.Duration
	// Retention is how long a finished run is kept, 1 hour to 10 years. Default: the node's.
	Retention time.Duration
	// OnFailure runs when a run has failed for good: a run of its own, of the function ID-failure.
	OnFailure func(Context, FunctionFailure) (any, error)
	// OnFailureRetries are the retries of that run. Default: 4.
	OnFailureRetries *int
}

// Trigger is what starts a function: an event or a schedule.
type Trigger struct {
	// Event is a name or a pattern.
	Event string
	// If must be true. Default: every such event.
	If string
	// Cron is a schedule.
	Cron string
	// Jitter delays every tick of the schedule, 1 second to 5 minutes. Default: none.
	Jitter time.Duration
	// Catchup says what becomes of ticks that passed while no node ran. Default: the last one runs.
	Catchup Catchup
}

// Catchup says what becomes of the ticks of a schedule that passed while no node ran.
type Catchup int

// What becomes of missed ticks.
const (
	CatchupDefault Catchup = iota
	CatchupNone
	CatchupLast
	CatchupAll
)

// Scope is among which runs a concurrency limit counts.
type Scope int

// The function's runs, or those of all functions of the environment or the account whose limits give the same value of Key.
const (
	ScopeDefault Scope = iota
	ScopeFunction
	ScopeEnvironment
	ScopeAccount
)

// Concurrency is how much may go on at once.
type Concurrency struct {
	Limit int
	Key   string
	Scope Scope
	// PerRun counts whole runs. Default: executing steps.
	PerRun bool
}

// Throttle is how fast runs may start.
type Throttle struct {
	Limit  int
	Period time.Duration
	// Burst is how many more may start after a quiet time. Default: 0.
	Burst int
	Key   string
}

// RateLimit is how many runs may start in a period.
type RateLimit struct {
	Limit  int
	Period time.Duration
	Key    string
}

// Debounce starts a run after a time without events.
type Debounce struct {
	Period time.Duration
	Key    string
	// Timeout is the longest delay altogether. Default: none.
	Timeout time.Duration
}

// Batch starts a run for several events.
type Batch struct {
	MaxSize int
	Timeout time.Duration
	Key     string
	// If is false for events that run alone. Default: all are batched.
	If string
}

// SingletonMode is what a second run does while one is alive.
type SingletonMode int

const (
	// SingletonSkip skips the second run.
	SingletonSkip SingletonMode = iota
	// SingletonCancel cancels the first run.
	SingletonCancel
)

// Singleton is at most one live run.
type Singleton struct {
	Mode SingletonMode
	Key  string
}

// CancelOn is an event that cancels runs. Exactly one of If, Match and All.
type CancelOn struct {
	Event string
	// If is CEL over event (which started the run) and async (which arrived).
	If string
	// Match is a dotted path whose value must be equal in both events.
	Match string
	All   bool
	// Timeout after which the event does not cancel any more. Default: as long as the run lives.
	Timeout time.Duration
}

// FunctionFailure is the final failure of a run, as [Config].OnFailure is told.
type FunctionFailure struct {
	// FunctionID is the function whose run failed, with its app: app/function.
	FunctionID string
	// RunID is the run that failed.
	RunID string
	// Name, Message and Stack are what ended it.
	Name, Message, Stack string
	// Event is what had started it; Events are all of them.
	Event  Event[any]
	Events []Event[any]
}

// Schema is the shape of an event's data, as a JSON Schema.
type Schema struct {
	Event string
	// Version: events with the same one. Default: those without.
	Version string
	// Schema is something that is a JSON Schema in JSON.
	Schema any
}

// function is what was registered.
type function struct {
	config   Config
	workflow func(Context) (string, error)
}

var (
	functions []function
	schemas   []Schema
)

// Function registers a function of the app. Call it in init.
//
// The data of the event that starts a run are read as an E; use any for a function that needs none of it.
func Function[E, R any](config Config, handler func(Context, Event[E]) (R, error)) {
	functions = append(functions, function{config, func(ctx Context) (string, error) {
		event, err := readEvent[E](ctx.run.info.Event)
		if err != nil {
			return "", err
		}
		return written(handler(ctx, event))
	}})
}

// EventSchemas registers the shapes of events that the app knows. An event that breaks the schema of its name and version is refused, whoever sends it.
// Call it in init.
func EventSchemas(shapes ...Schema) { schemas = append(schemas, shapes...) }

func written[R any](result R, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := toJSON(result)
	if err != nil {
		return "", NewError("InvalidResult", "the function's output: it cannot be written as JSON: %v", err).Final()
	}
	return text, nil
}

const failureSuffix = "-failure"

// find gives the workflow of a function, or of its handler of failures.
func find(id string) func(Context) (string, error) {
	for _, it := range functions {
		if it.config.ID == id {
			return it.workflow
		}
		if it.config.OnFailure != nil && it.config.ID+failureSuffix == id {
			return failureWorkflow(it.config.OnFailure)
		}
	}
	return nil
}

func failureWorkflow(handler func(Context, FunctionFailure) (any, error)) func(Context) (string, error) {
	return func(ctx Context) (string, error) {
		type told struct {
			FunctionID string `json:"function_id"`
			RunID      string `json:"run_id"`
			Error      struct {
				Name    string `json:"name"`
				Message string `json:"message"`
				Stack   string `json:"stack"`
			} `json:"error"`
			Event  rawEvent   `json:"event"`
			Events []rawEvent `json:"events"`
		}
		event, err := readEvent[told](ctx.run.info.Event)
		if err != nil {
			return "", err
		}
		it := event.Data
		failure := FunctionFailure{FunctionID: it.FunctionID, RunID: it.RunID, Name: it.Error.Name, Message: it.Error.Message, Stack: it.Error.Stack}
		if failure.Event, err = readEvent[any](it.Event); err != nil {
			return "", err
		}
		for _, raw := range it.Events {
			one, err := readEvent[any](raw)
			if err != nil {
				return "", err
			}
			failure.Events = append(failure.Events, one)
		}
		return written(handler(ctx, failure))
	}
}

// runFunction runs a function to its end.
func runFunction(host host, info runInfo) (string, *failure) {
	workflow := find(info.FunctionID)
	if workflow == nil {
		message := fmt.Sprintf("the app `%s` has no function `%s`", info.AppID, info.FunctionID)
		return "", &failure{Name: "Error", Message: message, Retry: retryAdvice{kind: never}}
	}
	return newRun(host, info).drive(workflow)
}
