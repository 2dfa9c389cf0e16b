package abide

import (
	"log/slog"
	"strconv"
)

// tellSpan hands the host a line about a span. Outside of a component nobody records them.
var tellSpan = func(line string) {}

var lastSpan uint64

// Span is a stretch of a step's body, or of the function, that the run's trace shows. The host stamps the times; where nobody records
// traces, a span costs a call and nothing else.
type Span struct {
	id     uint64
	fields string
	error  string
	ended  bool
}

// StartSpan opens a span. Attributes are as those of log/slog: names and values, or slog.Attr.
//
//	span := abide.StartSpan("charge the card", "amount", 3)
//	defer span.End()
func StartSpan(name string, attributes ...any) *Span {
	return startSpan("", name, attributes)
}

// Start opens a span within this one.
func (s *Span) Start(name string, attributes ...any) *Span {
	return startSpan(`,"parent":`+strconv.FormatUint(s.id, 10), name, attributes)
}

func startSpan(parent, name string, attributes []any) *Span {
	lastSpan++
	span := &Span{id: lastSpan}
	fields := withField("", "", slog.Group("", attributes...))
	tellSpan(span.mark("begin") + parent + `,"message":` + jsonOf(name) + `,"fields":{` + fields + `}}`)
	return span
}

// Set adds attributes.
func (s *Span) Set(attributes ...any) {
	s.fields = withField(s.fields, "", slog.Group("", attributes...))
}

// Fail says that what the span spans failed, if err is not nil.
func (s *Span) Fail(err error) {
	if err != nil {
		s.error = `,"error":` + jsonOf(err.Error())
	}
}

// End ends the span. A second call does nothing.
func (s *Span) End() {
	if !s.ended {
		s.ended = true
		tellSpan(s.mark("end") + `,"fields":{` + s.fields + `}` + s.error + `}`)
	}
}

// mark begins a line in the form that the host knows: its first member is the one by which it does.
func (s *Span) mark(what string) string {
	return `{"abide.span":"` + what + `","id":` + strconv.FormatUint(s.id, 10)
}
