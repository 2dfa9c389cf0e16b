// An app for Abide. Change it while `abide dev` runs: it is built and deployed again.
package main

import (
	"fmt"
	"log/slog"
	"time"

	abide "abide/sdk"
)

func init() {
	abide.Function(abide.Config{ID: "hello", On: "visitor/arrived"}, hello)
}

// Visit is the data of the event that starts the function.
type Visit struct {
	Name string `json:"name"`
	// Stay is how long to wait before the farewell. Default: a day.
	Stay string `json:"stay"`
}

// Visited is what comes of it.
type Visited struct {
	Greeting string `json:"greeting"`
	Farewell string `json:"farewell"`
}

func hello(ctx abide.Context, event abide.Event[Visit]) (Visited, error) {
	var visited Visited
	visit := event.Data
	stay := abide.Day
	if visit.Stay != "" {
		parsed, err := time.ParseDuration(visit.Stay)
		if err != nil {
			return visited, abide.NonRetriable(err)
		}
		stay = parsed
	}

	// A step's body may use the network, the clock and the environment. Its result is recorded: it is never done again.
	greeting, err := abide.Run(ctx, "greet", func(body abide.Body) (string, error) {
		slog.Info("greeting", "guest", visit.Name, "attempt", body.Attempt)
		return fmt.Sprintf("Hello, %s!", visit.Name), nil
	})
	if err != nil {
		return visited, err
	}

	// Costs nothing while it lasts, and survives restarts and deploys.
	if err := abide.Sleep(ctx, "stay", stay); err != nil {
		return visited, err
	}

	farewell, err := abide.Run(ctx, "part", func(abide.Body) (string, error) {
		return fmt.Sprintf("Goodbye, %s!", visit.Name), nil
	})
	return Visited{greeting, farewell}, err
}

func main() {}
