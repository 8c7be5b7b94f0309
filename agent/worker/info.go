// Package worker runs Fluent Bit Go plugins (`go build -buildmode=c-shared` files), each file in a process
// of its own, and shows them to the agent as ordinary plugins.
//
// The worker is this very binary, started again: C code that runs before Go's runtime sees an environment
// variable, opens the file and serves the agent's requests over sockets and shared memory (internal/wire).
// What a plugin does to its process, be it a panic, os.Exit, a crash in C or a hang, costs that process.
// Chunks that it held go back to the pipeline as errors, and a new process takes its place.
package worker

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
)

// Type is what a plugin file registers as.
type Type int

// The types of plugins.
const (
	Input  Type = abi.TypeInput
	Output Type = abi.TypeOutput
	Custom Type = abi.TypeCustom
	Filter Type = wire.TypeFilter // typed plugins only
)

func (t Type) String() string {
	switch t {
	case Input:
		return "input"
	case Output:
		return "output"
	case Custom:
		return "custom"
	case Filter:
		return "filter"
	}
	return fmt.Sprintf("type %d", int(t))
}

// EventFormat is how records of logs are encoded for a plugin.
type EventFormat string

// The formats.
const (
	Auto EventFormat = "auto"
	V1   EventFormat = "v1" // [time, body]
	V2   EventFormat = "v2" // [[time, metadata], body]
)

// Info is what a plugin file says about itself.
type Info struct {
	Path        string // absolute, symbolic links followed
	Name        string // as registered, in lower case
	Description string
	Type        Type
	EventType   int         // abi.EventLogs, …; 0 counts as logs
	ConfigKeys  []string    // what its config map declares; nil when it declares none
	SDKVersion  string      // of the module github.com/fluent/fluent-bit-go; "" when unknown, "(local)" for a directory
	GoVersion   string      // "go1.22.1", or "" for a file that Go did not build
	EventFormat EventFormat // the one that its SDK reads: V1 or V2
	Executable  bool        // a program of its own instead of a shared object

	// Typed is what a plugin that was written with package plugin declares; nil for the classic API.
	Typed *wire.Declaration
}

// Kinds returns the signals that the plugin takes or gives.
func (i Info) Kinds() event.Kinds {
	if i.Typed != nil {
		return event.Kinds(i.Typed.Kinds)
	}
	switch i.Type {
	case Output: // a set, with a bit for each signal
		return max(event.Logs, event.Kinds(i.EventType&(abi.EventLogs|abi.EventMetrics|abi.EventTraces)))
	case Input: // one signal, by its number
		if i.EventType == 1 || i.EventType == 2 {
			return event.Logs << i.EventType
		}
	}
	return event.Logs
}

// probeTimeout is how long loading and registering a file may take.
const probeTimeout = 30 * time.Second

// Probe loads and registers a plugin file in a worker that ends right after; its Init does not run. What
// it prints meanwhile is only shown when it fails. An error says what is wrong with the file and what to do.
func Probe(ctx context.Context, file string) (Info, error) {
	path, err := resolve(file)
	if err != nil {
		return Info{}, err
	}
	executable, err := diagnose(path)
	if err != nil {
		return Info{}, fmt.Errorf("plugin %s: %w", file, err)
	}
	var mu sync.Mutex
	var words []string
	hear := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if len(words) < 20 {
			words = append(words, line)
		}
	}
	p, err := spawn(launch{path: path, executable: executable, onLine: hear, onLog: func(_ uint32, _ int, line string) { hear(line) }})
	if err != nil {
		return Info{}, fmt.Errorf("plugin %s: %w", file, err)
	}
	info, err := p.load(ctx, path, false)
	p.kill("no longer needed")
	<-p.exited
	p.ctl.Close()
	info.Executable = executable
	if err != nil {
		mu.Lock()
		defer mu.Unlock()
		return Info{}, fmt.Errorf("plugin %s: %w%s", file, explainLoad(err), quote(words))
	}
	return info, nil
}

// ProbeAll probes several files, and those that are the same file once. It returns all errors, joined.
func ProbeAll(ctx context.Context, files []string) ([]Info, error) {
	var infos []Info
	var errs []error
	seen := map[string]bool{}
	for _, file := range files {
		if path, err := resolve(file); err == nil {
			if seen[path] {
				continue
			}
			seen[path] = true
		}
		info, err := Probe(ctx, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		infos = append(infos, info)
	}
	return infos, errors.Join(errs...)
}

func resolve(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("plugin %s: there is no such file; the path is taken relative to the working directory", file)
	}
	if err != nil {
		return "", fmt.Errorf("plugin %s: %w", file, err)
	}
	return path, nil
}

// ContentHash returns a digest of the file's bytes: a plugin whose digest is the same needs no new worker.
func ContentHash(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// load has the worker open and register path.
func (p *process) load(ctx context.Context, path string, hotReload bool) (Info, error) {
	f := wire.Frame{Op: wire.OpLoad, Inst: wire.NoInstance, Off: wire.Version}
	if hotReload {
		f.Flags = wire.FlagHotReload
	}
	f, payload, err := p.call(ctx, f, path, probeTimeout)
	if err != nil {
		return Info{}, err
	}
	if f.Len != uint64(len(payload)) || len(payload) == 0 || payload[len(payload)-1] != 0 {
		p.kill("bad reply: names that do not end")
		return Info{}, p.failure()
	}
	texts := strings.Split(string(payload[:len(payload)-1]), "\x00")
	if f.RC != 0 {
		return Info{}, &loadError{texts[0]}
	}
	info := Info{Path: path, Name: strings.ToLower(texts[0]), Type: Type(f.Inst), EventType: int(f.Flags)}
	if f.Flags&wire.FlagTyped != 0 {
		if err := info.readDeclaration(texts[0]); err != nil {
			return Info{}, err
		}
	} else if len(texts) > 1 {
		info.Description = texts[1]
		info.ConfigKeys = texts[2:]
	}
	switch info.Type {
	case Input, Output, Custom:
	case Filter:
		if info.Typed == nil {
			return Info{}, &loadError{"it registered as a filter through the C interface, which has none; write it with package plugin"}
		}
	default:
		return Info{}, &loadError{fmt.Sprintf("it registered as type %d, which is neither input (1), output (2) nor custom (3)", f.Inst)}
	}
	if info.Name == "" {
		return Info{}, &loadError{"it registered without a name"}
	}
	info.readBuild()
	return info, nil
}

func (i *Info) readDeclaration(text string) error {
	i.Typed = new(wire.Declaration)
	if err := json.Unmarshal([]byte(text), i.Typed); err != nil {
		return &loadError{"it declares itself in a way that this agent does not read: " + err.Error()}
	}
	kinds := max(event.Logs, event.Kinds(i.Typed.Kinds)) & (event.Logs | event.Metrics | event.Traces | event.Profiles | event.Blobs)
	if kinds == 0 {
		return &loadError{"it works on signals that this agent does not know; it needs a newer agent"}
	}
	i.Typed.Kinds = uint8(kinds)
	i.Name, i.Description, i.EventType = strings.ToLower(i.Typed.Name), i.Typed.Summary, 0
	return nil
}

// sdkModule is the module that classic plugins import.
const sdkModule = "github.com/fluent/fluent-bit-go"

// newFormat is when the SDK learnt to read [[time, metadata], body].
const newFormat = "20230718000000"

func (i *Info) readBuild() {
	i.EventFormat = V2
	b, err := buildinfo.ReadFile(i.Path)
	if err != nil {
		return // not built by Go, or stripped of its build information
	}
	i.GoVersion = b.GoVersion
	for _, d := range b.Deps {
		if d.Path != sdkModule {
			continue
		}
		i.SDKVersion = d.Version
		if d.Replace != nil {
			i.SDKVersion = d.Replace.Version
		}
		if i.SDKVersion == "" {
			i.SDKVersion = "(local)"
		}
	}
	if t := commitTime(i.SDKVersion); t != "" && t < newFormat {
		i.EventFormat = V1
	}
}

// commitTime returns the time within a pseudo-version such as v0.0.0-20200420155746-e125cab17963, or "".
func commitTime(version string) string {
	parts := strings.Split(strings.TrimSuffix(version, "+incompatible"), "-")
	if len(parts) < 3 {
		return ""
	}
	t := parts[len(parts)-2]
	t = t[strings.LastIndexByte(t, '.')+1:]
	if len(t) != 14 || strings.Trim(t, "0123456789") != "" {
		return ""
	}
	return t
}

// quote appends what a plugin said to an error message.
func quote(words []string) string {
	text := strings.TrimSpace(strings.Join(words, "\n"))
	if text == "" {
		return ""
	}
	if strings.Contains(text, "\n") {
		return "; it said:\n" + text
	}
	return "; it said: " + text
}
