package main

import (
	"fmt"
	"log/slog"
	"time"

	abide "abide/sdk"
)

func init() {
	type numbered struct {
		N int `json:"n"`
	}
	batch := config("batch")
	batch.Batch = &abide.Batch{MaxSize: 3, Timeout: 10 * time.Second}
	abide.Function(batch, func(ctx abide.Context, event abide.Event[numbered]) (object, error) {
		events, err := abide.Events[numbered](ctx)
		all := []int{}
		for _, one := range events {
			all = append(all, one.Data.N)
		}
		return object{"first": event.Data.N, "all": all}, err
	})

	scenario(config("logs"), func(ctx abide.Context) (any, error) {
		slog.Info("begins", "order", 42, "to", "Ann")
		_, err := step(ctx, "work", func() (any, error) {
			slog.Debug("in the body", "n", 1)
			return nil, nil
		})
		if err != nil {
			return nil, err
		}
		if err := abide.Sleep(ctx, "rest", time.Second); err != nil {
			return nil, err
		}
		slog.Warn("ends")
		slog.Error("really")
		return nil, nil
	})

	scenario(config("spans"), func(ctx abide.Context) (any, error) {
		order := abide.StartSpan("order", "n", 1)
		_, err := step(ctx, "work", func() (any, error) {
			ask := abide.StartSpan("ask", "n", 2)
			defer ask.End()
			answer := ask.Start("answer")
			defer answer.End()
			return nil, nil
		})
		order.Fail(err)
		order.End()
		declined := abide.StartSpan("declined")
		declined.Fail(fmt.Errorf("no"))
		declined.End()
		return nil, err
	})

	scenario(config("print"), func(ctx abide.Context) (any, error) {
		_, err := step(ctx, "work", func() (any, error) {
			fmt.Println("printed in the body")
			return nil, nil
		})
		fmt.Println("printed in the workflow")
		return nil, err
	})
}
