package main

import (
	"errors"
	"fmt"
	"time"

	abide "abide/sdk"
)

func failing(ctx abide.Context, id string, err error, options ...abide.RunOptions) error {
	_, failed := abide.Run(ctx, id, func(abide.Body) (any, error) { return nil, err }, options...)
	return failed
}

func init() {
	scenario(config("plain-error"), func(ctx abide.Context) (object, error) {
		it := caught(failing(ctx, "plain", errors.New("plain")))
		return object{"name": it["name"], "message": it["message"]}, nil
	})

	scenario(config("uncaught-plain"), func(ctx abide.Context) (any, error) {
		return nil, failing(ctx, "plain", errors.New("plain"))
	})

	scenario(retrying("retry", 2), func(ctx abide.Context) (int, error) {
		return abide.Run(ctx, "flaky", func(body abide.Body) (int, error) {
			if body.Attempt < 2 {
				return 0, abide.NewError("NotYet", "not yet (attempt %d)", body.Attempt)
			}
			return body.Attempt, nil
		})
	})

	outOfStock := func() error { return abide.NewError("OutOfStock", "none left").WithData(object{"sku": "x"}) }
	scenario(retrying("exhausted", 2), func(ctx abide.Context) (object, error) {
		return caught(failing(ctx, "never", outOfStock())), nil
	})
	scenario(retrying("uncaught", 2), func(ctx abide.Context) (any, error) {
		return nil, failing(ctx, "never", outOfStock())
	})

	scenario(retrying("non-retriable", 2), func(ctx abide.Context) (object, error) {
		return caught(failing(ctx, "bad", abide.NewError("BadInput", "bad input").Final())), nil
	})

	abide.Function(retrying("retry-after", 2), func(ctx abide.Context, event abide.Event[timed]) (int, error) {
		return abide.Run(ctx, "later", func(body abide.Body) (int, error) {
			switch body.Attempt {
			case 0:
				return 0, abide.RetryAfter(abide.NewError("Busy", "busy"), time.Minute)
			case 1:
				return 0, abide.RetryAt(abide.NewError("Busy", "still busy"), time.UnixMilli(event.Data.At))
			}
			return body.Attempt, nil
		})
	})

	scenario(config("step-options"), func(ctx abide.Context) ([]any, error) {
		nope := abide.NewError("Nope", "no")
		e := failing(ctx, "often", nope, abide.RunOptions{
			Retries: abide.Retries(2), Backoff: &abide.Backoff{Kind: abide.Linear, Base: 2 * time.Second},
		})
		f := failing(ctx, "growing", nope, abide.RunOptions{
			Retries: abide.Retries(3), Backoff: &abide.Backoff{Kind: abide.Exponential, Base: time.Second, Factor: 3, Max: 5 * time.Second},
		})
		return []any{name(e), name(f)}, nil
	})

	scenario(retrying("step-timeout", 0), func(ctx abide.Context) (string, error) {
		return abide.Run(ctx, "slow", func(body abide.Body) (string, error) {
			if body.Attempt == 0 {
				time.Sleep(time.Minute)
			}
			return "fast", nil
		}, abide.RunOptions{Retries: abide.Retries(1), Timeout: 2 * time.Second})
	})

	scenario(retrying("outside-steps", 2), func(ctx abide.Context) (object, error) {
		kept, err := value(ctx, "kept", 1)
		if err != nil {
			return nil, err
		}
		if ctx.Attempt() < 2 {
			return nil, abide.NewError("Outside", "attempt %d", ctx.Attempt())
		}
		last, err := value(ctx, "last", kept+1)
		return object{"attempt": ctx.Attempt(), "last": last}, err
	})
	scenario(retrying("outside-exhausted", 1), func(ctx abide.Context) (any, error) {
		return nil, abide.NewError("Outside", "always")
	})
	scenario(retrying("outside-final", 2), func(ctx abide.Context) (any, error) {
		return nil, abide.NewError("Fatal", "stop").WithData(object{"n": 1}).Final()
	})

	scenario(config("catch"), func(ctx abide.Context) (object, error) {
		flight, err := value(ctx, "book-flight", "F1")
		if err != nil {
			return nil, err
		}
		full := failing(ctx, "book-hotel", abide.NewError("HotelFull", "no room").Final())
		undone, err := step(ctx, "cancel-flight", func() (string, error) { return fmt.Sprintf("cancelled %s", flight), nil })
		return object{"undone": undone, "because": name(full)}, err
	})

	onFailure := config("on-failure")
	onFailure.OnFailureRetries = abide.Retries(0)
	onFailure.OnFailure = func(ctx abide.Context, failure abide.FunctionFailure) (any, error) {
		return value(ctx, "tell", object{
			"function": failure.FunctionID, "name": failure.Name, "message": failure.Message, "data": failure.Event.Data,
		})
	}
	scenario(onFailure, func(ctx abide.Context) (any, error) {
		return nil, abide.NewError("Broken", "it broke").Final()
	})
}
