// An order of several bookings that is made whole or not at all. Flight and hotel are booked side by side; when a step fails for good, what was done before is
// undone, the latest first.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"

	abide "abide/sdk"
	_ "abide/sdk/abidehttp"
)

func init() {
	abide.Function(abide.Config{ID: "book-tour", Name: "Book a tour", On: "tour/requested"}, bookTour)
}

func main() {}

// Tour is the data of tour/requested.
type Tour struct {
	ID     string `json:"tour"`
	Flight string `json:"flight"`
	Hotel  string `json:"hotel"`
	Car    string `json:"car"`
	// Price in cents.
	Price int    `json:"price"`
	Card  string `json:"card"`
}

// Outcome is what came of it.
type Outcome struct {
	Status    string   `json:"status"`
	BecauseOf string   `json:"because_of,omitempty"`
	Undone    []string `json:"undone,omitempty"`
}

type object = map[string]any

// compensation undoes a step.
type compensation struct {
	step, method, path string
	body               any
}

func bookTour(ctx abide.Context, event abide.Event[Tour]) (Outcome, error) {
	tour := event.Data
	var done []compensation
	failed := book(ctx, tour, &done)
	if failed == nil {
		return Outcome{Status: "booked"}, nil
	}
	var step *abide.StepError
	if !errors.As(failed, &step) {
		return Outcome{}, failed
	}
	// The failure is an ordinary value here. Undoing must succeed in the end, so it is tried as often as can be.
	slog.Warn("the tour cannot be booked", "tour", tour.ID, "error", failed, "undoing", len(done))
	outcome := Outcome{Status: "undone", BecauseOf: step.Step}
	for i := len(done) - 1; i >= 0; i-- {
		undo := done[i]
		if _, err := send(ctx, undo.step, undo.method, undo.path, undo.body, abide.RunOptions{Retries: abide.Retries(20)}); err != nil {
			return outcome, err
		}
		outcome.Undone = append(outcome.Undone, undo.step)
	}
	return outcome, nil
}

// book books everything, and notes in done how to undo it.
func book(ctx abide.Context, tour Tour, done *[]compensation) error {
	// Side by side; noted in this order, whichever is first.
	flight := abide.Async(ctx, booking(tour, "flight", tour.Flight))
	hotel := abide.Async(ctx, booking(tour, "hotel", tour.Hotel))
	flightID, flightFailed := flight.Get(ctx)
	if flightFailed == nil {
		*done = append(*done, compensation{"cancel-flight", "DELETE", "/bookings/" + flightID, nil})
	}
	hotelID, err := hotel.Get(ctx)
	if err == nil {
		*done = append(*done, compensation{"cancel-hotel", "DELETE", "/bookings/" + hotelID, nil})
	}
	if err := errors.Join(flightFailed, err); err != nil {
		return err
	}
	charge, err := send(ctx, "charge", "POST", "/charges", object{
		"reference": tour.ID, "amount": tour.Price, "currency": "EUR", "card": tour.Card,
	})
	if err != nil {
		return err
	}
	*done = append(*done, compensation{"refund", "POST", "/refunds", object{"charge_id": charge, "amount": tour.Price}})
	_, err = booking(tour, "car", tour.Car)(ctx)
	return err
}

func booking(tour Tour, kind, what string) func(abide.Context) (string, error) {
	return func(ctx abide.Context) (string, error) {
		return send(ctx, "book-"+kind, "POST", "/bookings", object{"kind": kind, "trip_id": tour.ID, "what": what})
	}
}

// send is a step that sends a request to the stand-in service, effective once however often it is tried, and gives the id of what was made or undone.
func send(ctx abide.Context, step, method, path string, payload any, options ...abide.RunOptions) (string, error) {
	return abide.Run(ctx, step, func(body abide.Body) (string, error) {
		service := os.Getenv("STAND_IN_URL")
		if service == "" {
			return "", abide.NewError("NotConfigured", "the variable STAND_IN_URL is not set: `abide dev` sets it when abide.toml says `stand-in = true`").Final()
		}
		text, err := json.Marshal(payload)
		if err != nil {
			return "", err
		}
		request, err := http.NewRequestWithContext(body, method, service+path, bytes.NewReader(text))
		if err != nil {
			return "", err
		}
		request.Header.Set("idempotency-key", body.StepKey)
		request.Header.Set("content-type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		if response.StatusCode >= 300 {
			refused := abide.NewError("HttpStatus", "the service answered %d", response.StatusCode)
			if response.StatusCode < 500 && response.StatusCode != http.StatusTooManyRequests {
				refused.Final()
			}
			return "", refused
		}
		var made struct {
			ID string `json:"id"`
		}
		err = json.NewDecoder(response.Body).Decode(&made)
		return made.ID, err
	}, options...)
}
