// The conformance scenarios in Go: see SCENARIOS.md. One file for every chapter.
package main

import (
	"errors"
	"time"

	abide "abide/sdk"
)

func main() {}

// object is a JSON object.
type object = map[string]any

// config is what a scenario has unless it says otherwise.
func config(id string) abide.Config {
	return abide.Config{ID: id, On: "conformance/" + id, Retries: abide.Retries(0)}
}

// retrying is config with retries, and a second between them.
func retrying(id string, retries int) abide.Config {
	it := config(id)
	it.Retries = abide.Retries(retries)
	it.Backoff = &abide.Backoff{Kind: abide.Constant, Base: time.Second}
	return it
}

// scenario registers a function whose data are not looked at.
func scenario[R any](config abide.Config, handler func(abide.Context) (R, error)) {
	abide.Function(config, func(ctx abide.Context, _ abide.Event[any]) (R, error) { return handler(ctx) })
}

// step runs a body that needs to know nothing.
func step[T any](ctx abide.Context, id string, body func() (T, error)) (T, error) {
	return abide.Run(ctx, id, func(abide.Body) (T, error) { return body() })
}

// value is a step that returns a value.
func value[T any](ctx abide.Context, id string, value T) (T, error) {
	return step(ctx, id, func() (T, error) { return value, nil })
}

// caught is what whoever catches an error can tell of it.
func caught(err error) object {
	var failed *abide.StepError
	if !errors.As(err, &failed) {
		return nil
	}
	var data any
	failed.Data(&data)
	return object{"name": failed.Name, "message": failed.Message, "data": data}
}

// name is the name of an operation's error.
func name(err error) any { return caught(err)["name"] }
