// Package runtime gives generated bindings their memory: what the host writes results into, and what is handed to it.
//
// Go's collector does not move what it manages, so memory is safe for as long as something refers to it.
package runtime

import "unsafe"

// Pinner keeps memory alive until it is let go. The generated code brings that of the standard library.
type Pinner interface{ Pin(pointer any) }

// Allocate makes memory that lives at least as long as the pinner holds it.
func Allocate(pinner Pinner, size, align uintptr) unsafe.Pointer {
	pointer := allocate(size, align)
	if pointer != nil {
		pinner.Pin(pointer)
	}
	return pointer
}

func allocate(size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	if align > 1 {
		// Words of eight bytes are aligned for everything that the contract knows.
		return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	}
	return unsafe.Pointer(unsafe.SliceData(make([]byte, size)))
}

// Handle is a resource of the host.
type Handle struct{ value int32 }

// MakeHandle wraps the number that the host gave.
func MakeHandle(value int32) *Handle { return &Handle{value} }

// Use gives the number for a call that leaves the resource with the guest.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("the resource was given away or dropped before")
	}
	return h.value
}

// Take gives the number for a call that takes the resource over.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil is Take for a resource that may be gone: then it gives 0.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set puts a resource into an empty handle.
func (h *Handle) Set(value int32) {
	if value == 0 || h.value != 0 {
		panic("the handle cannot be set")
	}
	h.value = value
}
