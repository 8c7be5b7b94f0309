package config

import (
	"strings"
	"testing"
)

func BenchmarkLoad(b *testing.B) {
	for name, text := range map[string]string{
		"main.conf": "[SERVICE]\n    Flush 1\n" + strings.Repeat("[INPUT]\n    Name tail\n    Path /var/log/*.log\n    Tag ${HOME}.x\n", 1000),
		"main.yaml": "pipeline:\n  inputs:\n" + strings.Repeat("    - name: tail\n      path: /var/log/*.log\n      tag: ${HOME}.x\n", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				t := &Tree{}
				r := newReader(t, Options{Getenv: env("HOME", "h")}, memory{name: text})
				r.add(name, MainFile)
				if len(t.Inputs) != 1000 {
					b.Fatal(r.err())
				}
			}
		})
	}
}
