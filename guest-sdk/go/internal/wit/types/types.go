// Package types holds the shapes that generated bindings use for WIT's generic types.
//
// The generator of the bindings decides names and methods; they are not for authors of apps.
package types

// The cases of an Option.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value that may be absent.
type Option[T any] struct {
	some  bool
	value T
}

// Some is a value that is there.
func Some[T any](value T) Option[T] { return Option[T]{some: true, value: value} }

// None is an absent value.
func None[T any]() Option[T] { return Option[T]{} }

// Tag says which case it is.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Some gives the value. It panics if there is none.
func (o Option[T]) Some() T {
	if !o.some {
		panic("the option is none")
	}
	return o.value
}

// SomeOr gives the value, or otherwise.
func (o Option[T]) SomeOr(otherwise T) T {
	if o.some {
		return o.value
	}
	return otherwise
}

// The cases of a Result.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is a value, or what is wrong.
type Result[T, E any] struct {
	failed bool
	ok     T
	err    E
}

// Ok is a result that is fine.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err is a result that is not.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{failed: true, err: err} }

// Tag says which case it is.
func (r Result[T, E]) Tag() uint8 {
	if r.failed {
		return ResultErr
	}
	return ResultOk
}

// IsErr says whether it is the error.
func (r Result[T, E]) IsErr() bool { return r.failed }

// Ok gives the value. It panics if there is none.
func (r Result[T, E]) Ok() T {
	if r.failed {
		panic("the result is an error")
	}
	return r.ok
}

// Err gives the error. It panics if there is none.
func (r Result[T, E]) Err() E {
	if !r.failed {
		panic("the result is no error")
	}
	return r.err
}

// Unit is nothing.
type Unit struct{}

// Tuple2 is two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}
