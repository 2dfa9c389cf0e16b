package abide

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeHost answers with what a test says, and writes down what it is asked.
type fakeHost struct {
	log     []string
	started uint32
	script  []scripted
}

type scripted struct {
	ticket uint32
	news   news
}

func (h *fakeHost) start(id string, asked request) uint32 {
	h.log = append(h.log, "start "+id)
	h.started++
	return h.started - 1
}

func (h *fakeHost) next() (uint32, news) {
	if len(h.script) == 0 {
		panic("the workflow waits for ever")
	}
	it := h.script[0]
	h.script = h.script[1:]
	h.log = append(h.log, fmt.Sprintf("next %d", it.ticket))
	return it.ticket, it.news
}

func (h *fakeHost) finish(ticket uint32, result string, failed *failure) {
	if failed != nil {
		result = failed.Name + ": " + failed.Message
	}
	h.log = append(h.log, fmt.Sprintf("finish %d %s", ticket, result))
}

func (h *fakeHost) cancel(ticket uint32)           { h.log = append(h.log, fmt.Sprintf("cancel %d", ticket)) }
func (h *fakeHost) environment() map[string]string { return nil }

func done(ticket uint32, json string) scripted {
	return scripted{ticket, news{kind: newsDone, json: json}}
}

// play runs a workflow against a script and compares what the host was asked.
func play[T any](t *testing.T, script []scripted, expected []string, workflow func(Context) (T, error)) (string, *failure) {
	t.Helper()
	host := &fakeHost{script: script}
	output, failed := newRun(host, runInfo{}).drive(func(ctx Context) (string, error) { return written(workflow(ctx)) })
	if !slices.Equal(host.log, expected) {
		t.Errorf("the host was asked\n%s\nnot\n%s", strings.Join(host.log, "\n"), strings.Join(expected, "\n"))
	}
	return output, failed
}

func step(id string) func(Context) (int, error) {
	return func(ctx Context) (int, error) {
		return Run(ctx, id, func(Body) (int, error) { return 7, nil })
	}
}

func TestBranchesStartInOrderAndGoOnInTheOrderOfTheNews(t *testing.T) {
	var trace []string
	side := func(name string) func(Context) (any, error) {
		return func(ctx Context) (any, error) {
			for _, part := range []string{"1", "2"} {
				if _, err := step(name + part)(ctx); err != nil {
					return nil, err
				}
				trace = append(trace, name+part)
			}
			return nil, nil
		}
	}
	script := []scripted{done(1, "0"), done(0, "0"), done(3, "0"), done(2, "0")}
	expected := []string{"start a1", "start b1", "next 1", "start b2", "next 0", "start a2", "next 3", "next 2"}
	play(t, script, expected, func(ctx Context) (any, error) { return All(ctx, side("a"), side("b")) })
	if strings.Join(trace, " ") != "b1 a1 a2 b2" {
		t.Error(trace)
	}
}

func TestTheSameNewsGiveTheSameOrderAThousandTimes(t *testing.T) {
	var first []string
	for range 1000 {
		host := &fakeHost{}
		for i := range uint32(60) {
			host.script = append(host.script, done(59-i, "1"))
		}
		newRun(host, runInfo{}).drive(func(ctx Context) (string, error) {
			var group WaitGroup
			channel := NewChannel[int](ctx, 3)
			for i := range 20 {
				group.Go(ctx, func(ctx Context) {
					for part := range 3 {
						Go(ctx, func(ctx Context) { value, _ := step(fmt.Sprintf("%d-%d", i, part))(ctx); _ = channel.Send(ctx, value) })
					}
				})
			}
			sum := 0
			for range 60 {
				value, _, err := channel.Receive(ctx)
				if err != nil {
					return "", err
				}
				sum += value
			}
			return fmt.Sprint(sum), group.Wait(ctx)
		})
		if first == nil {
			first = host.log
		} else if !slices.Equal(first, host.log) {
			t.Fatal("the host was asked in another order")
		}
	}
}

func TestTheLosersOfARaceAreCanceledInTheOrderOfTheirStart(t *testing.T) {
	expected := []string{"start a", "start b", "start c", "next 1", "cancel 0", "cancel 2"}
	output, _ := play(t, []scripted{done(1, "42")}, expected, func(ctx Context) (int, error) {
		return Race(ctx, step("a"), step("b"), step("c"))
	})
	if output != "42" {
		t.Error(output)
	}
}

func TestABodyExecutesBetweenTwoNewsAndCannotUseTheContext(t *testing.T) {
	script := []scripted{{0, news{kind: newsExecute}}, {0, news{kind: newsFailed, failure: failure{Name: "NestedOperation", Message: "m"}}}}
	expected := []string{"start outer", "next 0", "finish 0 NestedOperation: step `inner`: " + nestedOperation, "next 0"}
	_, failed := play(t, script, expected, func(ctx Context) (int, error) {
		return Run(ctx, "outer", func(Body) (int, error) { return step("inner")(ctx) })
	})
	if failed == nil || failed.Name != "NestedOperation" || failed.Retry.kind != never {
		t.Error(failed)
	}
}

func TestAPanicIsAFailureWithItsStack(t *testing.T) {
	script := []scripted{{0, news{kind: newsExecute}}, done(0, "1")}
	expected := []string{"start boom", "next 0", "finish 0 Panic: no money", "next 0"}
	_, failed := play(t, script, expected, func(ctx Context) (int, error) {
		_, _ = Run(ctx, "boom", func(Body) (int, error) { panic("no money") })
		var list []int
		return list[3], nil
	})
	if failed == nil || failed.Name != "Panic" || !strings.Contains(failed.Message, "index out of range") {
		t.Error(failed)
	}
}

func TestWorkflowCodeThatWaitsForSomethingNativeIsToldSo(t *testing.T) {
	_, failed := play(t, nil, nil, func(ctx Context) (any, error) {
		<-make(chan int)
		return nil, nil
	})
	if failed == nil || failed.Name != "BlockedWorkflow" || failed.Retry.kind != never {
		t.Fatal(failed)
	}
}

func TestACanceledBranchGetsErrCanceled(t *testing.T) {
	expected := []string{"start long", "start tick", "next 1", "cancel 0"}
	output, _ := play(t, []scripted{done(1, "null")}, expected, func(ctx Context) (bool, error) {
		inner, cancel := WithCancel(ctx)
		long := Async(inner, func(ctx Context) (any, error) { return nil, Sleep(ctx, "long", time.Hour) })
		Yield(ctx)
		if err := Sleep(ctx, "tick", time.Second); err != nil {
			return false, err
		}
		cancel()
		_, err := long.Get(ctx)
		return errors.Is(err, ErrCanceled), nil
	})
	if output != "true" {
		t.Error(output)
	}
}

func TestASelectorTakesWhatIsReadyFirst(t *testing.T) {
	expected := []string{"start a", "start b", "next 1", "next 0"}
	output, _ := play(t, []scripted{done(1, "2"), done(0, "1")}, expected, func(ctx Context) ([]int, error) {
		a, b := Async(ctx, step("a")), Async(ctx, step("b"))
		var order []int
		take := func(future *Future[int]) func() {
			return func() { value, _ := future.Get(ctx); order = append(order, value) }
		}
		var selector Selector
		selector.Add(a, take(a)).Add(b, take(b))
		for range 2 {
			if err := selector.Select(ctx); err != nil {
				return nil, err
			}
		}
		return order, nil
	})
	if output != "[2,1]" {
		t.Error(output)
	}
}

type outOfStock struct{}

func (outOfStock) Error() string { return "none left" }

func TestErrorsKeepTheirNamesAndWordsThroughWrapping(t *testing.T) {
	for _, it := range []struct {
		err           error
		name, message string
		kind          adviceKind
	}{
		{errors.New("plain"), "Error", "plain", byPolicy},
		{outOfStock{}, "outOfStock", "none left", byPolicy},
		{fmt.Errorf("order 7: %w", &outOfStock{}), "outOfStock", "order 7: none left", byPolicy},
		{fmt.Errorf("order 7: %w", NewError("CardDeclined", "no").Final()), "CardDeclined", "order 7: no", never},
		{NonRetriable(errors.New("bad")), "Error", "bad", never},
		{RetryAfter(outOfStock{}, time.Minute), "outOfStock", "none left", after},
		{&StepError{Step: "charge", Name: "CardDeclined", Message: "no"}, "CardDeclined", "step `charge`: no", never},
	} {
		failed := failureOf(it.err)
		if failed.Name != it.name || failed.Message != it.message || failed.Retry.kind != it.kind {
			t.Errorf("%v became %+v", it.err, failed)
		}
	}
}
