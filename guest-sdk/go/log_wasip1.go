package abide

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	logging "abide/sdk/internal/bindings/imports/abide_durable_logging"
)

// What log and log/slog write belongs to the run, and to the step if a body writes it. A line of workflow code is recorded once.
func init() { slog.SetDefault(slog.New(&handler{})) }

// handler hands records to the host: the message, then its attributes as key=value.
type handler struct{ prefix, attributes string }

func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString(strings.TrimSuffix(record.Message, "\n"))
	line.WriteString(h.attributes)
	record.Attrs(func(attribute slog.Attr) bool {
		write(&line, h.prefix, attribute)
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
	logging.Log(level, line.String())
	return nil
}

func (h *handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	var line strings.Builder
	line.WriteString(h.attributes)
	for _, attribute := range attributes {
		write(&line, h.prefix, attribute)
	}
	return &handler{h.prefix, line.String()}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.prefix + name + ".", h.attributes}
}

func write(line *strings.Builder, prefix string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, inner := range value.Group() {
			write(line, prefix+attribute.Key+".", inner)
		}
		return
	}
	text := value.String()
	if strings.ContainsAny(text, " \t\n\"=") || text == "" {
		text = fmt.Sprintf("%q", text)
	}
	line.WriteString(" " + prefix + attribute.Key + "=" + text)
}
