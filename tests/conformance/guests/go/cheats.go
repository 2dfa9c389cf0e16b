package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	abide "abide/sdk"
)

var counter int

var wasted [][]byte

func init() {
	scenario(config("clock"), func(ctx abide.Context) (object, error) {
		a := time.Now()
		spun := 0
		for i := range 1_000_000 {
			spun += i & 1
		}
		b := time.Now()
		_, err := step(ctx, "work", func() (any, error) {
			time.Sleep(50 * time.Millisecond)
			return nil, nil
		})
		if err != nil {
			return nil, err
		}
		err = abide.Sleep(ctx, "hour", time.Hour)
		c := time.Now()
		return object{"spin": b.UnixMilli() - a.UnixMilli(), "hour": c.UnixMilli() - a.UnixMilli()}, err
	})

	scenario(config("body-clock"), func(ctx abide.Context) (bool, error) {
		return step(ctx, "measure", func() (bool, error) {
			a := time.Now()
			time.Sleep(50 * time.Millisecond)
			return time.Since(a) >= 50*time.Millisecond, nil
		})
	})

	random := func() string { return fmt.Sprint(rand.Uint64()) }
	scenario(config("randomness"), func(ctx abide.Context) (object, error) {
		a := random()
		if _, err := abide.Run(ctx, "observe", func(abide.Body) (string, error) { return a, nil }, abide.RunOptions{Input: a}); err != nil {
			return nil, err
		}
		mine, err := step(ctx, "observe-body", func() (string, error) { return random(), nil })
		if err != nil {
			return nil, err
		}
		if err := abide.Sleep(ctx, "rest", time.Second); err != nil {
			return nil, err
		}
		b := random()
		kept, err := abide.Run(ctx, "observe-again", func(abide.Body) (string, error) { return b, nil }, abide.RunOptions{Input: b})
		return object{"kept": kept == b, "moves": a != b, "body": mine != a}, err
	})

	scenario(config("globals"), func(ctx abide.Context) ([]int, error) {
		counter++
		seen := []int{counter}
		touch := func() error {
			_, err := step(ctx, "touch", func() (any, error) {
				counter += 10
				return nil, nil
			})
			seen = append(seen, counter)
			return err
		}
		if err := touch(); err != nil {
			return nil, err
		}
		if err := abide.Sleep(ctx, "rest", time.Second); err != nil {
			return nil, err
		}
		seen = append(seen, counter)
		err := touch()
		return seen, err
	})

	scenario(config("captured"), func(ctx abide.Context) (object, error) {
		n := 0
		returned, err := step(ctx, "change", func() (int, error) {
			n++
			return n, nil
		})
		if err != nil {
			return nil, err
		}
		seen := []int{n}
		err = abide.Sleep(ctx, "rest", time.Second)
		return object{"returned": returned, "seen": append(seen, n)}, err
	})

	scenario(config("environment"), func(ctx abide.Context) (object, error) {
		read := func() any {
			if text, found := os.LookupEnv("CONFORMANCE_VARIABLE"); found {
				return text
			}
			return nil
		}
		body, err := step(ctx, "read", func() (any, error) { return read(), nil })
		return object{"body": body, "workflow": read()}, err
	})

	scenario(config("hash-order"), func(ctx abide.Context) (object, error) {
		order := func() string {
			keys := map[string]bool{}
			for i := range 20 {
				keys["key-"+itoa(i)] = true
			}
			var list []string
			for key := range keys {
				list = append(list, key)
			}
			return strings.Join(list, ",")
		}
		joined := order()
		if _, err := abide.Run(ctx, "observe", func(abide.Body) (string, error) { return joined, nil }, abide.RunOptions{Input: joined}); err != nil {
			return nil, err
		}
		if err := abide.Sleep(ctx, "rest", time.Second); err != nil {
			return nil, err
		}
		again := order()
		kept, err := abide.Run(ctx, "observe-again", func(abide.Body) (string, error) { return again, nil }, abide.RunOptions{Input: again})
		return object{"count": len(strings.Split(joined, ",")), "kept": kept == again}, err
	})

	scenario(config("addresses"), func(ctx abide.Context) (bool, error) {
		place := fmt.Sprintf("%p", new([16]byte))
		if _, err := abide.Run(ctx, "observe", func(abide.Body) (string, error) { return place, nil }, abide.RunOptions{Input: place}); err != nil {
			return false, err
		}
		_, err := step(ctx, "waste", func() (any, error) {
			wasted = append(wasted, make([]byte, 100_000))
			return nil, nil
		})
		if err != nil {
			return false, err
		}
		other := fmt.Sprintf("%p", new([16]byte))
		kept, err := abide.Run(ctx, "observe-again", func(abide.Body) (string, error) { return other, nil }, abide.RunOptions{Input: other})
		if err != nil {
			return false, err
		}
		return kept == other, abide.Sleep(ctx, "rest", time.Second)
	})
}
