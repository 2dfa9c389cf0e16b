package abide

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// The scheduler runs all coroutines that can go on, one at a time and in the order in which they were woken, then asks the host once for news.
//
// A coroutine is a goroutine that runs only while the scheduler has handed over to it. The only things that wake one are other coroutines and a
// completion that the host delivered, so that the order is the journal's. A body executes between two calls of next, when no coroutine runs.

// run is one attempt at a workflow.
type run struct {
	host       host
	info       runInfo
	operations map[uint32]*operation
	ready      []*coroutine
	current    *coroutine
	back       chan struct{}
	executing  bool
	ended      bool
	output     string
	failure    *failure
}

// coroutine is a branch of workflow code.
type coroutine struct {
	resume chan struct{}
	queued bool
	done   bool
}

// scope is what one cancellation concerns: the operations and the waiting coroutines of a branch, and the scopes below it.
type scope struct {
	canceled bool
	pending  []*operation
	parked   []*coroutine
	children []*scope
}

// operation was started, and is waited for.
type operation struct {
	id      string
	ticket  uint32
	body    func(execution) (string, *failure)
	waiter  *coroutine
	outcome *outcome
}

// outcome is how an operation ended: with a failure, without a result, or with one.
type outcome struct {
	json     string
	failure  *failure
	empty    bool
	canceled bool
}

func newRun(host host, info runInfo) *run {
	return &run{host: host, info: info, operations: map[uint32]*operation{}, back: make(chan struct{}, 1)}
}

// drive runs a workflow to its end.
func (r *run) drive(workflow func(Context) (string, error)) (string, *failure) {
	root := Context{run: r, scope: &scope{}}
	r.spawn(func() {
		output, err := workflow(root)
		if err != nil {
			r.end("", failureOf(err))
		} else {
			r.end(output, nil)
		}
	})
	for {
		for len(r.ready) > 0 && !r.ended {
			next := r.ready[0]
			r.ready = r.ready[1:]
			r.handOver(next)
		}
		if r.ended {
			return r.output, r.failure
		}
		r.handle(r.host.next())
	}
}

func (r *run) end(output string, failure *failure) {
	if !r.ended {
		r.ended, r.output, r.failure = true, output, failure
	}
}

// spawn adds a coroutine; it runs when its turn comes.
func (r *run) spawn(code func()) {
	it := &coroutine{resume: make(chan struct{}, 1)}
	go func() {
		<-it.resume
		defer func() {
			if panicked := recover(); panicked != nil {
				r.end("", panicFailure(panicked))
			}
			it.done = true
			r.handBack()
		}()
		code()
	}()
	r.wake(it)
}

func (r *run) wake(it *coroutine) {
	if it != nil && !it.queued && !it.done {
		it.queued = true
		r.ready = append(r.ready, it)
	}
}

// handOver lets a coroutine run until it waits for something of this package, or ends.
func (r *run) handOver(it *coroutine) {
	it.queued = false
	if it.done {
		return
	}
	r.current = it
	it.resume <- struct{}{}
	if !handedBack(r.back) {
		r.end("", blockedFailure())
	}
}

// handBack lets the scheduler go on.
func (r *run) handBack() {
	r.current = nil
	r.back <- struct{}{}
}

// yield hands back to the scheduler until the coroutine is woken.
func (r *run) yield() {
	it := r.current
	r.handBack()
	<-it.resume
}

// handle hands one piece of news to the operation that it concerns.
func (r *run) handle(ticket uint32, news news) {
	it := r.operations[ticket]
	if news.kind == newsExecute {
		result, failure := r.execute(ticket, it, news.execution)
		r.host.finish(ticket, result, failure)
		return
	}
	// A canceled operation has its outcome: nobody waits for its news.
	if it == nil || it.outcome != nil {
		return
	}
	switch news.kind {
	case newsDone:
		it.outcome = &outcome{json: news.json}
	case newsFailed:
		failed := news.failure
		it.outcome = &outcome{failure: &failed}
	default:
		it.outcome = &outcome{empty: true}
	}
	it.body = nil
	delete(r.operations, ticket)
	r.wake(it.waiter)
}

// execute runs the body of an operation to its end.
func (r *run) execute(ticket uint32, it *operation, execution execution) (result string, failed *failure) {
	if it == nil || it.body == nil {
		return "", &failure{Name: "NoBody", Message: fmt.Sprintf(
			"the host asked to execute operation %d, which has no body, or whose body ran already", ticket)}
	}
	body := it.body
	it.body = nil
	r.executing = true
	// Go reads the environment once, when it starts: before the body, when there is none.
	for name, value := range r.host.environment() {
		os.Setenv(name, value)
	}
	defer func() {
		os.Clearenv()
		r.executing = false
		if panicked := recover(); panicked != nil {
			result, failed = "", panicFailure(panicked)
		}
	}()
	return body(execution)
}

const nestedOperation = "a step's body cannot use the context: start operations in workflow code, and return from the body what they need"

// await starts an operation and waits for its outcome.
func (ctx Context) await(id string, request request, body func(execution) (string, *failure)) (*outcome, error) {
	r := ctx.run
	if r.executing {
		return nil, &StepError{Step: id, Name: "NestedOperation", Message: nestedOperation, Stack: caller(3)}
	}
	if ctx.scope.canceled {
		return nil, ErrCanceled
	}
	if r.current == nil {
		panic("abide: the context was used by a goroutine that is no coroutine of this package: start branches with abide.Go or abide.Async")
	}
	it := &operation{id: id, body: body, waiter: r.current}
	it.ticket = r.host.start(id, request)
	r.operations[it.ticket] = it
	ctx.scope.pending = append(ctx.scope.pending, it)
	for it.outcome == nil {
		r.yield()
	}
	ctx.scope.forget(it)
	switch {
	case it.outcome.canceled:
		return nil, ErrCanceled
	case it.outcome.failure != nil:
		failed := it.outcome.failure
		return nil, &StepError{Step: id, Name: failed.Name, Message: failed.Message, Stack: failed.Stack, data: failed.Data}
	}
	return it.outcome, nil
}

func (s *scope) forget(it *operation) {
	for i, pending := range s.pending {
		if pending == it {
			s.pending = append(s.pending[:i], s.pending[i+1:]...)
			return
		}
	}
}

// park waits until ready says so, or the branch is given up. Whoever changes what ready looks at wakes the waiting.
func (ctx Context) park(waiting *[]*coroutine, ready func() bool) error {
	r := ctx.run
	for {
		// What is ready is taken even by a branch that was given up meanwhile.
		if ready() {
			return nil
		}
		if ctx.scope.canceled {
			return ErrCanceled
		}
		if r.executing || r.current == nil {
			panic("abide: " + nestedOperation)
		}
		it := r.current
		*waiting = append(*waiting, it)
		ctx.scope.parked = append(ctx.scope.parked, it)
		r.yield()
		*waiting = without(*waiting, it)
		ctx.scope.parked = without(ctx.scope.parked, it)
	}
}

func without(list []*coroutine, it *coroutine) []*coroutine {
	for i, other := range list {
		if other == it {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}

// wakeAll wakes coroutines in the order in which they began to wait.
func (r *run) wakeAll(waiting []*coroutine) {
	for _, it := range waiting {
		r.wake(it)
	}
}

// cancel gives up on everything in the scope, in the order in which it was started.
func (r *run) cancel(s *scope) {
	if s.canceled {
		return
	}
	s.canceled = true
	for _, it := range s.pending {
		if it.outcome == nil {
			it.outcome = &outcome{canceled: true}
			it.body = nil
			delete(r.operations, it.ticket)
			r.host.cancel(it.ticket)
			r.wake(it.waiter)
		}
	}
	r.wakeAll(s.parked)
	for _, child := range s.children {
		r.cancel(child)
	}
}

// panicFailure is the failure of a body or a workflow that panicked, with the stack of the panic.
func panicFailure(panicked any) *failure {
	message := fmt.Sprint(panicked)
	if err, ok := panicked.(error); ok {
		message = err.Error()
	}
	return &failure{Name: "Panic", Message: message, Stack: trimStack(string(debug.Stack()))}
}

// trimStack drops the frames of the recovery above the panic, and those of this package below the author's.
func trimStack(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	first := 1
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") {
			first = i + 2
		}
	}
	var kept []string
	for i := first; i+1 < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], "abide/sdk.") || strings.HasPrefix(lines[i], "created by") {
			continue
		}
		kept = append(kept, fmt.Sprintf("at %s (%s)", callee(lines[i]), place(lines[i+1])))
	}
	return strings.Join(kept, "\n")
}

func callee(line string) string {
	if open := strings.LastIndexByte(line, '('); open > 0 {
		return line[:open]
	}
	return line
}

func place(line string) string {
	line = strings.TrimSpace(line)
	if space := strings.IndexByte(line, ' '); space > 0 {
		return line[:space]
	}
	return line
}

func blockedFailure() *failure {
	return &failure{
		Name: "BlockedWorkflow",
		Message: "workflow code waits for something that is not recorded (time.Sleep, a native channel, a mutex…): " +
			"use abide.Sleep, abide.Channel, abide.WaitGroup and abide.Go in workflow code, or move it into a step's body",
		Stack: blockedStack(),
		Retry: retryAdvice{kind: never},
	}
}

// blockedStack is the stack of the goroutine that does not hand back.
func blockedStack() string {
	buffer := make([]byte, 256<<10)
	all := string(buffer[:runtime.Stack(buffer, true)])
	for _, one := range strings.Split(all, "\n\n") {
		// Coroutines that wait for their turn do so in yield, or in front of their first line.
		if strings.Contains(one, "abide/sdk.(*run).spawn.func1") && !strings.Contains(one, "abide/sdk.(*run).yield") &&
			strings.Count(one, "\n") > 4 {
			return trimStack(one)
		}
	}
	return ""
}
