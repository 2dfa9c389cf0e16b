package runtime

import "unsafe"

// What the host asked for and the bindings have not taken over yet.
var held []unsafe.Pointer

// Before Go has started, memory can only be taken from the system.
var started bool

func init() { started = true }

// Unpin lets go of what the host asked for: the bindings have turned it into strings and slices, which keep it alive.
func Unpin() {
	clear(held)
	held = held[:0]
}

//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

// A collection may begin in here and asks for the time. Imports are closed to it at this point, so that the adapter has to answer by itself.
//
//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseClock(paused bool)

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || oldSize != 0 {
		panic("the host never grows memory that it asked for")
	}
	if !started {
		start := uintptr(sbrk(size + align))
		return unsafe.Pointer((start + align - 1) &^ (align - 1))
	}
	pauseClock(true)
	pointer := allocate(size, align)
	held = append(held, pointer)
	pauseClock(false)
	return pointer
}
