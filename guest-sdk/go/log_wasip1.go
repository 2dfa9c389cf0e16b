package abide

import (
	"context"
	"log/slog"
	"strings"

	logging "abide/sdk/internal/bindings/imports/abide_durable_logging"
)

// What log and log/slog write belongs to the run, and to the step if a body writes it. A line of workflow code is recorded once.
func init() {
	slog.SetDefault(slog.New(&handler{}))
	tellSpan = func(line string) { logging.Log(logging.Level_Info, line) }
}

// handler hands records to the host: the message, and its attributes as fields.
type handler struct{ prefix, fields string }

func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) Handle(_ context.Context, record slog.Record) error {
	fields := h.fields
	record.Attrs(func(attribute slog.Attr) bool {
		fields = withField(fields, h.prefix, attribute)
		return true
	})
	level := logging.Level_Info
	switch {
	case record.Level >= slog.LevelError:
		level = logging.Level_Error
	case record.Level >= slog.LevelWarn:
		level = logging.Level_Warn
	case record.Level < slog.LevelDebug:
		level = logging.Level_Trace
	case record.Level < slog.LevelInfo:
		level = logging.Level_Debug
	}
	logging.Log(level, logLine(strings.TrimSuffix(record.Message, "\n"), fields))
	return nil
}

func (h *handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	fields := h.fields
	for _, attribute := range attributes {
		fields = withField(fields, h.prefix, attribute)
	}
	return &handler{h.prefix, fields}
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &handler{h.prefix + name + ".", h.fields}
}
