package abide

// CancelFunc gives up on a branch: its unfinished operations are withdrawn, and whatever it waits for gives [ErrCanceled].
type CancelFunc func()

// WithCancel gives a context for a branch that can be given up.
func WithCancel(ctx Context) (Context, CancelFunc) {
	child := &scope{canceled: ctx.scope.canceled}
	ctx.scope.children = append(ctx.scope.children, child)
	return Context{run: ctx.run, scope: child}, func() { ctx.run.cancel(child) }
}

// Go starts a branch of the workflow, a coroutine. It runs when the others wait, and ends with the workflow.
func Go(ctx Context, branch func(Context)) {
	ctx.run.spawn(func() { branch(ctx) })
}

// Yield lets the other branches that can go on run first.
func Yield(ctx Context) {
	ctx.run.wake(ctx.run.current)
	ctx.run.yield()
}

// Future is the result of a branch that [Async] started.
type Future[T any] struct {
	run     *run
	done    bool
	value   T
	err     error
	waiting []*coroutine
}

// Async starts a branch and gives its result as a future.
func Async[T any](ctx Context, branch func(Context) (T, error)) *Future[T] {
	future := &Future[T]{run: ctx.run}
	Go(ctx, func(ctx Context) {
		future.value, future.err = branch(ctx)
		future.done = true
		ctx.run.wakeAll(future.waiting)
	})
	return future
}

// Ready says whether the branch has ended.
func (f *Future[T]) Ready() bool { return f.done }

// Get waits until the branch has ended, and gives its result.
func (f *Future[T]) Get(ctx Context) (T, error) {
	if err := ctx.park(&f.waiting, f.Ready); err != nil {
		var none T
		return none, err
	}
	return f.value, f.err
}

func (f *Future[T]) waiters() *[]*coroutine { return &f.waiting }

// All runs branches side by side and gives their results in the order of the branches, or the first error, as soon as there is one; the other branches
// are then given up.
func All[T any](ctx Context, branches ...func(Context) (T, error)) ([]T, error) {
	inner, cancel := WithCancel(ctx)
	results := make([]T, len(branches))
	var waiting []*coroutine
	var failed error
	left := len(branches)
	for i, branch := range branches {
		Go(inner, func(inner Context) {
			value, err := branch(inner)
			results[i] = value
			left--
			if err != nil && failed == nil {
				failed = err
			}
			ctx.run.wakeAll(waiting)
		})
	}
	if err := ctx.park(&waiting, func() bool { return left == 0 || failed != nil }); err != nil {
		cancel()
		return nil, err
	}
	if failed != nil {
		cancel()
		return nil, failed
	}
	return results, nil
}

// Race runs branches side by side and gives the result of the one that ends first; the others are given up, and what they started is withdrawn.
func Race[T any](ctx Context, branches ...func(Context) (T, error)) (T, error) {
	var winner T
	if len(branches) == 0 {
		return winner, NewError("Error", "a race needs at least one branch").Final()
	}
	inner, cancel := WithCancel(ctx)
	var waiting []*coroutine
	var failed error
	ended := false
	for _, branch := range branches {
		Go(inner, func(inner Context) {
			value, err := branch(inner)
			if !ended {
				ended, winner, failed = true, value, err
				ctx.run.wakeAll(waiting)
			}
		})
	}
	err := ctx.park(&waiting, func() bool { return ended })
	cancel()
	if err != nil {
		return winner, err
	}
	return winner, failed
}

// WaitGroup waits for branches, as sync.WaitGroup does for goroutines. The zero value is ready.
type WaitGroup struct {
	run     *run
	count   int
	waiting []*coroutine
}

// Go starts a branch that the group waits for.
func (g *WaitGroup) Go(ctx Context, branch func(Context)) {
	g.run = ctx.run
	g.Add(1)
	Go(ctx, func(ctx Context) {
		branch(ctx)
		g.Done()
	})
}

// Add changes how many branches the group waits for.
func (g *WaitGroup) Add(count int) {
	g.count += count
	if g.count < 0 {
		panic("abide: the counter of a WaitGroup is below zero")
	}
	if g.count == 0 && g.run != nil {
		g.run.wakeAll(g.waiting)
	}
}

// Done says that a branch has ended.
func (g *WaitGroup) Done() { g.Add(-1) }

// Wait waits until all branches have ended.
func (g *WaitGroup) Wait(ctx Context) error {
	g.run = ctx.run
	return ctx.park(&g.waiting, func() bool { return g.count == 0 })
}

// Channel carries values between branches, as Go's own does between goroutines. Made by [NewChannel].
type Channel[T any] struct {
	run      *run
	size     int
	values   []T
	received int
	closed   bool
	sending  []*coroutine
	waiting  []*coroutine
}

// NewChannel makes a channel with room for size values that nobody has received yet. Without room (0) a sender waits until its value was received.
func NewChannel[T any](ctx Context, size int) *Channel[T] {
	return &Channel[T]{run: ctx.run, size: size}
}

// Send hands a value over. It panics if the channel is closed.
func (c *Channel[T]) Send(ctx Context, value T) error {
	room := max(c.size, 1)
	if err := ctx.park(&c.sending, func() bool { return c.closed || len(c.values) < room }); err != nil {
		return err
	}
	if c.closed {
		panic("abide: a value was sent on a closed channel")
	}
	c.values = append(c.values, value)
	number := c.received + len(c.values)
	c.run.wakeAll(c.waiting)
	if c.size > 0 {
		return nil
	}
	return ctx.park(&c.sending, func() bool { return c.received >= number })
}

// Receive waits for a value; false if the channel is closed and empty.
func (c *Channel[T]) Receive(ctx Context) (T, bool, error) {
	var none T
	if err := ctx.park(&c.waiting, c.Ready); err != nil {
		return none, false, err
	}
	if len(c.values) == 0 {
		return none, false, nil
	}
	value := c.values[0]
	c.values = c.values[1:]
	c.received++
	c.run.wakeAll(c.sending)
	return value, true, nil
}

// Ready says whether [Channel.Receive] would return at once.
func (c *Channel[T]) Ready() bool { return len(c.values) > 0 || c.closed }

// Close says that no more values come.
func (c *Channel[T]) Close() {
	c.closed = true
	c.run.wakeAll(c.waiting)
	c.run.wakeAll(c.sending)
}

func (c *Channel[T]) waiters() *[]*coroutine { return &c.waiting }

// Waitable is what a [Selector] waits for: a [Future] or a [Channel].
type Waitable interface {
	Ready() bool
	waiters() *[]*coroutine
}

// Selector waits for the first of several things, as Go's select does. The zero value is ready.
type Selector struct{ cases []selectorCase }

type selectorCase struct {
	it   Waitable
	then func()
}

// Add adds something to wait for, and what to do then. Of several that are ready the one that was added first is taken.
func (s *Selector) Add(it Waitable, then func()) *Selector {
	s.cases = append(s.cases, selectorCase{it, then})
	return s
}

// Select waits until one is ready, does what was said for it, and removes it if it is a future, whose result comes but once.
func (s *Selector) Select(ctx Context) error {
	chosen := -1
	ready := func() bool {
		for i, one := range s.cases {
			if one.it.Ready() {
				chosen = i
				return true
			}
		}
		return false
	}
	// The coroutine waits at all of them; the first to become ready wakes it.
	me := ctx.run.current
	for _, one := range s.cases {
		waiting := one.it.waiters()
		*waiting = append(*waiting, me)
	}
	var waiting []*coroutine
	err := ctx.park(&waiting, ready)
	for _, one := range s.cases {
		list := one.it.waiters()
		*list = without(*list, me)
	}
	if err != nil {
		return err
	}
	one := s.cases[chosen]
	if _, channel := one.it.(interface{ Close() }); !channel {
		s.cases = append(s.cases[:chosen:chosen], s.cases[chosen+1:]...)
	}
	if one.then != nil {
		one.then()
	}
	return nil
}
