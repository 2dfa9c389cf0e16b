package abide

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Growth is how the wait before the next attempt grows.
type Growth int

const (
	// Exponential waits base, base · factor, base · factor²…
	Exponential Growth = iota
	// Linear waits base, 2 · base, 3 · base…
	Linear
	// Constant waits base.
	Constant
)

// Backoff is a retry schedule in place of the default one (15 s, 30 s, 1 m, 2 m, 5 m, 10 m, 20 m, 40 m, 1 h, 2 h, 2 h… plus up to 30 s).
type Backoff struct {
	Kind Growth
	// Base is the wait after the first failure.
	Base time.Duration
	// Factor is the growth of Exponential, 1 to 1000. Default: 2.
	Factor float64
	// Max is the longest wait, before jitter. Default: 2 hours.
	Max time.Duration
	// Jitter is the limit of a random extra wait. Default: none.
	Jitter time.Duration
}

// Retries says how often to try again, where none is a choice too: 0 to 20.
func Retries(count int) *int { return &count }

// RunOptions are options of [Run].
type RunOptions struct {
	// Retries of a failed body. Default: the function's.
	Retries *int
	// Timeout of one attempt. Default: the host's limit.
	Timeout time.Duration
	// Backoff between attempts. Default: the function's.
	Backoff *Backoff
	// Input is what the step works on: an operator sees it beside the result, and may replace it when the run is replayed from this step. The
	// body reads it with [Body.Input].
	Input any
}

// Body is what a step's body knows of its attempt. It is a context.Context too, for calls that want one.
type Body struct {
	context.Context
	// Attempt counts from 0.
	Attempt int
	// MaxAttempts is how many attempts there can be altogether.
	MaxAttempts int
	// IdempotencyKey differs for every attempt.
	IdempotencyKey string
	// StepKey is the same for every attempt: what to hand to a service that deduplicates.
	StepKey string

	input string
}

// Input reads the step's input: [RunOptions].Input, or what an operator put in its place.
func (b Body) Input(into any) error {
	if b.input == "" {
		return NewError("InvalidInput", "the step has no input: give it one in RunOptions").Final()
	}
	if err := json.Unmarshal([]byte(b.input), into); err != nil {
		return NewError("InvalidInput", "the step's input is not a `%T`: %w", into, err).Final()
	}
	return nil
}

// Run is a step: work whose result is recorded, so that it is never done again.
//
// The body may read the clock, use randomness and send HTTP requests (package abidehttp). It executes at least once, and again when it fails, as the
// retry policy says; as soon as it has succeeded its result is recorded and it never executes again. When no attempt is left, the error is a [StepError].
func Run[T any](ctx Context, id string, body func(Body) (T, error), options ...RunOptions) (T, error) {
	var result T
	option := first(options)
	request := runRequest{retries: option.Retries, timeout: option.Timeout, backoff: option.Backoff}
	if option.Input != nil {
		input, err := toJSON(option.Input)
		if err != nil {
			return result, invalidOptions(id, "input: it cannot be written as JSON: %v", err)
		}
		request.input = input
	}
	input := request.input
	outcome, err := ctx.await(id, request, func(execution execution) (string, *failure) {
		it := Body{
			Context:        context.Background(),
			Attempt:        execution.attempt,
			MaxAttempts:    execution.maxAttempts,
			IdempotencyKey: execution.idempotencyKey,
			StepKey:        execution.stepKey,
			input:          input,
		}
		if execution.input != "" {
			it.input = execution.input
		}
		value, err := body(it)
		if err != nil {
			return "", failureOf(err)
		}
		text, err := toJSON(value)
		if err != nil {
			return "", failureOf(NewError("InvalidResult", "the result: it cannot be written as JSON: %v", err).Final())
		}
		return text, nil
	})
	if err != nil {
		return result, err
	}
	return read[T](id, outcome)
}

// Sleep lets time pass, up to 366 days, at no cost. Never early.
func Sleep(ctx Context, id string, duration time.Duration) error {
	_, err := ctx.await(id, sleepRequest{duration}, nil)
	return err
}

// SleepUntil waits until a point in time, at most 366 days ahead. A time in the past is over at once.
func SleepUntil(ctx Context, id string, when time.Time) error {
	_, err := ctx.await(id, sleepUntilRequest{when}, nil)
	return err
}

// Wait says for which event [WaitForEvent] waits.
type Wait struct {
	// Event is the event's exact name. Required.
	Event string
	// Timeout is how long to wait, up to 366 days. Required.
	Timeout time.Duration
	// Match is a dotted path whose value must be equal in the event that started the run and in the one that arrives: "data.orderId".
	Match string
	// If is a CEL expression over event (which started the run) and async (which arrived). Excludes Match.
	If string
	// Lookback also accepts an event that was received up to this long before. Default: none.
	Lookback time.Duration
}

// WaitForEvent waits for an event, whose data are read as a T; nil when the wait times out.
func WaitForEvent[T any](ctx Context, id string, wait Wait) (*Event[T], error) {
	switch {
	case wait.Event == "":
		return nil, invalidOptions(id, "the wait does not say for which event: set Event")
	case wait.Timeout <= 0:
		return nil, invalidOptions(id, "the wait does not say how long: set Timeout")
	case wait.Match != "" && wait.If != "":
		return nil, invalidOptions(id, "`Match` and `If` exclude each other: write the first as a part of the second")
	}
	outcome, err := ctx.await(id, waitForEventRequest{wait}, nil)
	if err != nil || outcome.empty {
		return nil, err
	}
	raw, err := read[rawEvent](id, outcome)
	if err != nil {
		return nil, err
	}
	event, err := readEvent[T](raw)
	if err != nil {
		return nil, &StepError{Step: id, Name: "InvalidResult", Message: err.Error(), Stack: caller(2)}
	}
	return &event, nil
}

// WaitSignal says how [WaitForSignal] waits.
type WaitSignal struct {
	// Timeout is how long to wait, up to 366 days. Required.
	Timeout time.Duration
	// Replace takes the place of a run that waits for the same signal already, whose wait then fails. Default: this one fails.
	Replace bool
}

// WaitForSignal waits for the signal with this name, unique in its environment, and reads its data as a T; nil when the wait times out.
func WaitForSignal[T any](ctx Context, id, signal string, wait WaitSignal) (*T, error) {
	if wait.Timeout <= 0 {
		return nil, invalidOptions(id, "the wait does not say how long: set Timeout")
	}
	outcome, err := ctx.await(id, waitForSignalRequest{signal, wait}, nil)
	if err != nil || outcome.empty {
		return nil, err
	}
	data, err := read[T](id, outcome)
	if err != nil {
		return nil, err
	}
	return &data, nil
}

// NewEvent is an event to be sent.
type NewEvent struct {
	// Name is required, 1 to 256 characters.
	Name string
	// Data is something that is an object in JSON. Default: {}.
	Data any
	// User says who it concerns: something that is an object in JSON. Default: none.
	User any
	// ID makes the event unique: for 24 hours a second event with the same id starts no function again.
	ID string
	// Time is when it happened; in the future it delays the runs. Default: now.
	Time time.Time
	// Version of the payload's shape. Default: none.
	Version string
}

// SendEvent sends an event, exactly once; gives its id.
func SendEvent(ctx Context, id string, event NewEvent) (string, error) {
	ids, err := SendEvents(ctx, id, event)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// SendEvents sends 1 to 5,000 events, all or none, exactly once; gives their ids.
func SendEvents(ctx Context, id string, events ...NewEvent) ([]string, error) {
	request := sendEventsRequest{}
	for _, event := range events {
		sent := sentEvent{id: event.ID, name: event.Name, version: event.Version, time: event.Time}
		var err error
		if sent.data, err = objectJSON("data", event.Name, event.Data); err != nil {
			return nil, invalidOptions(id, "%v", err)
		}
		if sent.user, err = objectJSON("user", event.Name, event.User); err != nil {
			return nil, invalidOptions(id, "%v", err)
		}
		request.events = append(request.events, sent)
	}
	outcome, err := ctx.await(id, request, nil)
	if err != nil {
		return nil, err
	}
	return read[[]string](id, outcome)
}

func objectJSON(member, name string, value any) (string, error) {
	if value == nil {
		return "", nil
	}
	text, err := toJSON(value)
	if err != nil {
		return "", fmt.Errorf("the %s of event `%s` cannot be written as JSON: %w", member, name, err)
	}
	if !strings.HasPrefix(text, "{") {
		return "", fmt.Errorf("the %s of event `%s` is not a JSON object", member, name)
	}
	return text, nil
}

// SignalOptions are options of [SendSignal].
type SignalOptions struct {
	// TTL is how long the signal is kept when nobody waits for it yet; a pointer to 0 drops it at once. Default: 1 hour.
	TTL *time.Duration
}

// SendSignal sends a signal, exactly once, to the run that waits for it now or soon. Without data (nil) that run receives null.
func SendSignal(ctx Context, id, signal string, data any, options ...SignalOptions) error {
	var text string
	var err error
	if data != nil {
		if text, err = toJSON(data); err != nil {
			return invalidOptions(id, "data: it cannot be written as JSON: %v", err)
		}
	}
	_, err = ctx.await(id, sendSignalRequest{signal, text, first(options).TTL}, nil)
	return err
}

// InvokeOptions are options of [Invoke].
type InvokeOptions struct {
	// Data of the event that the invoked function sees: something that is an object in JSON. Default: {}.
	Data any
	// Timeout is how long to wait for the result, up to 366 days. Default: 1 year.
	Timeout time.Duration
}

// Invoke starts another function and waits for its result, which is read as a T. function is its id in this app, or app-id/function-id. Its failure is
// a [StepError].
func Invoke[T any](ctx Context, id, function string, options ...InvokeOptions) (T, error) {
	var none T
	option := first(options)
	request := invokeRequest{function: function, timeout: option.Timeout}
	if option.Data != nil {
		data, err := toJSON(option.Data)
		if err != nil {
			return none, invalidOptions(id, "data: it cannot be written as JSON: %v", err)
		}
		request.data = data
	}
	outcome, err := ctx.await(id, request, nil)
	if err != nil {
		return none, err
	}
	return read[T](id, outcome)
}

func first[T any](options []T) T {
	if len(options) > 0 {
		return options[0]
	}
	var none T
	return none
}

func invalidOptions(id, format string, args ...any) error {
	return &StepError{Step: id, Name: "InvalidOptions", Message: fmt.Sprintf(format, args...), Stack: caller(3)}
}

// read reads a result.
func read[T any](id string, outcome *outcome) (T, error) {
	var result T
	if err := json.Unmarshal([]byte(outcome.json), &result); err != nil {
		return result, &StepError{Step: id, Name: "InvalidResult", Message: fmt.Sprintf("its result is not a `%T`: %v", result, err), Stack: caller(3)}
	}
	return result, nil
}
