package main

import (
	"io"
	"net/http"
	"time"

	abide "abide/sdk"
	_ "abide/sdk/abidehttp"
)

type service struct {
	URL string `json:"url"`
}

func init() {
	abide.Function(config("fetch"), func(ctx abide.Context, event abide.Event[service]) (object, error) {
		got, err := abide.Fetch(ctx, "get", abide.Request{URL: event.Data.URL + "/ok?x=1"})
		if err != nil {
			return nil, err
		}
		posted, err := abide.Fetch(ctx, "post", abide.Request{
			Method: "POST", URL: event.Data.URL + "/echo", Body: []byte(`{"n":1}`), Timeout: 10 * time.Second,
			Headers: []abide.Header{{Name: "content-type", Value: "application/json"}, {Name: "x-key", Value: "k"}},
		})
		if err != nil {
			return nil, err
		}
		var body, echo any
		if err := got.Decode(&body); err != nil {
			return nil, err
		}
		err = posted.Decode(&echo)
		return object{"status": got.Status, "header": got.Header("X-Service"), "body": body, "posted": echo}, err
	})

	abide.Function(retrying("fetch-retry", 3), func(ctx abide.Context, event abide.Event[service]) (any, error) {
		got, err := abide.Fetch(ctx, "flaky", abide.Request{URL: event.Data.URL + "/flaky"})
		if err != nil {
			return nil, err
		}
		var body any
		return body, got.Decode(&body)
	})

	abide.Function(config("fetch-missing"), func(ctx abide.Context, event abide.Event[service]) (object, error) {
		got, err := abide.Fetch(ctx, "missing", abide.Request{URL: event.Data.URL + "/missing"})
		if err != nil {
			return nil, err
		}
		return object{"status": got.Status, "body": string(got.Body)}, nil
	})

	abide.Function(retrying("fetch-failed", 0), func(ctx abide.Context, event abide.Event[service]) (object, error) {
		_, err := abide.Fetch(ctx, "broken", abide.Request{URL: event.Data.URL + "/broken", Retries: abide.Retries(1)})
		return object{"name": name(err)}, nil
	})

	abide.Function(config("ai-infer"), func(ctx abide.Context, event abide.Event[service]) (string, error) {
		type answer struct {
			Choices []struct {
				Message struct {
					Content string `json:"content"`
				} `json:"message"`
			} `json:"choices"`
		}
		said, err := abide.Infer[answer](ctx, "ask", abide.Model{
			Name: "test-model", URL: event.Data.URL + "/v1", KeyVariable: "AI_KEY",
			Body: object{"messages": []any{object{"role": "user", "content": "hi"}}},
		})
		if err != nil {
			return "", err
		}
		return said.Choices[0].Message.Content, nil
	})

	abide.Function(config("body-http"), func(ctx abide.Context, event abide.Event[service]) (object, error) {
		return abide.Run(ctx, "get", func(body abide.Body) (object, error) {
			response, err := http.Get(event.Data.URL + "/ok")
			if err != nil {
				return nil, err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			return object{"status": response.StatusCode, "body": string(text)}, err
		})
	})

	abide.Function(config("network"), func(ctx abide.Context, event abide.Event[service]) (object, error) {
		_, refused := http.Get(event.Data.URL + "/ok")
		err := abide.Sleep(ctx, "rest", time.Second)
		return object{"refused": refused != nil}, err
	})
}
