package jsonstream

import "testing"

func TestUnfinishedValueIsParsedSeldom(t *testing.T) {
	var u Unfinished
	text := []byte(`{"a":[`)
	u.Begin(text)
	parses := 0
	for range 10_000 {
		text = append(text, `"} \" ",`...)
		if !u.Waits(text) {
			parses++
			u.Begin(text)
		}
	}
	if parses > 20 {
		t.Errorf("parsed %d times", parses)
	}
	if u.Waits(append(text, "1]}"...)) {
		t.Error("the end was not noticed")
	}
}
