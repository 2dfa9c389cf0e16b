package abide

import (
	"encoding/json"
	"time"
)

// host is the seam between the scheduler and whoever runs the component, so that a test can be the host. The real one is in host_wasip1.go.
type host interface {
	start(id string, request request) uint32
	next() (uint32, news)
	finish(ticket uint32, result string, failure *failure)
	cancel(ticket uint32)
	// environment gives the configured variables, which only a body may know.
	environment() map[string]string
}

// request is what a workflow asks for: one of the types below.
type request interface{ isRequest() }

type (
	runRequest struct {
		retries *int
		timeout time.Duration
		backoff *Backoff
		input   string
	}
	sleepRequest         struct{ duration time.Duration }
	sleepUntilRequest    struct{ time time.Time }
	waitForEventRequest  struct{ Wait }
	waitForSignalRequest struct {
		signal string
		WaitSignal
	}
	sendEventsRequest struct{ events []sentEvent }
	sendSignalRequest struct {
		signal, data string
		ttl          *time.Duration
	}
	invokeRequest struct {
		function, data string
		timeout        time.Duration
	}
	fetchRequest struct{ Request }
	inferRequest struct {
		Model
		body string
	}
)

type sentEvent struct {
	id, name, data, user, version string
	time                          time.Time
}

func (runRequest) isRequest()           {}
func (sleepRequest) isRequest()         {}
func (sleepUntilRequest) isRequest()    {}
func (waitForEventRequest) isRequest()  {}
func (waitForSignalRequest) isRequest() {}
func (sendEventsRequest) isRequest()    {}
func (sendSignalRequest) isRequest()    {}
func (invokeRequest) isRequest()        {}
func (fetchRequest) isRequest()         {}
func (inferRequest) isRequest()         {}

type newsKind int

const (
	newsDone newsKind = iota
	newsFailed
	newsEmpty
	newsExecute
)

// news is what the host tells about an operation.
type news struct {
	kind      newsKind
	json      string
	failure   failure
	execution execution
}

// execution is one attempt at a step's body.
type execution struct {
	attempt, maxAttempts    int
	idempotencyKey, stepKey string
	input                   string
}

// runInfo is what a workflow knows of its run when it begins.
type runInfo struct {
	AppID, FunctionID, RunID string
	Attempt, MaxAttempts     int
	Event                    rawEvent
	Events                   []rawEvent
}

// milliseconds as the contract wants them. A part of a millisecond counts as a whole one, so that nothing is ever early.
func milliseconds(duration time.Duration) uint64 {
	if duration <= 0 {
		return 0
	}
	return uint64((duration + time.Millisecond - 1) / time.Millisecond)
}

// toJSON writes a value as JSON, without the escapes that only HTML needs.
func toJSON(value any) (string, error) {
	if raw, ok := value.(json.RawMessage); ok && raw == nil {
		return "null", nil
	}
	var text textBuffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return string(text[:len(text)-1]), nil
}

type textBuffer []byte

func (b *textBuffer) Write(bytes []byte) (int, error) {
	*b = append(*b, bytes...)
	return len(bytes), nil
}
