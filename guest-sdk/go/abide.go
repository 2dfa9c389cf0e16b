// Package abide runs functions whose steps are recorded, so that they survive crashes, restarts, deploys and waits of months.
//
//	func init() {
//		abide.Function(abide.Config{ID: "welcome-drip", On: "user/signed.up"}, welcome)
//	}
//
//	func welcome(ctx abide.Context, event abide.Event[Signup]) (bool, error) {
//		user := event.Data
//		_, err := abide.Run(ctx, "send-welcome", func(body abide.Body) (any, error) {
//			return nil, sendMail(body, user.Email, "Welcome!")
//		})
//		if err != nil {
//			return false, err
//		}
//		if err := abide.Sleep(ctx, "let-them-try", 3*abide.Day); err != nil {
//			return false, err
//		}
//		finished, err := abide.WaitForEvent[any](ctx, "onboarded", abide.Wait{
//			Event: "user/onboarding.finished", Match: "data.userId", Timeout: 7 * abide.Day,
//		})
//		return finished != nil, err
//	}
//
//	func main() {}
//
// # The one rule
//
// A function is workflow code with steps in it. Workflow code runs again from its beginning whenever the run goes on, after a wait, a crash or a
// deploy, and each operation that was completed before then returns what was recorded. So workflow code must do the same again; it need
// not try: its clock stands at the last completion, math/rand and the order of maps repeat, and network, files and environment are closed to it.
// Whatever touches the outside goes into the body of a step.
//
// A body executes in an instance of its own. What it changes in captured variables is never seen outside it: it returns what the workflow needs.
//
// # Branches side by side
//
// Workflow code runs in coroutines of this package, of which one runs at a time: see [Go], [Async], [All], [Race], [WaitGroup], [Channel] and [Selector].
// The native go statement, channels and time.Sleep work in bodies. In workflow code nothing may wait for them: that ends the run with an error that says so.
package abide

import (
	"encoding/json"
	"time"
)

// Day is 24 hours.
const Day = 24 * time.Hour

// Context is what a workflow knows of its run, and the handle by which it asks for operations. Copies are the same context.
type Context struct {
	run   *run
	scope *scope
}

// AppID is the app's id.
func (ctx Context) AppID() string { return ctx.run.info.AppID }

// FunctionID is the function's id, without the app's.
func (ctx Context) FunctionID() string { return ctx.run.info.FunctionID }

// RunID is the run's id: a ULID.
func (ctx Context) RunID() string { return ctx.run.info.RunID }

// Attempt is how often the workflow code (not a step) failed before, from 0.
func (ctx Context) Attempt() int { return ctx.run.info.Attempt }

// MaxAttempts is how many attempts at the workflow code there can be.
func (ctx Context) MaxAttempts() int { return ctx.run.info.MaxAttempts }

// Err is [ErrCanceled] if the branch was given up, else nil.
func (ctx Context) Err() error {
	if ctx.scope.canceled {
		return ErrCanceled
	}
	return nil
}

// Event is an event that arrived, its data read as a T. With T = any, or json.RawMessage, any data fits.
type Event[T any] struct {
	// ID is the platform's own (a ULID), unless the sender gave one.
	ID string
	// Name says what happened, by convention domain/entity.action.
	Name string
	// Data is the payload.
	Data T
	// User says who it concerns, as JSON; nil if the sender did not.
	User json.RawMessage
	// Time is when it happened.
	Time time.Time
	// Version of the payload's shape; empty if the sender gave none.
	Version string
}

// Events gives all the events that started the run, where several did ([Batch], [Debounce]); otherwise just the one.
func Events[T any](ctx Context) ([]Event[T], error) {
	events := make([]Event[T], 0, len(ctx.run.info.Events))
	for _, raw := range ctx.run.info.Events {
		event, err := readEvent[T](raw)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// rawEvent is an event as the host gives it.
type rawEvent struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Data    json.RawMessage `json:"data"`
	User    json.RawMessage `json:"user"`
	TS      int64           `json:"ts"`
	Version *string         `json:"v"`
}

func (raw rawEvent) version() string {
	if raw.Version == nil {
		return ""
	}
	return *raw.Version
}

// readEvent reads the event that started a run. That its data are no T is an error that trying again cannot cure.
func readEvent[T any](raw rawEvent) (Event[T], error) {
	event := Event[T]{ID: raw.ID, Name: raw.Name, Time: time.UnixMilli(raw.TS).UTC(), Version: raw.version()}
	if string(raw.User) != "null" {
		event.User = raw.User
	}
	if err := json.Unmarshal(raw.Data, &event.Data); err != nil {
		return event, NewError("InvalidEvent", "the data of event `%s` (%s) is not what the function expects (`%T`): %v",
			raw.Name, raw.ID, event.Data, err).Final()
	}
	return event, nil
}
