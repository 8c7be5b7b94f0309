package kubernetes

import (
	"strings"
	"testing"
)

func TestPodsChooseParsersAndExcludeLogs(t *testing.T) {
	lines := []string{`{"log":"warn: x","stream":"stdout"}`, `{"log":"warn: y","stream":"stderr"}`, `{"log":"warn: z"}`}
	// Each record is told by a letter: - for excluded, p for parsed, t for left as text.
	f := func(annotations, want string, conf ...string) (log string) {
		t.Helper()
		if conf == nil {
			conf = []string{"k8s-logging.parser on", "k8s-logging.exclude on"}
		}
		k, j := build(t, append(conf, "merge_log on", nobody, preload(t, "shop_web-1.meta", podJSON("shop", "web-1", annotations)))...)
		got := ""
		for _, l := range lines {
			switch out := pass(t, k, shopTag, l); {
			case out == "":
				got += "-"
			case strings.Contains(out, `"level":"warn"`):
				got += "p"
			default:
				got += "t"
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s, log %s", annotations, got, want, j)
		}
		return j.String()
	}
	f(`"other/parser":"level"`, "ttt")
	f(`"fluentbit.io/parser":"level"`, "ppp")
	f(`"fluentbit.io/parser_stdout":"level"`, "ptt")
	f(`"fluentbit.io/parser_stderr":"level"`, "tpt")
	f(`"fluentbit.io/parser-app":"level"`, "ppp")
	f(`"fluentbit.io/parser-proxy":"level"`, "ttt")
	f(`"fluentbit.io/parser_stderr-app":"level"`, "tpt")
	f(`"fluentbit.io/parser-app":"level","fluentbit.io/parser":"timed"`, "ppp")
	f(`"fluentbit.io/parser":"timed","fluentbit.io/parser_stdout-app":"level"`, "ptt")
	f(`"fluentbit.io/parser_stdout":"level","fluentbit.io/parser":"timed"`, "ptt") // the first that fits
	f(`"fluentbit.io/exclude":"true"`, "---")
	f(`"fluentbit.io/exclude":"false"`, "ttt")
	f(`"fluentbit.io/exclude_stdout":"on"`, "-tt")
	f(`"fluentbit.io/exclude_stderr-app":"yes"`, "t-t")
	f(`"fluentbit.io/exclude":"true","fluentbit.io/exclude-app":"false"`, "ttt")
	f(`"fluentbit.io/exclude_stdout":"true","fluentbit.io/exclude_stderr":"true"`, "---")
	for annotation, want := range map[string]string{
		`"fluentbit.io/parser":"nope"`:              "there is no parser 'nope'",
		`"fluentbit.io/colour":"red"`:               "is not understood",
		`"fluentbit.io/parser_stdio":"level"`:       "is not understood",
		`"fluentbit.io/exclude-":"true"`:            "is not understood",
		`"fluentbit.io/exclude_stdoutx":"true"`:     "is not understood",
		`"fluentbit.io/parser_stdout-":"something"`: "is not understood",
	} {
		if log := f(annotation, "ttt"); !strings.Contains(log, want) {
			t.Errorf("%s: log %s", annotation, log)
		}
	}
	if log := f(`"fluentbit.io/parser":"level","fluentbit.io/exclude":"true"`, "ttt", "labels off"); !strings.Contains(log, "k8s-logging.parser on would allow it") || !strings.Contains(log, "k8s-logging.exclude on would allow it") {
		t.Error(log)
	}
}
