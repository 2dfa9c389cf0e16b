package abide

import "runtime"

// How often the other goroutines are given a chance while a coroutine neither hands back nor ends. Collecting garbage takes some of them; a coroutine
// that waits for something native takes all.
const patience = 50_000

// handedBack waits until the coroutine that runs hands back. There is one thread: it runs while this yields. False if it waits for something else.
func handedBack(back chan struct{}) bool {
	for range patience {
		select {
		case <-back:
			return true
		default:
			runtime.Gosched()
		}
	}
	return false
}
