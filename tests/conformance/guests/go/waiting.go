package main

import (
	"time"

	abide "abide/sdk"
)

func init() {
	const answer = "conformance/answer"
	waiting := func(id string, wait abide.Wait) {
		wait.Event, wait.Timeout = answer, time.Hour
		scenario(config(id), func(ctx abide.Context) (object, error) {
			event, err := abide.WaitForEvent[any](ctx, "answer", wait)
			if err != nil {
				return nil, err
			}
			if event == nil {
				return object{"answer": nil}, nil
			}
			return object{"name": event.Name, "data": event.Data}, nil
		})
	}
	waiting("wait-match", abide.Wait{Match: "data.key"})
	waiting("wait-if", abide.Wait{If: "async.data.n > event.data.above"})
	waiting("wait-timeout", abide.Wait{})
	waiting("wait-lookback", abide.Wait{Match: "data.key", Lookback: time.Hour})

	hour := abide.WaitSignal{Timeout: time.Hour}
	scenario(config("signal"), func(ctx abide.Context) (any, error) {
		return abide.WaitForSignal[any](ctx, "approval", "conformance-approval", hour)
	})
	scenario(config("signal-timeout"), func(ctx abide.Context) (object, error) {
		approval, err := abide.WaitForSignal[any](ctx, "approval", "conformance-approval", hour)
		return object{"approval": approval}, err
	})

	scenario(config("signal-conflict"), func(ctx abide.Context) ([]any, error) {
		wait := func(id string, options abide.WaitSignal) *abide.Future[*string] {
			return abide.Async(ctx, func(ctx abide.Context) (*string, error) {
				return abide.WaitForSignal[string](ctx, id, "conformance-taken", options)
			})
		}
		first := wait("first", hour)
		_, e := wait("second", hour).Get(ctx)
		third := wait("third", abide.WaitSignal{Timeout: time.Hour, Replace: true})
		_, f := first.Get(ctx)
		late, err := third.Get(ctx)
		return []any{name(e), name(f), late}, err
	})

	scenario(config("send-signal"), func(ctx abide.Context) (any, error) {
		if err := abide.SendSignal(ctx, "tell", "conformance-self", object{"n": 7}); err != nil {
			return nil, err
		}
		return abide.WaitForSignal[any](ctx, "hear", "conformance-self", hour)
	})

	scenario(config("send-event"), func(ctx abide.Context) (int, error) {
		ids, err := abide.SendEvents(ctx, "one", abide.NewEvent{
			ID: "sent-once", Name: "conformance/sent", Data: object{"n": 1}, User: object{"id": "u1"}, Time: time.UnixMilli(1767225600123), Version: "1",
		})
		return len(ids), err
	})
	scenario(config("send-events"), func(ctx abide.Context) (int, error) {
		ids, err := abide.SendEvents(ctx, "many",
			abide.NewEvent{Name: "conformance/sent", Data: object{"n": 0}},
			abide.NewEvent{Name: "conformance/sent", Data: object{"n": 1}},
			abide.NewEvent{Name: "conformance/sent"})
		return len(ids), err
	})

	type numbered struct {
		N int `json:"n"`
	}
	type twice struct {
		Twice int `json:"twice"`
	}
	abide.Function(config("invoke"), func(ctx abide.Context, event abide.Event[numbered]) (object, error) {
		a, err := abide.Invoke[twice](ctx, "call", "callee", abide.InvokeOptions{Data: object{"n": event.Data.N}})
		if err != nil {
			return nil, err
		}
		b, err := abide.Invoke[twice](ctx, "again", "conformance/callee", abide.InvokeOptions{Data: object{"n": a.Twice}})
		return object{"answer": b.Twice}, err
	})
	called := func(id string) abide.Config { return abide.Config{ID: id, Retries: abide.Retries(0)} }
	abide.Function(called("callee"), func(ctx abide.Context, event abide.Event[numbered]) (twice, error) {
		double, err := value(ctx, "double", event.Data.N*2)
		return twice{double}, err
	})
	scenario(config("invoke-failed"), func(ctx abide.Context) (object, error) {
		_, err := abide.Invoke[any](ctx, "call", "callee-fails")
		it := caught(err)
		return object{"name": it["name"], "data": it["data"]}, nil
	})
	scenario(called("callee-fails"), func(ctx abide.Context) (any, error) {
		return nil, abide.NewError("CalleeBroke", "no luck").WithData(object{"code": 7}).Final()
	})
	scenario(config("invoke-timeout"), func(ctx abide.Context) (object, error) {
		_, err := abide.Invoke[any](ctx, "call", "callee-sleeps", abide.InvokeOptions{Timeout: time.Minute})
		return caught(err), nil
	})
	scenario(called("callee-sleeps"), func(ctx abide.Context) (any, error) {
		return nil, abide.Sleep(ctx, "hour", time.Hour)
	})
}
