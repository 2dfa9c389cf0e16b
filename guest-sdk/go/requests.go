package abide

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Request is an HTTP request that the host performs durably: see [Fetch].
type Request struct {
	// Method. Default: GET.
	Method string
	// URL is absolute. Required.
	URL string
	// Headers, in the order in which they are sent.
	Headers []Header
	// Body, as it is. Default: none.
	Body []byte
	// JSON is a body in place of Body; it sets the content type too.
	JSON any
	// Timeout of one attempt. Default: 5 minutes.
	Timeout time.Duration
	// Retries of an attempt without connection, or with a status of 500 and above, or 429. Default: the function's.
	Retries *int
	// Backoff between attempts. Default: the function's.
	Backoff *Backoff
}

// Header is a header of a [Request].
type Header struct{ Name, Value string }

// Response is what [Fetch] gives.
type Response struct {
	Status int
	// Headers by their lower-case names; several values of one are joined with a comma.
	Headers map[string]string
	Body    []byte
}

// Header gives the value of a header, whatever the case of its name; empty if it is not there.
func (r *Response) Header(name string) string { return r.Headers[strings.ToLower(name)] }

// Fetch has the host perform an HTTP request durably, while the function need not be in memory. The response may have any status below 500 but 429: see
// [Response.Err].
func Fetch(ctx Context, id string, request Request) (*Response, error) {
	if request.Method == "" {
		request.Method = "GET"
	}
	if request.JSON != nil {
		text, err := toJSON(request.JSON)
		if err != nil {
			return nil, invalidOptions(id, "json: it cannot be written as JSON: %v", err)
		}
		request.Body = []byte(text)
		request.Headers = append(request.Headers[:len(request.Headers):len(request.Headers)], Header{"content-type", "application/json"})
	}
	outcome, err := ctx.await(id, fetchRequest{request}, nil)
	if err != nil {
		return nil, err
	}
	type fetched struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
		Base64  string            `json:"body_base64"`
	}
	answer, err := read[fetched](id, outcome)
	if err != nil {
		return nil, err
	}
	response := &Response{Status: answer.Status, Headers: answer.Headers}
	if answer.Body != nil {
		response.Body = []byte(*answer.Body)
	} else if response.Body, err = base64.StdEncoding.DecodeString(answer.Base64); err != nil {
		return nil, &StepError{Step: id, Name: "InvalidResult", Message: "the recorded body is not base64", Stack: caller(2)}
	}
	return response, nil
}

// Decode reads the body as JSON.
func (r *Response) Decode(into any) error {
	if err := json.Unmarshal(r.Body, into); err != nil {
		return NewError("InvalidResponse", "the response (status %d) is not a `%T`: %w", r.Status, into, err)
	}
	return nil
}

// Err is nil if the status says success; otherwise an error that says sensibly whether trying again may help: 429 and 503 when their Retry-After header
// says; 408, 425 and all others from 500 on as the retry policy says; everything else never.
func (r *Response) Err() error {
	if r.Status >= 200 && r.Status < 300 {
		return nil
	}
	message := fmt.Sprintf("the service answered %d", r.Status)
	var body map[string]any
	if json.Unmarshal(r.Body, &body) == nil {
		for _, member := range []string{"message", "error"} {
			if said, ok := body[member].(string); ok {
				message += ": " + said
				break
			}
		}
	}
	err := NewError("HttpStatus", "%s", message)
	if body != nil {
		err.WithData(body)
	}
	pause, parsed := strconv.Atoi(strings.TrimSpace(r.Header("Retry-After")))
	switch {
	case (r.Status == 429 || r.Status == 503) && parsed == nil:
		err.retry = retryAdvice{kind: after, after: time.Duration(pause) * time.Second}
	case r.Status != 408 && r.Status != 425 && r.Status != 429 && r.Status < 500:
		err.retry = retryAdvice{kind: never}
	}
	return err
}

// Format is the form of request that a model provider understands.
type Format int

const (
	// OpenAI is POST {url}/chat/completions, which many servers understand.
	OpenAI Format = iota
	// Anthropic is POST {url}/messages.
	Anthropic
	// Gemini is POST {url}/models/{model}:generateContent.
	Gemini
)

// Model is a request to a model provider that the host performs durably: see [Infer].
type Model struct {
	// Format of the request. Default: OpenAI.
	Format Format
	// Name of the model. Required.
	Name string
	// Body is the request in the provider's own shape, without the model: something that is an object in JSON. Required.
	Body any
	// URL is the base URL. Default: the provider's public one.
	URL string
	// KeyVariable is the name of the configured variable that holds the provider's key; the key itself never enters a journal. Default: no key is sent.
	KeyVariable string
	// Timeout of one attempt. Default: 10 minutes.
	Timeout time.Duration
	// Retries of a failed attempt. Default: the function's.
	Retries *int
}

// Infer has the host ask a model provider, durably; gives the provider's answer, read as a T.
func Infer[T any](ctx Context, id string, model Model) (T, error) {
	var none T
	if model.Name == "" {
		return none, invalidOptions(id, "the request does not say which model: set Name")
	}
	body := "{}"
	if model.Body != nil {
		text, err := toJSON(model.Body)
		if err != nil {
			return none, invalidOptions(id, "body: it cannot be written as JSON: %v", err)
		}
		body = text
	}
	outcome, err := ctx.await(id, inferRequest{model, body}, nil)
	if err != nil {
		return none, err
	}
	return read[T](id, outcome)
}
