package builtin

import (
	"slices"
	"strings"
)

// known are the plugins that the C Fluent Bit 5.1 has on some platform, by kind.
var known = map[string]string{
	"input": `
		blob collectd cpu disk docker docker_events dummy ebpf elasticsearch etw event_type exec exec_wasi
		fluentbit_logs fluentbit_metrics forward gpu_metrics head health http kafka kmsg kubernetes_events
		lib mem mqtt netif nginx_metrics node_exporter_metrics opentelemetry podman_metrics proc
		process_exporter_metrics prometheus_remote_write prometheus_scrape prometheus_textfile random serial
		splunk statsd stdin syslog systemd tail tcp thermal udp unix_socket windows_exporter_metrics
		winevtlog winlog winstat`,
	"processor": `
		content_modifier cumulative_to_delta labels metrics_selector opentelemetry_envelope sampling sql tda`,
	"filter": `
		alter_size aws checklist ecs expect geoip2 grep kubernetes log_to_metrics lua modify multiline nest
		nightfall parser record_modifier rewrite_tag stdout sysinfo tensorflow throttle type_converter wasm`,
	"output": `
		azure azure_blob azure_kusto azure_logs_ingestion bigquery chronicle cloudwatch_logs counter datadog
		es exit file flowcounter forward gcs gelf http influxdb kafka kafka-rest kinesis_firehose
		kinesis_streams lib logdna loki nats nrlogs null opensearch opentelemetry oracle_log_analytics pgsql
		plot prometheus_exporter prometheus_remote_write s3 skywalking slack splunk stackdriver stdout
		syslog tcp td udp vivo_exporter websocket`,
	"custom": `
		calyptia`,
}

// Known reports whether the C Fluent Bit has a plugin of that kind (input, processor, filter, output or
// custom) and name, in any case. Such a plugin that is not in [Plugins] is one that this build does not have
// yet, and no slip of the pen.
func Known(kind, name string) bool {
	return slices.Contains(strings.Fields(known[kind]), strings.ToLower(name))
}
