package cmd

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
)

// shape renders what a command line asks for: every section with its properties, then service and the rest.
func shape(c commandLine) string {
	var b strings.Builder
	props := func(props []option.Property) {
		for _, p := range props {
			b.WriteString(" " + p.Key + "=" + p.Value.Text)
		}
	}
	for _, list := range [][]config.Section{c.Tree.Customs, c.Tree.Inputs, c.Tree.Filters, c.Tree.Outputs, c.Tree.StreamTasks} {
		for _, s := range list {
			b.WriteString("[" + s.Kind + " " + s.Name)
			props(s.Props)
			b.WriteString("]")
		}
	}
	if len(c.Tree.Service) > 0 {
		b.WriteString("[service")
		props(c.Tree.Service)
		b.WriteString("]")
	}
	return b.String()
}

func TestPropertiesBelongToThePluginBeforeThem(t *testing.T) {
	f := func(args, want string) {
		t.Helper()
		c, err := parseArgs(strings.Fields(args))
		if err != nil {
			t.Errorf("%s: %v", args, err)
		} else if got := shape(c); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", args, got, want)
		}
	}
	f("-i cpu -t a -i mem -t b -o stdout -m a", "[input cpu tag=a][input mem tag=b][output stdout match=a]")
	f("-i cpu -p Interval_Sec=2 -o null", "[input cpu interval_sec=2][output null]")
	f("-i dummy -p dummy={\"a\":\"b=c\"}", "[input dummy dummy={\"a\":\"b=c\"}]")
	f("-i dummy -p tag=", "[input dummy tag=]")
	f("-F grep -m x -p regex=a -p regex=b", "[filter grep match=x regex=a regex=b]")
	f("-o forward -t x", "[output forward tag=x]")
	f("-C calyptia -p api_key=k -i cpu", "[custom calyptia api_key=k][input cpu]")
	f("--quiet --flush=0.2 --input=stdin --tag=abc --output file --match abc --prop=format=out_file",
		"[input stdin tag=abc][output file match=abc format=out_file][service log_level=off flush=0.2]")
	f("-icpu -onull -f5", "[input cpu][output null][service flush=5]")
	f("-vvqH -P 99", "[service log_level=debug log_level=trace log_level=off http_server=on http_port=99]")
	f("--http --port 1 --http_server --http_port=2 -L ::1", "[service http_server=on http_port=1 http_server=on http_port=2 http_listen=::1]")
	f("-YW -d -b s -l f --enable-fips -Z -s 65536", "[service hot_reload=on hot_reload.ensure_thread_safety=off daemon=on storage.path=s "+
		"log_file=f security.fips_mode=on enable_chunk_trace=on coro_stack_size=65536]")
	f("-T SELECT -T CREATE", "[stream_task flb-console:0 exec=SELECT][stream_task flb-console:1 exec=CREATE]")
	f("--inp cpu --storage x", "[input cpu][service storage.path=x]") // as getopt_long, names may be cut short
}

func TestEveryPositionSaysCommandLine(t *testing.T) {
	c, err := parseArgs([]string{"-i", "cpu", "-p", "a=b", "-f", "1", "-e", "x.so"})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Tree.Inputs[0].Props[0]
	for _, pos := range []option.Pos{c.Tree.Inputs[0].Pos, p.Pos, p.Value.Pos, c.Tree.Service[0].Pos, c.Tree.Plugins[0].Pos} {
		if pos.String() != "command line" {
			t.Errorf("a position is %q", pos)
		}
	}
}

func TestWhatIsShownEndsTheReading(t *testing.T) {
	f := func(args string, show show, of pluginName) {
		t.Helper()
		c, err := parseArgs(strings.Fields(args))
		if err != nil || c.Show != show || c.Of != of {
			t.Errorf("%s: shows %d of %v, %v", args, c.Show, c.Of, err)
		}
	}
	f("-h --bogus", showHelp, pluginName{})
	f("--help", showHelp, pluginName{})
	f("-V", showVersion, pluginName{})
	f("--vers", showVersion, pluginName{})
	f("-J", showSchema, pluginName{})
	f("-i tail -h -o", showPluginHelp, pluginName{"input", "tail"})
	f("-i tail -o es -J", showPluginSchema, pluginName{"output", "es"})
	f("-r sql -h", showPluginHelp, pluginName{"processor", "sql"})
	f("-C calyptia -h", showPluginHelp, pluginName{"custom", "calyptia"})
	f("-qDvh", showHelp, pluginName{})
	f("-D", showNothing, pluginName{})
}

func TestFilesKeepTheirOrder(t *testing.T) {
	c, err := parseArgs(strings.Fields("-e a.so -R p1 -R p2 -e b.so -c one -c two -w dir -D -S --supervisor -q"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, p := range c.Tree.Plugins {
		files = append(files, p.Path)
	}
	if !reflect.DeepEqual(files, []string{"a.so", "b.so"}) || !reflect.DeepEqual(c.ParserFiles, []string{"p1", "p2"}) {
		t.Errorf("plugin files %v, parser files %v", files, c.ParserFiles)
	}
	if c.ConfigFile != "two" || c.WorkDir != "dir" || !c.DryRun || !c.SOSReport || !c.Supervisor || !c.Quiet {
		t.Errorf("got %+v", c)
	}
}

func TestAWrongCommandLineNamesTheOption(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, err := parseArgs(args)
		if err == nil {
			t.Errorf("%q: no error", args)
		} else if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "command line: ") {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	f("-p a=b: there is no plugin before -p", "-p", "a=b", "-i", "cpu")
	f("--tag x: there is no plugin before --tag", "--tag=x")
	f("-m x: there is no plugin before -m", "-m", "x")
	f("-p colour: is not of the form KEY=VALUE", "-i", "cpu", "-p", "colour")
	f("-p =b: is not of the form KEY=VALUE", "-i", "cpu", "-p", "=b")
	f("-f soon: invalid flush value", "-f", "soon")
	f("-f 0: invalid flush value", "-f", "0")
	f("-s 100: invalid coroutine stack size", "-s", "100")
	f("option '-c' needs an argument: -c FILE", "-c")
	f("option '--config' needs an argument", "--config")
	f("option '-i' needs an argument", "-vi")
	f("option '--quiet' takes no argument", "--quiet=1")
	f("-i : names no input", "-i", "")
	f("use a YAML file", "-r", "sql", "-p", "a=b")
	f("unknown key 'colour'", "--trace", "input=a colour=red")
}

func TestAnUnknownOptionIsToldApart(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		_, err := parseArgs(args)
		if u := (unknownOption{}); !errors.As(err, &u) || u.Error() != want {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	f("command line: unknown option '--bogus'", "-i", "cpu", "--bogus")
	f("command line: unknown option '-k'", "-vk")
	f("command line: unknown option '-M'", "-M", "512") // Windows only
	f("command line: ambiguous option '--ver'", "--ver")
	f("command line: unknown option '--'", "--=x")
}

func TestWhatHasNoEffectIsWarnedAbout(t *testing.T) {
	f := func(args string, want ...string) {
		t.Helper()
		c, err := parseArgs(strings.Fields(args))
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		var got []string
		for _, w := range c.Tree.Warnings {
			got = append(got, w.Error())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: warnings %q", args, got)
		}
	}
	f("-i cpu -m x", "command line: -m x has no effect on the input cpu; put it after -F or -o")
	f("-i cpu stray -o null", "command line: 'stray' is no option and was ignored; quote values that contain blanks")
	f("-i cpu -- -x", "command line: '-x' is no option and was ignored; quote values that contain blanks")
	f("-i cpu -o null -m x")
}

func TestTraceOptions(t *testing.T) {
	want := traceOptions{Input: "dummy.0", Output: "file", Props: []option.Property{property("path", "a"), property("file", "b")}}
	for _, args := range [][]string{
		{"--trace", "input=dummy.0 output=file output.path=a output.file=b"},
		{"--trace-input", "dummy.0", "--trace-output=file", "--trace-output-property", "path=a", "--trace-output-property=file=b"},
	} {
		c, err := parseArgs(args)
		if err != nil || !reflect.DeepEqual(c.Trace, want) {
			t.Errorf("%q: %+v, %v", args, c.Trace, err)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("-i\x00cpu\x00-p\x00a=b\x00-o\x00stdout\x00-m\x00*")
	f.Add("--quiet\x00--flush=0.2\x00--input=stdin\x00--prop=path=.")
	f.Add("-vvq\x00-e\x00x.so\x00-h")
	f.Add("--trace\x00input=a output.b=c\x00--\x00-x")
	f.Add("-r\x00sql\x00-J")
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		c, err := parseArgs(args)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "command line: ") {
				t.Errorf("%q: the error does not say where: %v", args, err)
			}
			return
		}
		sections := 0
		for _, list := range [][]config.Section{c.Tree.Customs, c.Tree.Inputs, c.Tree.Filters, c.Tree.Outputs, c.Tree.StreamTasks} {
			for _, s := range list {
				sections++
				for _, p := range s.Props {
					if p.Key == "" || p.Key != strings.ToLower(p.Key) || p.Pos != onCommandLine {
						t.Errorf("%q: property %+v", args, p)
					}
				}
			}
		}
		if sections > len(args) {
			t.Errorf("%q: %d sections of %d words", args, sections, len(args))
		}
	})
}
