package abide

import (
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"
)

func TestALineWithoutAttributesIsItsMessage(t *testing.T) {
	if line := logLine("charged", ""); line != "charged" {
		t.Fatal(line)
	}
}

func TestAttributesBecomeFieldsInTheirOrder(t *testing.T) {
	fields := ""
	for _, attribute := range []slog.Attr{
		slog.Int("order", 42),
		slog.String("to", "<Ann>"),
		slog.Group("card", slog.Bool("ok", true), slog.Duration("took", time.Second)),
		slog.Any("error", errors.New("no")),
		slog.Float64("nan", math.NaN()),
		{},
	} {
		fields = withField(fields, "p.", attribute)
	}
	const expected = `{"message":"charged \"it\"","fields":{"p.order":42,"p.to":"<Ann>","p.card.ok":true,"p.card.took":"1s","p.error":"no","p.nan":"NaN"}}`
	if line := logLine(`charged "it"`, fields); line != expected {
		t.Fatal(line)
	}
}
