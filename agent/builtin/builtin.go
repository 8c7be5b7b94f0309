// Package builtin lists the plugins compiled into fluent-bit, and nothing else.
package builtin

import (
	"github.com/fluent/fluent-bit-go/agent/filters/alter_size"
	"github.com/fluent/fluent-bit-go/agent/filters/aws"
	"github.com/fluent/fluent-bit-go/agent/filters/checklist"
	"github.com/fluent/fluent-bit-go/agent/filters/ecs"
	"github.com/fluent/fluent-bit-go/agent/filters/expect"
	"github.com/fluent/fluent-bit-go/agent/filters/geoip2"
	"github.com/fluent/fluent-bit-go/agent/filters/grep"
	"github.com/fluent/fluent-bit-go/agent/filters/kubernetes"
	"github.com/fluent/fluent-bit-go/agent/filters/log_to_metrics"
	"github.com/fluent/fluent-bit-go/agent/filters/lua"
	"github.com/fluent/fluent-bit-go/agent/filters/modify"
	"github.com/fluent/fluent-bit-go/agent/filters/multiline"
	"github.com/fluent/fluent-bit-go/agent/filters/nest"
	"github.com/fluent/fluent-bit-go/agent/filters/parser"
	"github.com/fluent/fluent-bit-go/agent/filters/record_modifier"
	"github.com/fluent/fluent-bit-go/agent/filters/rewrite_tag"
	filterstdout "github.com/fluent/fluent-bit-go/agent/filters/stdout"
	"github.com/fluent/fluent-bit-go/agent/filters/sysinfo"
	"github.com/fluent/fluent-bit-go/agent/filters/throttle"
	"github.com/fluent/fluent-bit-go/agent/filters/type_converter"
	"github.com/fluent/fluent-bit-go/agent/filters/wasm"
	"github.com/fluent/fluent-bit-go/agent/inputs/cpu"
	"github.com/fluent/fluent-bit-go/agent/inputs/disk"
	"github.com/fluent/fluent-bit-go/agent/inputs/dummy"
	"github.com/fluent/fluent-bit-go/agent/inputs/exec"
	"github.com/fluent/fluent-bit-go/agent/inputs/fluentbit_metrics"
	inputforward "github.com/fluent/fluent-bit-go/agent/inputs/forward"
	"github.com/fluent/fluent-bit-go/agent/inputs/head"
	"github.com/fluent/fluent-bit-go/agent/inputs/health"
	inputhttp "github.com/fluent/fluent-bit-go/agent/inputs/http"
	"github.com/fluent/fluent-bit-go/agent/inputs/mem"
	"github.com/fluent/fluent-bit-go/agent/inputs/mqtt"
	"github.com/fluent/fluent-bit-go/agent/inputs/netif"
	"github.com/fluent/fluent-bit-go/agent/inputs/node_exporter_metrics"
	"github.com/fluent/fluent-bit-go/agent/inputs/proc"
	inputremotewrite "github.com/fluent/fluent-bit-go/agent/inputs/prometheus_remote_write"
	"github.com/fluent/fluent-bit-go/agent/inputs/prometheus_scrape"
	"github.com/fluent/fluent-bit-go/agent/inputs/prometheus_textfile"
	"github.com/fluent/fluent-bit-go/agent/inputs/random"
	"github.com/fluent/fluent-bit-go/agent/inputs/statsd"
	"github.com/fluent/fluent-bit-go/agent/inputs/stdin"
	inputsyslog "github.com/fluent/fluent-bit-go/agent/inputs/syslog"
	"github.com/fluent/fluent-bit-go/agent/inputs/tail"
	inputtcp "github.com/fluent/fluent-bit-go/agent/inputs/tcp"
	inputudp "github.com/fluent/fluent-bit-go/agent/inputs/udp"
	"github.com/fluent/fluent-bit-go/agent/outputs/counter"
	"github.com/fluent/fluent-bit-go/agent/outputs/exit"
	"github.com/fluent/fluent-bit-go/agent/outputs/file"
	"github.com/fluent/fluent-bit-go/agent/outputs/flowcounter"
	"github.com/fluent/fluent-bit-go/agent/outputs/forward"
	"github.com/fluent/fluent-bit-go/agent/outputs/gelf"
	"github.com/fluent/fluent-bit-go/agent/outputs/http"
	"github.com/fluent/fluent-bit-go/agent/outputs/null"
	"github.com/fluent/fluent-bit-go/agent/outputs/plot"
	"github.com/fluent/fluent-bit-go/agent/outputs/prometheus_exporter"
	"github.com/fluent/fluent-bit-go/agent/outputs/prometheus_remote_write"
	"github.com/fluent/fluent-bit-go/agent/outputs/stdout"
	"github.com/fluent/fluent-bit-go/agent/outputs/syslog"
	"github.com/fluent/fluent-bit-go/agent/outputs/tcp"
	"github.com/fluent/fluent-bit-go/agent/outputs/udp"
	"github.com/fluent/fluent-bit-go/agent/outputs/websocket"
	"github.com/fluent/fluent-bit-go/agent/parsers/json"
	"github.com/fluent/fluent-bit-go/agent/parsers/logfmt"
	"github.com/fluent/fluent-bit-go/agent/parsers/ltsv"
	"github.com/fluent/fluent-bit-go/agent/parsers/regex"
	"github.com/fluent/fluent-bit-go/agent/processors/content_modifier"
	"github.com/fluent/fluent-bit-go/agent/processors/cumulative_to_delta"
	"github.com/fluent/fluent-bit-go/agent/processors/labels"
	"github.com/fluent/fluent-bit-go/agent/processors/metrics_selector"
	"github.com/fluent/fluent-bit-go/agent/processors/opentelemetry_envelope"
	"github.com/fluent/fluent-bit-go/agent/processors/sampling"
	"github.com/fluent/fluent-bit-go/agent/processors/sql"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugins returns the list. Adding a plugin means adding its line here.
func Plugins() plugin.Set {
	return plugin.Set{
		Parsers: []plugin.Spec[plugin.Parser]{
			json.Plugin,
			logfmt.Plugin,
			ltsv.Plugin,
			regex.Plugin,
		},
		Inputs: []plugin.Spec[plugin.Input]{
			cpu.Plugin,
			disk.Plugin,
			dummy.Plugin,
			exec.Plugin,
			fluentbit_metrics.Plugin,
			inputforward.Plugin,
			head.Plugin,
			health.Plugin,
			inputhttp.Plugin,
			mem.Plugin,
			mqtt.Plugin,
			netif.Plugin,
			node_exporter_metrics.Plugin,
			proc.Plugin,
			inputremotewrite.Plugin,
			prometheus_scrape.Plugin,
			prometheus_textfile.Plugin,
			random.Plugin,
			statsd.Plugin,
			stdin.Plugin,
			inputsyslog.Plugin,
			tail.Plugin,
			inputtcp.Plugin,
			inputudp.Plugin,
		},
		Filters: []plugin.Spec[plugin.Filter]{
			alter_size.Plugin,
			aws.Plugin,
			checklist.Plugin,
			ecs.Plugin,
			expect.Plugin,
			geoip2.Plugin,
			grep.Plugin,
			kubernetes.Plugin,
			lua.Plugin,
			log_to_metrics.Plugin,
			modify.Plugin,
			multiline.Plugin,
			nest.Plugin,
			parser.Plugin,
			record_modifier.Plugin,
			rewrite_tag.Plugin,
			filterstdout.Plugin,
			sysinfo.Plugin,
			throttle.Plugin,
			type_converter.Plugin,
			wasm.Plugin,
		},
		Processors: []plugin.Spec[plugin.Filter]{
			content_modifier.Plugin,
			cumulative_to_delta.Plugin,
			labels.Plugin,
			metrics_selector.Plugin,
			opentelemetry_envelope.Plugin,
			sampling.Plugin,
			sql.Plugin,
		},
		Outputs: []plugin.Spec[plugin.Output]{
			counter.Plugin,
			exit.Plugin,
			file.Plugin,
			flowcounter.Plugin,
			forward.Plugin,
			gelf.Plugin,
			http.Plugin,
			null.Plugin,
			plot.Plugin,
			prometheus_exporter.Plugin,
			prometheus_remote_write.Plugin,
			stdout.Plugin,
			syslog.Plugin,
			tcp.Plugin,
			udp.Plugin,
			websocket.Plugin,
		},
	}
}
