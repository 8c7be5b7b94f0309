package event

import "testing"

func BenchmarkGet(b *testing.B) {
	v, _, err := ParseJSON(nil, []byte(`{"time":"2026-11-22T19:47:12.123456789Z","stream":"stdout","level":"info","msg":"request completed in good time","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	for b.Loop() {
		Value(v).Get("level")
	}
}

func BenchmarkFields(b *testing.B) {
	v, _, err := ParseJSON(nil, []byte(`{"time":"2026-11-22T19:47:12.123456789Z","stream":"stdout","level":"info","msg":"request completed in good time","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(v)))
	b.ReportAllocs()
	var fields []Field
	for b.Loop() {
		fields = AppendFields(fields[:0], v)
	}
}
