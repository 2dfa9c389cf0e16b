package main

import (
	"time"

	abide "abide/sdk"
)

func branch[T any](id string, result T) func(abide.Context) (T, error) {
	return func(ctx abide.Context) (T, error) { return value(ctx, id, result) }
}

func init() {
	scenario(config("parallel"), func(ctx abide.Context) (int, error) {
		parts, err := abide.All(ctx, branch("a", 1), branch("b", 2), branch("c", 3))
		if err != nil {
			return 0, err
		}
		return value(ctx, "sum", parts[0]+parts[1]+parts[2])
	})

	scenario(config("parallel-branches"), func(ctx abide.Context) ([]string, error) {
		var trace []string
		side := func(first, pause, last string, length time.Duration) func(abide.Context) (any, error) {
			return func(ctx abide.Context) (any, error) {
				if _, err := value(ctx, first, 0); err != nil {
					return nil, err
				}
				trace = append(trace, first)
				if err := abide.Sleep(ctx, pause, length); err != nil {
					return nil, err
				}
				if _, err := value(ctx, last, 0); err != nil {
					return nil, err
				}
				trace = append(trace, last)
				return nil, nil
			}
		}
		_, err := abide.All(ctx, side("a1", "a", "a2", 2*time.Second), side("b1", "b", "b2", time.Second))
		return trace, err
	})

	scenario(config("repeat-parallel"), func(ctx abide.Context) ([]int, error) {
		return abide.All(ctx, branch("same", 0), branch("same", 1), branch("same", 2))
	})

	scenario(config("settled"), func(ctx abide.Context) ([]any, error) {
		good := abide.Async(ctx, branch("good", 1))
		bad := abide.Async(ctx, func(ctx abide.Context) (any, error) {
			return nil, failing(ctx, "bad", abide.NewError("Bad", "no"))
		})
		rest := abide.Async(ctx, func(ctx abide.Context) (any, error) {
			return nil, abide.Sleep(ctx, "rest", time.Second)
		})
		first, err := good.Get(ctx)
		if err != nil {
			return nil, err
		}
		_, second := bad.Get(ctx)
		third, err := rest.Get(ctx)
		return []any{first, name(second), third}, err
	})

	raced := func(id string, cancelLoser bool) {
		scenario(config(id), func(ctx abide.Context) (object, error) {
			inner, cancel := abide.WithCancel(ctx)
			slow := abide.Async(inner, func(ctx abide.Context) (string, error) {
				return "slow", abide.Sleep(ctx, "slow", time.Hour)
			})
			fast := abide.Async(ctx, branch("fast", "won"))
			var winner string
			var failed error
			var selector abide.Selector
			selector.Add(slow, func() { winner, failed = slow.Get(ctx) })
			selector.Add(fast, func() { winner, failed = fast.Get(ctx) })
			if err := selector.Select(ctx); err != nil {
				return nil, err
			}
			if cancelLoser {
				cancel()
			}
			if failed != nil {
				return nil, failed
			}
			return object{"winner": winner}, abide.Sleep(ctx, "after", 2*time.Hour)
		})
	}
	raced("race-cancelled", true)
	raced("race-left", false)

	scenario(config("race-body"), func(ctx abide.Context) (string, error) {
		return abide.Race(ctx,
			func(ctx abide.Context) (string, error) {
				return step(ctx, "slow", func() (string, error) {
					time.Sleep(time.Minute)
					return "late", nil
				})
			},
			branch("fast", "won"))
	})

	scenario(config("left-behind"), func(ctx abide.Context) (string, error) {
		abide.Go(ctx, func(ctx abide.Context) { _ = abide.Sleep(ctx, "forgotten", time.Hour) })
		abide.Yield(ctx)
		return "done", nil
	})
}
