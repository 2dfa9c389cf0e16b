package abide

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestSpansAreToldWhereTheyBeginAndEnd(t *testing.T) {
	var told []map[string]any
	tellSpan = func(line string) {
		var mark map[string]any
		if err := json.Unmarshal([]byte(line), &mark); err != nil {
			t.Fatal(line, err)
		}
		told = append(told, mark)
	}
	defer func() { tellSpan = func(string) {} }()
	charge := StartSpan("charge", "amount", 3)
	ask := charge.Start("ask")
	ask.Fail(errors.New("declined"))
	ask.Fail(nil)
	ask.End()
	ask.End()
	charge.Set("receipt", "r-1")
	charge.End()
	first := told[0]["id"].(float64)
	expected := []map[string]any{
		{"abide.span": "begin", "id": first, "message": "charge", "fields": map[string]any{"amount": 3.0}},
		{"abide.span": "begin", "id": first + 1, "parent": first, "message": "ask", "fields": map[string]any{}},
		{"abide.span": "end", "id": first + 1, "fields": map[string]any{}, "error": "declined"},
		{"abide.span": "end", "id": first, "fields": map[string]any{"receipt": "r-1"}},
	}
	if !reflect.DeepEqual(told, expected) {
		t.Fatal(fmt.Sprint(told))
	}
}
