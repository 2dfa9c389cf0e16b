package main

import (
	"time"

	abide "abide/sdk"
)

func nothing(abide.Context) (any, error) { return nil, nil }

func init() {
	scenario(abide.Config{
		ID: "options", Name: "Every option",
		Triggers: []abide.Trigger{
			{Event: "conformance/options", If: "event.data.n > 1"},
			{Event: "conformance/options.*"},
			{Cron: "TZ=Europe/Berlin 30 4 * * MON-FRI", Jitter: 30 * time.Second, Catchup: abide.CatchupAll},
			{Cron: "0 0 1 * *"},
		},
		Retries:     abide.Retries(7),
		Backoff:     &abide.Backoff{Kind: abide.Exponential, Base: 5 * time.Second, Factor: 3, Max: 10 * time.Minute, Jitter: time.Second},
		Concurrency: []abide.Concurrency{{Limit: 5}, {Limit: 2, Key: "event.data.shop", Scope: abide.ScopeEnvironment, PerRun: true}},
		Throttle:    &abide.Throttle{Limit: 10, Period: time.Minute, Burst: 3, Key: "event.data.shop"},
		RateLimit:   &abide.RateLimit{Limit: 100, Period: time.Hour, Key: "event.data.user"},
		Debounce:    &abide.Debounce{Period: 5 * time.Second, Key: "event.data.doc", Timeout: time.Minute},
		Priority:    "event.data.plan == 'gold' ? 120 : 0",
		Singleton:   &abide.Singleton{Mode: abide.SingletonSkip, Key: "event.data.user"},
		CancelOn: []abide.CancelOn{
			{Event: "conformance/cancelled", Match: "data.id"},
			{Event: "conformance/closed", If: "async.data.shop == event.data.shop", Timeout: 2 * time.Hour},
			{Event: "conformance/all", All: true},
		},
		StartTimeout: 10 * time.Minute, FinishTimeout: 2 * time.Hour,
		Retention:        90 * abide.Day,
		OnFailure:        func(abide.Context, abide.FunctionFailure) (any, error) { return nil, nil },
		OnFailureRetries: abide.Retries(9),
	}, nothing)

	scenario(abide.Config{
		ID: "options-batch", On: "conformance/options-batch",
		Batch:   &abide.Batch{MaxSize: 100, Timeout: 10 * time.Second, Key: "event.data.user", If: "event.data.urgent != true"},
		Backoff: &abide.Backoff{Kind: abide.Linear, Base: 2 * time.Second},
	}, nothing)

	scenario(abide.Config{
		ID: "options-once", On: "conformance/options-once",
		Idempotency: "event.data.checkout",
		Singleton:   &abide.Singleton{Mode: abide.SingletonCancel},
		Backoff:     &abide.Backoff{Kind: abide.Constant, Base: time.Second, Jitter: 500 * time.Millisecond},
	}, nothing)

	scenario(abide.Config{ID: "options-none"}, nothing)

	abide.EventSchemas(
		abide.Schema{Event: "conformance/shaped", Schema: object{
			"type": "object", "required": []string{"n"}, "properties": object{"n": object{"type": "integer"}},
		}},
		abide.Schema{Event: "conformance/shaped", Version: "2", Schema: object{"type": "object"}})
}
