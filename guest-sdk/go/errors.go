package abide

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"
)

// ErrCanceled is what operations give in a branch that was given up: the loser of a [Race], or one whose [CancelFunc] was called.
var ErrCanceled = errors.New("the branch was canceled")

// Error is an error with a name, for whoever catches it or counts it, and a word on trying again. Any other error may be returned as well: its
// name is that of its type, or Error if it comes from errors.New or fmt.Errorf, and it is tried again as the retry policy says.
type Error struct {
	// Name is the kind of error.
	Name string
	// Message is one sentence for a human.
	Message string

	data  json.RawMessage
	retry retryAdvice
	stack string
	cause error
}

type retryAdvice struct {
	kind  adviceKind
	after time.Duration
	at    time.Time
}

type adviceKind int

const (
	byPolicy adviceKind = iota
	never
	after
	at
)

// NewError makes an error that trying again may cure.
func NewError(name, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{Name: name, Message: cause.Error(), stack: caller(2), cause: errors.Unwrap(cause)}
}

// NonRetriable says that trying again cannot cure err: the step, or the run, fails at once.
func NonRetriable(err error) *Error { return advise(err, retryAdvice{kind: never}) }

// RetryAfter says to try again after a while, clamped to 1 second … 24 hours.
func RetryAfter(err error, wait time.Duration) *Error {
	return advise(err, retryAdvice{kind: after, after: wait})
}

// RetryAt says to try again at a certain time, clamped to 1 second … 24 hours from now.
func RetryAt(err error, when time.Time) *Error { return advise(err, retryAdvice{kind: at, at: when}) }

func advise(err error, retry retryAdvice) *Error {
	if err == nil {
		err = errors.New("an error without a cause")
	}
	failure := failureOf(err)
	it := &Error{Name: failure.Name, Message: failure.Message, data: failure.Data, retry: retry, stack: failure.Stack, cause: err}
	if it.stack == "" {
		it.stack = caller(3)
	}
	return it
}

// WithData attaches data, which [StepError.Data] gives to whoever catches the error. What JSON cannot express is left out.
func (e *Error) WithData(data any) *Error {
	if text, err := toJSON(data); err == nil {
		e.data = json.RawMessage(text)
	}
	return e
}

// Final is the same error, which trying again cannot cure.
func (e *Error) Final() *Error {
	e.retry = retryAdvice{kind: never}
	return e
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// StepError is why an operation did not give what the workflow asked for: its last attempt failed, or the request itself was wrong. Find it with [errors.As].
//
// Returned by the workflow it ends the run, and since the failure is recorded, workflow code is not tried again.
type StepError struct {
	// Step is the id of the step, as the author wrote it.
	Step string
	// Name is the kind of error: that of the body's error, or one of this package: InvalidOptions (the operation was asked for wrongly),
	// InvalidResult (the recorded result is not of the expected type), NestedOperation (a body used the context).
	Name string
	// Message is one sentence for a human, without the step's id.
	Message string
	// Stack is where it was raised.
	Stack string

	data json.RawMessage
}

// Data reads what [Error.WithData] attached; false if it is not there, or does not fit.
func (e *StepError) Data(into any) bool {
	return len(e.data) > 0 && json.Unmarshal(e.data, into) == nil
}

// Error is the message, with the step's id in front.
func (e *StepError) Error() string {
	// A failure of the platform names its step already.
	if strings.HasPrefix(e.Message, "step `") {
		return e.Message
	}
	return fmt.Sprintf("step `%s`: %s", e.Step, e.Message)
}

// failure is an error in the form in which it is journaled.
type failure struct {
	Name    string
	Message string
	Stack   string
	Data    json.RawMessage
	Retry   retryAdvice
}

// failureOf turns the error of a body or a workflow into what the host is told. The message is that of err; the rest is from the first error in its chain
// that knows.
func failureOf(err error) *failure {
	result := &failure{Name: "Error", Message: err.Error()}
	var own *Error
	var step *StepError
	switch {
	case errors.As(err, &own):
		result.Name, result.Data, result.Stack, result.Retry = own.Name, own.data, own.stack, own.retry
	case errors.As(err, &step):
		result.Name, result.Data, result.Stack, result.Retry = step.Name, step.data, step.Stack, retryAdvice{kind: never}
	default:
		result.Name = typeName(err)
	}
	if result.Name == "" {
		result.Name = "Error"
	}
	return result
}

// typeName is the name of the first type in the chain that is not a mere wrapping of text.
func typeName(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		kind := reflect.TypeOf(err)
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if path := kind.PkgPath(); path != "errors" && path != "fmt" && kind.Name() != "" {
			return kind.Name()
		}
	}
	return "Error"
}

// caller is the place that called the function `skip` frames up.
func caller(skip int) string {
	counter, file, line, found := runtime.Caller(skip)
	if !found {
		return ""
	}
	name := "?"
	if function := runtime.FuncForPC(counter); function != nil {
		name = function.Name()
	}
	return fmt.Sprintf("at %s (%s:%d)", name, file, line)
}
