package main

import (
	"fmt"
	"strings"
)

// The lines look like what services write. They depend on their number alone, so every run has the same.

var words = strings.Fields("connection established from client with session token refreshed by upstream proxy while handling request path and returning status code to caller")

var levels = []string{"info", "info", "info", "debug", "warn", "error"}

// noise is a number that looks random and belongs to i.
func noise(i, salt int) uint64 {
	x := uint64(i)*0x9e3779b97f4a7c15 + uint64(salt)*0xbf58476d1ce4e5b9
	x ^= x >> 31
	x *= 0x94d049bb133111eb
	return x ^ x>>29
}

func appendWords(dst []byte, i, n int) []byte {
	for k := range n {
		if k > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, words[noise(i, k)%uint64(len(words))]...)
	}
	return dst
}

// jsonLine has about 300 bytes; some hundred lines share a second.
func jsonLine(dst []byte, i int) []byte {
	sec := i / 300
	dst = fmt.Appendf(dst, `{"time":"2026-11-22T%02d:%02d:%02d.%06dZ","level":"%s","msg":"`, sec/3600%24, sec/60%60, sec%60, noise(i, 1)%1e6, levels[noise(i, 2)%6])
	dst = appendWords(dst, i, 11)
	return fmt.Appendf(dst, `","seq":%d,"took":%.6f,"ok":%t,"host":"node-%d.example.com","path":"/api/v1/items/%d","user":null,"tags":["a","b"]}`+"\n",
		i, float64(noise(i, 3)%1e9)/1e6, noise(i, 4)%9 > 0, noise(i, 5)%97, noise(i, 6)%1e6)
}

func apacheLine(dst []byte, i int) []byte {
	sec := i / 300
	return fmt.Appendf(dst, `192.0.2.%d - user%d [22/Nov/2026:%02d:%02d:%02d +0000] "GET /shop/items/%d?page=%d HTTP/1.1" %d %d "https://www.example.com/list?from=%d" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36"`+"\n",
		noise(i, 1)%256, noise(i, 2)%1000, sec/3600%24, sec/60%60, sec%60, noise(i, 3)%1e6, noise(i, 4)%50, 200+100*(noise(i, 5)%4), noise(i, 6)%1e5, noise(i, 7)%1e4)
}

// criLine is a line of a container's log; one in twenty is a part of a longer one.
func criLine(dst []byte, i int) []byte {
	sec, part := i/300, byte('F')
	if i%20 == 7 {
		part = 'P'
	}
	dst = fmt.Appendf(dst, "2026-11-22T%02d:%02d:%02d.%09dZ stdout %c ", sec/3600%24, sec/60%60, sec%60, noise(i, 1)%1e9, part)
	return append(appendWords(dst, i, 18), '\n')
}
