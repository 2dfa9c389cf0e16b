package abide

import (
	"fmt"

	types "abide/sdk/internal/bindings/imports/abide_durable_types"
	wit "abide/sdk/internal/wit/types"
)

// describe gives the functions to the host, which checks them.
func describe() []types.FunctionConfig {
	var configs []types.FunctionConfig
	for _, it := range functions {
		configs = append(configs, toConfig(it.config))
		if it.config.OnFailure != nil {
			configs = append(configs, types.FunctionConfig{
				Id:       it.config.ID + failureSuffix,
				Triggers: []types.Trigger{types.MakeTriggerFailureOf(it.config.ID)},
				Retries:  toCount(it.config.OnFailureRetries),
			})
		}
	}
	return configs
}

func describeSchemas() []types.EventSchema {
	var shapes []types.EventSchema
	for _, it := range schemas {
		text, err := toJSON(it.Schema)
		if err != nil {
			panic(fmt.Sprintf("the schema of event `%s` cannot be written as JSON: %v", it.Event, err))
		}
		shapes = append(shapes, types.EventSchema{Event: it.Event, V: toOption(it.Version), Schema: text})
	}
	return shapes
}

func toConfig(from Config) types.FunctionConfig {
	config := types.FunctionConfig{
		Id:          from.ID,
		Name:        toOption(from.Name),
		Triggers:    toTriggers(from),
		Retries:     toCount(from.Retries),
		Backoff:     toBackoff(from.Backoff),
		Priority:    toOption(from.Priority),
		Idempotency: toOption(from.Idempotency),
		Retention:   toDuration(from.Retention),
	}
	for _, it := range from.Concurrency {
		limit := types.Concurrency{Limit: toLimit(it.Limit), Key: toOption(it.Key)}
		if it.Scope != ScopeDefault {
			limit.Scope = wit.Some(types.ConcurrencyScope(it.Scope - ScopeFunction))
		}
		if it.PerRun {
			limit.Per = wit.Some[types.ConcurrencyUnit](types.ConcurrencyUnit_Run)
		}
		config.Concurrency = append(config.Concurrency, limit)
	}
	if it := from.Throttle; it != nil {
		throttle := types.Throttle{Limit: toLimit(it.Limit), Period: milliseconds(it.Period), Key: toOption(it.Key)}
		if it.Burst != 0 {
			throttle.Burst = wit.Some(toLimit(it.Burst))
		}
		config.Throttle = wit.Some(throttle)
	}
	if it := from.RateLimit; it != nil {
		config.RateLimit = wit.Some(types.RateLimit{Limit: toLimit(it.Limit), Period: milliseconds(it.Period), Key: toOption(it.Key)})
	}
	if it := from.Debounce; it != nil {
		config.Debounce = wit.Some(types.Debounce{Period: milliseconds(it.Period), Key: toOption(it.Key), Timeout: toDuration(it.Timeout)})
	}
	if it := from.Batch; it != nil {
		config.BatchEvents = wit.Some(types.BatchEvents{MaxSize: toLimit(it.MaxSize), Timeout: milliseconds(it.Timeout), Key: toOption(it.Key), If: toOption(it.If)})
	}
	if it := from.Singleton; it != nil {
		config.Singleton = wit.Some(types.Singleton{Key: toOption(it.Key), Mode: types.SingletonMode(it.Mode)})
	}
	for _, it := range from.CancelOn {
		config.CancelOn = append(config.CancelOn, types.CancelOn{
			Event: it.Event, If: toOption(it.If), Match: toOption(it.Match), All: it.All, Timeout: toDuration(it.Timeout),
		})
	}
	if from.StartTimeout != 0 || from.FinishTimeout != 0 {
		config.Timeouts = wit.Some(types.Timeouts{Start: toDuration(from.StartTimeout), Finish: toDuration(from.FinishTimeout)})
	}
	return config
}

func toTriggers(from Config) []types.Trigger {
	var triggers []types.Trigger
	list := from.Triggers
	if from.Cron != "" {
		list = append([]Trigger{{Cron: from.Cron}}, list...)
	}
	if from.On != "" {
		list = append([]Trigger{{Event: from.On}}, list...)
	}
	for i, it := range list {
		switch {
		case it.Event != "" && it.Cron != "":
			panic(fmt.Sprintf("function `%s`: triggers[%d]: it is an event or a schedule, not both", from.ID, i))
		case it.Cron != "":
			cron := types.CronTrigger{Schedule: it.Cron, Jitter: toDuration(it.Jitter)}
			if it.Catchup != CatchupDefault {
				cron.Catchup = wit.Some(types.Catchup(it.Catchup - CatchupNone))
			}
			triggers = append(triggers, types.MakeTriggerCron(cron))
		default:
			triggers = append(triggers, types.MakeTriggerEvent(types.EventTrigger{Event: it.Event, If: toOption(it.If)}))
		}
	}
	return triggers
}
