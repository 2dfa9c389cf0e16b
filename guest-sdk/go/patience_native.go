//go:build !wasip1

package abide

import "time"

// In tests a coroutine that does not hand back within this time waits for something else.
const patience = 5 * time.Second

func handedBack(back chan struct{}) bool {
	select {
	case <-back:
		return true
	case <-time.After(patience):
		return false
	}
}
