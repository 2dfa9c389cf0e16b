// n steps, then a wait: what a run with a history costs.
package main

import abide "abide/sdk"

func init() {
	abide.Function(abide.Config{ID: "resume", On: "bench/resume"}, resume)
}

// Order is the data of the event that starts the function.
type Order struct {
	N   int    `json:"n"`
	Key string `json:"key"`
}

func resume(ctx abide.Context, event abide.Event[Order]) (int, error) {
	sum := 0
	for number := range event.Data.N {
		result, err := abide.Run(ctx, "step", func(abide.Body) (int, error) { return number, nil })
		if err != nil {
			return 0, err
		}
		sum += result
	}
	_, err := abide.WaitForEvent[map[string]any](ctx, "wake", abide.Wait{Event: "bench/wake", Match: "data.key", Timeout: abide.Day})
	return sum, err
}

func main() {}
