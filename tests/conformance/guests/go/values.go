package main

import (
	"math"
	"strconv"
	"time"

	abide "abide/sdk"
)

func init() {
	scenario(config("run"), func(ctx abide.Context) (object, error) {
		first, err := value(ctx, "first", 1)
		if err != nil {
			return nil, err
		}
		second, err := value(ctx, "second", first+1)
		return object{"first": first, "second": second}, err
	})

	abide.Function(config("context"), func(ctx abide.Context, event abide.Event[any]) (object, error) {
		events, err := abide.Events[any](ctx)
		return object{
			"app": ctx.AppID(), "function": ctx.FunctionID(), "runIdLength": len(ctx.RunID()), "attempt": ctx.Attempt(), "maxAttempts": ctx.MaxAttempts(),
			"event": object{
				"id": event.ID, "name": event.Name, "data": event.Data, "user": event.User, "ts": event.Time.UnixMilli(), "v": event.Version,
			},
			"events": len(events),
		}, err
	})

	scenario(config("values"), func(ctx abide.Context) ([]any, error) {
		results := []any{}
		for _, one := range []any{nil, true, 0, "", []any{}, object{}, object{"a": []any{1, object{"b": nil}}}} {
			result, err := value(ctx, "value", one)
			if err != nil {
				return nil, err
			}
			results = append(results, result)
		}
		return results, nil
	})

	scenario(config("nothing"), func(ctx abide.Context) (any, error) {
		return value[any](ctx, "nothing", nil)
	})

	type texted struct {
		Text string `json:"text"`
	}
	abide.Function(config("unicode"), func(ctx abide.Context, event abide.Event[texted]) (object, error) {
		echoed, err := value(ctx, "größe 🧭", event.Data.Text)
		return object{"echoed": echoed, "same": echoed == event.Data.Text}, err
	})

	abide.Function(config("numbers"), func(ctx abide.Context, event abide.Event[map[string]any]) (object, error) {
		data := event.Data
		same, err := value(ctx, "same", data)
		number := func(key string) float64 { return data[key].(float64) }
		return object{
			"same": same, "sum": number("max") + number("min"), "tenths": number("tenth") + 0.2, "third": 1.0 / 3.0,
			"negativeZero": math.IsInf(1/number("zero"), -1), "odd": data["odd"],
		}, err
	})

	abide.Function(config("large"), func(ctx abide.Context, event abide.Event[texted]) (object, error) {
		text, err := value(ctx, "echo", event.Data.Text)
		if err != nil {
			return nil, err
		}
		more, err := step(ctx, "more", func() (string, error) { return text + "b", nil })
		return object{"length": len(more), "text": more}, err
	})

	scenario(retrying("keys", 2), func(ctx abide.Context) (object, error) {
		return abide.Run(ctx, "told", func(body abide.Body) (object, error) {
			if body.Attempt < 1 {
				return nil, abide.NewError("Again", "once more")
			}
			return object{
				"attempt": body.Attempt, "maxAttempts": body.MaxAttempts, "idempotencyKey": body.IdempotencyKey, "stepKey": body.StepKey,
			}, nil
		})
	})

	type numbered struct {
		N int `json:"n"`
	}
	abide.Function(config("step-input"), func(ctx abide.Context, event abide.Event[numbered]) (int, error) {
		return abide.Run(ctx, "square", func(body abide.Body) (int, error) {
			var input numbered
			err := body.Input(&input)
			return input.N * input.N, err
		}, abide.RunOptions{Input: event.Data})
	})

	scenario(config("loop"), func(ctx abide.Context) ([]int, error) {
		var squares []int
		for i := range 5 {
			square, err := value(ctx, "item", i*i)
			if err != nil {
				return nil, err
			}
			squares = append(squares, square)
		}
		return squares, nil
	})

	scenario(config("many"), func(ctx abide.Context) (int, error) {
		sum := 0
		for i := range 100 {
			added, err := value(ctx, "add", i)
			if err != nil {
				return 0, err
			}
			sum += added
		}
		return sum, nil
	})

	scenario(config("helper"), func(ctx abide.Context) ([]string, error) {
		x, err := loadAndStore(ctx, "x")
		if err != nil {
			return nil, err
		}
		others, err := abide.All(ctx,
			func(ctx abide.Context) (string, error) { return loadAndStore(ctx, "y") },
			func(ctx abide.Context) (string, error) { return loadAndStore(ctx, "z") })
		return append([]string{x}, others...), err
	})

	scenario(config("nested-operation"), func(ctx abide.Context) (object, error) {
		_, err := step(ctx, "outer", func() (int, error) { return value(ctx, "inner", 1) })
		return object{"name": name(err)}, nil
	})

	scenario(config("sleep"), func(ctx abide.Context) (int64, error) {
		before := time.Now()
		if err := abide.Sleep(ctx, "short", time.Second); err != nil {
			return 0, err
		}
		err := abide.Sleep(ctx, "long", 30*abide.Day)
		return time.Now().UnixMilli() - before.UnixMilli(), err
	})

	abide.Function(config("sleep-until"), func(ctx abide.Context, event abide.Event[timed]) (string, error) {
		if err := abide.SleepUntil(ctx, "past", time.UnixMilli(1577836800000)); err != nil {
			return "", err
		}
		return "awake", abide.SleepUntil(ctx, "future", time.UnixMilli(event.Data.At))
	})

	scenario(config("sleep-too-long"), func(ctx abide.Context) (any, error) {
		return nil, abide.Sleep(ctx, "too-long", 34560000000*time.Millisecond)
	})
}

type timed struct {
	At int64 `json:"at"`
}

func loadAndStore(ctx abide.Context, name string) (string, error) {
	a, err := value(ctx, "load", name)
	if err != nil {
		return "", err
	}
	if err := abide.Sleep(ctx, "pause", time.Second); err != nil {
		return "", err
	}
	return step(ctx, "store", func() (string, error) { return a + "!", nil })
}

func itoa(i int) string { return strconv.Itoa(i) }
