package abide

import (
	"encoding/json"
	"fmt"
	"time"

	exports "abide/sdk/internal/bindings/exports/export_abide_durable_functions"
	_ "abide/sdk/internal/bindings/exports/wit_exports"
	operations "abide/sdk/internal/bindings/imports/abide_durable_operations"
	types "abide/sdk/internal/bindings/imports/abide_durable_types"
	environment "abide/sdk/internal/bindings/imports/wasi_cli_environment"
	"abide/sdk/internal/wit/runtime"
	wit "abide/sdk/internal/wit/types"
)

func init() {
	exports.Describe = describe
	exports.EventSchemas = describeSchemas
	exports.Run = func(from types.RunContext) wit.Result[string, types.Failure] {
		info := runInfo{
			AppID:       from.AppId,
			FunctionID:  from.FunctionId,
			RunID:       from.RunId,
			Attempt:     int(from.Attempt),
			MaxAttempts: int(from.MaxAttempts),
			Event:       fromEvent(from.Event),
		}
		for _, event := range from.Events {
			info.Events = append(info.Events, fromEvent(event))
		}
		output, failed := runFunction(imports{}, info)
		if failed != nil {
			return wit.Err[string](toFailure(failed))
		}
		return wit.Ok[string, types.Failure](output)
	}
}

// imports is the host that the component runs on.
type imports struct{}

func (imports) start(id string, request request) uint32 {
	return operations.Start(id, toOperation(request))
}

func (imports) next() (uint32, news) {
	ticket, told := operations.Next()
	runtime.Unpin()
	switch told.Tag() {
	case types.News_Done:
		return ticket, news{kind: newsDone, json: told.Done()}
	case types.News_Failed:
		it := told.Failed()
		return ticket, news{kind: newsFailed, failure: failure{
			Name:    it.Name,
			Message: it.Message,
			Stack:   it.Stack.SomeOr(""),
			Data:    json.RawMessage(it.Data.SomeOr("")),
		}}
	case types.News_Execute:
		it := told.Execute()
		return ticket, news{kind: newsExecute, execution: execution{
			attempt:        int(it.Attempt),
			maxAttempts:    int(it.MaxAttempts),
			idempotencyKey: it.IdempotencyKey,
			stepKey:        it.StepKey,
			input:          it.Input.SomeOr(""),
		}}
	default:
		return ticket, news{kind: newsEmpty}
	}
}

func (imports) finish(ticket uint32, result string, failed *failure) {
	if failed != nil {
		operations.Finish(ticket, wit.Err[string](toFailure(failed)))
		return
	}
	operations.Finish(ticket, wit.Ok[string, types.Failure](result))
}

func (imports) cancel(ticket uint32) { operations.Cancel(ticket) }

func (imports) environment() map[string]string {
	variables := map[string]string{}
	for _, it := range environment.GetEnvironment() {
		variables[it.F0] = it.F1
	}
	runtime.Unpin()
	return variables
}

func toOperation(asked request) types.Operation {
	switch it := asked.(type) {
	case runRequest:
		return types.MakeOperationRun(types.RunOptions{
			Retries: toCount(it.retries),
			Timeout: toDuration(it.timeout),
			Backoff: toBackoff(it.backoff),
			Input:   toOption(it.input),
		})
	case sleepRequest:
		return types.MakeOperationSleep(milliseconds(it.duration))
	case sleepUntilRequest:
		return types.MakeOperationSleepUntil(toTime(it.time))
	case waitForEventRequest:
		return types.MakeOperationWaitForEvent(types.WaitForEventOptions{
			Event:    it.Event,
			Timeout:  milliseconds(it.Timeout),
			If:       toOption(it.If),
			Match:    toOption(it.Match),
			Lookback: toDuration(it.Lookback),
		})
	case waitForSignalRequest:
		conflict := wit.None[types.SignalConflict]()
		if it.Replace {
			conflict = wit.Some[types.SignalConflict](types.SignalConflict_Replace)
		}
		return types.MakeOperationWaitForSignal(types.WaitForSignalOptions{Signal: it.signal, Timeout: milliseconds(it.Timeout), OnConflict: conflict})
	case sendEventsRequest:
		events := make([]types.NewEvent, 0, len(it.events))
		for _, event := range it.events {
			sent := types.NewEvent{
				Id:   toOption(event.id),
				Name: event.name,
				Data: toOption(event.data),
				User: toOption(event.user),
				V:    toOption(event.version),
			}
			if !event.time.IsZero() {
				sent.Ts = wit.Some(toTime(event.time))
			}
			events = append(events, sent)
		}
		return types.MakeOperationSendEvents(events)
	case sendSignalRequest:
		ttl := wit.None[uint64]()
		if it.ttl != nil {
			ttl = wit.Some(milliseconds(*it.ttl))
		}
		return types.MakeOperationSendSignal(types.SendSignalOptions{Signal: it.signal, Data: toOption(it.data), Ttl: ttl})
	case invokeRequest:
		return types.MakeOperationInvoke(types.InvokeOptions{Function: it.function, Data: toOption(it.data), Timeout: toDuration(it.timeout)})
	case fetchRequest:
		headers := make([]wit.Tuple2[string, string], 0, len(it.Headers))
		for _, header := range it.Headers {
			headers = append(headers, wit.Tuple2[string, string]{F0: header.Name, F1: header.Value})
		}
		body := wit.None[[]uint8]()
		if it.Body != nil {
			body = wit.Some(it.Body)
		}
		return types.MakeOperationFetch(types.FetchOptions{
			Method:  it.Method,
			Url:     it.URL,
			Headers: headers,
			Body:    body,
			Timeout: toDuration(it.Timeout),
			Retries: toCount(it.Retries),
			Backoff: toBackoff(it.Backoff),
		})
	case inferRequest:
		return types.MakeOperationAiInfer(types.AiInferOptions{
			Format:      types.AiFormat(it.Format),
			Model:       it.Name,
			Url:         toOption(it.URL),
			KeyVariable: toOption(it.KeyVariable),
			Body:        it.body,
			Timeout:     toDuration(it.Timeout),
			Retries:     toCount(it.Retries),
		})
	default:
		panic(fmt.Sprintf("abide: a request of type %T", asked))
	}
}

func toOption(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

func toDuration(duration time.Duration) wit.Option[uint64] {
	if duration == 0 {
		return wit.None[uint64]()
	}
	return wit.Some(milliseconds(duration))
}

func toCount(count *int) wit.Option[uint32] {
	if count == nil {
		return wit.None[uint32]()
	}
	return wit.Some(toLimit(*count))
}

// toLimit leaves to the host what it says of numbers that make no sense.
func toLimit(limit int) uint32 { return uint32(max(limit, 0)) }

func toTime(when time.Time) uint64 { return uint64(max(when.UnixMilli(), 0)) }

func toBackoff(from *Backoff) wit.Option[types.Backoff] {
	if from == nil {
		return wit.None[types.Backoff]()
	}
	factor := wit.None[float64]()
	if from.Factor != 0 {
		factor = wit.Some(from.Factor)
	}
	return wit.Some(types.Backoff{
		Kind:   types.BackoffKind(from.Kind),
		Base:   milliseconds(from.Base),
		Factor: factor,
		Max:    toDuration(from.Max),
		Jitter: toDuration(from.Jitter),
	})
}

func toFailure(from *failure) types.Failure {
	retry := types.MakeRetryAdviceRetriable()
	switch from.Retry.kind {
	case never:
		retry = types.MakeRetryAdviceNonRetriable()
	case after:
		retry = types.MakeRetryAdviceRetryAfter(milliseconds(from.Retry.after))
	case at:
		retry = types.MakeRetryAdviceRetryAt(toTime(from.Retry.at))
	}
	return types.Failure{Name: from.Name, Message: from.Message, Stack: toOption(from.Stack), Data: toOption(string(from.Data)), Retry: retry}
}

func fromEvent(from types.Event) rawEvent {
	event := rawEvent{ID: from.Id, Name: from.Name, Data: json.RawMessage(from.Data), TS: int64(from.Ts)}
	if from.User.Tag() == wit.OptionSome {
		event.User = json.RawMessage(from.User.Some())
	}
	if from.V.Tag() == wit.OptionSome {
		version := from.V.Some()
		event.Version = &version
	}
	return event
}
