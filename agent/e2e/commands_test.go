package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// commands are the programs that cases may call besides those of the system. They run in processes of their
// own, so they may also stand behind `until` and in the background.
var commands = map[string]func(){
	"until":      func() { end(until(os.Args[1:])) },
	"lines":      func() { end(lines(os.Args[1:])) },
	"fetch":      func() { end(fetch(os.Args[1:])) },
	"sink":       func() { end(sink(os.Args[1:])) },
	"answer":     func() { end(answer(os.Args[1:])) },
	"metricsink": func() { end(metricsink(os.Args[1:])) },
	"page":       func() { end(page(os.Args[1:])) },
	"datagram":   func() { end(datagram(os.Args[1:])) },
	"loris":      func() { end(loris(os.Args[1:])) },
}

const (
	patience = 45 * time.Second // how long a busy machine may take; a case that passes never waits for it
	pause    = 50 * time.Millisecond
)

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// try calls f until it succeeds.
func try(f func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		if err := f(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// until COMMAND...: try it until it succeeds.
func until(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: until COMMAND...")
	}
	return try(func() error {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("gave up: %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	})
}

// lines N FILE: wait until FILE has at least N lines.
func lines(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: lines N FILE")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return try(func() error {
		text, err := os.ReadFile(args[1])
		if n := bytes.Count(text, []byte("\n")); err == nil && n < want {
			err = fmt.Errorf("gave up: %s has %d lines, not %d:\n%s", args[1], n, want, text)
		}
		return err
	})
}

// fetch [-post BODY] [-status] [-has TEXT] URL: print what an HTTP server answers. With
// -status print the status alone, with -has fail when the answer lacks TEXT.
func fetch(args []string) error {
	f := flag.NewFlagSet("fetch", flag.ContinueOnError)
	post := f.String("post", "", "send this with POST")
	kind := f.String("type", "", "Content-Type of what is sent")
	status := f.Bool("status", false, "print the status code, not the body")
	has := f.String("has", "", "fail unless the body contains this")
	if err := f.Parse(args); err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodGet, f.Arg(0), nil)
	if *post != "" {
		req, err = http.NewRequest(http.MethodPost, f.Arg(0), strings.NewReader(*post))
	}
	if err != nil {
		return err
	}
	if *kind != "" {
		req.Header.Set("Content-Type", *kind)
	}
	client := http.Client{Timeout: patience}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if *status {
		body = []byte(strconv.Itoa(resp.StatusCode) + "\n")
	}
	os.Stdout.Write(body)
	if !bytes.Contains(body, []byte(*has)) {
		return fmt.Errorf("the answer has no %q", *has)
	}
	return nil
}
