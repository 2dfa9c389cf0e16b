package abide

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// logLine is a line as the host reads it: the message, or with fields an object that has both.
func logLine(message, fields string) string {
	if fields == "" {
		return message
	}
	return `{"message":` + jsonOf(message) + `,"fields":{` + fields + `}}`
}

// withField adds an attribute to the members of a JSON object. Those of a group have its name before theirs.
func withField(fields, prefix string, attribute slog.Attr) string {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			prefix += attribute.Key + "."
		}
		for _, inner := range value.Group() {
			fields = withField(fields, prefix, inner)
		}
		return fields
	}
	if attribute.Equal(slog.Attr{}) {
		return fields
	}
	if fields != "" {
		fields += ","
	}
	return fields + jsonOf(prefix+attribute.Key) + ":" + fieldOf(value)
}

func fieldOf(value slog.Value) string {
	switch value.Kind() {
	case slog.KindDuration, slog.KindTime:
		return jsonOf(value.String())
	}
	if failure, ok := value.Any().(error); ok {
		return jsonOf(failure.Error())
	}
	return jsonOf(value.Any())
}

// jsonOf is a value as JSON; what JSON has no form for becomes text.
func jsonOf(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		quoted, _ := json.Marshal(fmt.Sprint(value))
		return string(quoted)
	}
	return strings.TrimSuffix(text.String(), "\n")
}
