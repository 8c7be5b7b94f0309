package event_test

import (
	"bytes"
	"fmt"

	"github.com/fluent/fluent-bit-go/event"
)

// body makes a record's body of JSON, which is not how a plugin in a hurry does it.
func body(json string) event.Value {
	v, _, err := event.ParseJSON(nil, []byte(json))
	if err != nil {
		panic(err)
	}
	return v
}

// An output reads the records of a chunk in place. What it gets are views: copy what is to be kept.
func ExampleChunk_Records() {
	b := event.New("app")
	b.Append(event.Time{Sec: 1700000000, Nsec: 5}, body(`{"source":"k8s"}`), body(`{"level":"warn","n":3,"tags":["a","b"]}`))
	c := event.NewChunk(1, b.Tag, event.Logs, b.Bytes(), b.Len())

	for r := range c.Records() {
		n, _ := r.Get("n").Int()
		fmt.Printf("%s %s %d %s\n", r.Time().Go().UTC().Format("15:04:05.000000000"), r.Get("level").Str(), n, r.Meta().Get("source").Str())
		for tag := range r.Get("tags").Elems() {
			fmt.Printf("tag %s\n", tag.Str())
		}
		fmt.Println(r.Get("missing") == nil)
		fmt.Printf("%s\n", event.AppendJSON(nil, r.Body(), event.JSONStyle{}))
	}
	// Output:
	// 22:13:20.000000005 warn 3 k8s
	// tag a
	// tag b
	// true
	// {"level":"warn","n":3,"tags":["a","b"]}
}

// Several keys of every record are found in one walk.
func ExampleKeys() {
	keys := event.NewKeys("status", "path")
	var found [2]event.Value
	for _, json := range []string{`{"path":"/","method":"GET","status":200}`, `{"path":"/x"}`} {
		keys.Find(body(json), found[:])
		status, ok := found[0].Int()
		fmt.Printf("%s %d %v\n", found[1].Str(), status, ok)
	}
	// Output:
	// / 200 true
	// /x 0 false
}

// A filter changes some records, drops others and leaves the rest; those keep their very bytes.
func ExampleBatch_Edit() {
	b := event.New("app")
	for _, json := range []string{`{"level":"debug"}`, `{"level":"warn","n":1}`, `{"n":2}`} {
		b.Append(event.Time{Sec: 1}, nil, body(json))
	}
	for r := range b.Edit() {
		level := r.Get("level").Str()
		if string(level) == "debug" {
			r.Drop()
			continue
		}
		if level == nil {
			continue
		}
		fields := r.Fields()
		for i := range fields {
			if fields[i].Is("level") {
				fields[i].Val = event.AppendStr(nil, bytes.ToUpper(level))
			}
		}
		r.SetFields(append(fields, event.Field{Key: event.AppendStr(nil, "seen"), Val: event.AppendBool(nil, true)}))
	}
	for r := range b.Records() {
		fmt.Printf("%s\n", event.AppendJSON(nil, r.Body(), event.JSONStyle{}))
	}
	// Output:
	// {"level":"WARN","n":1,"seen":true}
	// {"n":2}
}

// An input builds records with no tree in between: a header that counts the pairs, then keys and values. With Begin
// and Commit they are written into the batch itself.
func ExampleBatch_Begin() {
	b := event.New("app")
	dst := event.AppendMap(b.Begin(event.Time{Sec: 1700000000}), 3)
	dst = event.AppendStr(event.AppendStr(dst, "message"), "hello")
	dst = event.AppendInt(event.AppendStr(dst, "n"), 42)
	dst = event.AppendStr(dst, "list")
	dst = event.AppendArray(dst, 2)
	dst = event.AppendFloat(dst, 1.5)
	dst = event.AppendNil(dst)
	b.Commit(dst)

	dst, _, err := event.ParseJSON(b.Begin(event.Time{Sec: 1700000001}), []byte(`{"message":"from JSON"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	b.Commit(dst)
	for r := range b.Records() {
		fmt.Printf("%d %s\n", r.Time().Sec, event.AppendJSON(nil, r.Body(), event.JSONStyle{}))
	}
	// Output:
	// 1700000000 {"message":"hello","n":42,"list":[1.5,null]}
	// 1700000001 {"message":"from JSON"}
}

// An input that reads from a source with a place learns when the records before the place are safe.
func ExampleBatch_OnSettled() {
	b := event.New("app")
	b.Append(event.Now(), nil, body(`{}`))
	b.OnSettled(func(event.Outcome) { fmt.Println("the place may be kept") })
	fmt.Println("emitted")
	b.Settle(event.Filtered) // the agent does this, when the records are safe or given up
	// Output:
	// emitted
	// the place may be kept
}
