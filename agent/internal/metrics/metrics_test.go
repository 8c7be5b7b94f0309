package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/metric"
)

func TestNumbersHaveFluentBitsNames(t *testing.T) {
	now := time.Unix(1700000100, 0)
	var set metric.Set
	Append(&set, About{Version: "5.1.1", Started: time.Unix(1700000000, 0)}, &stats.Stats{
		Inputs:  []stats.Input{{Name: "a", Records: 1, Bytes: 2, Paused: true, Open: 3, OpenBytes: 4, Busy: 5, BusyBytes: 6}, {Name: "b"}},
		Filters: []stats.Filter{{Name: "f", Records: 1, Bytes: 2, Added: 3, Dropped: 4, DroppedByte: 5}},
		Outputs: []stats.Output{{Name: "o", Records: 1, Bytes: 2, Errors: 3, Retries: 4, RetriesFailed: 5, DroppedRecords: 6, RetriedRecords: 7,
			Queue: 25, Chunks: 9, Oldest: 1500 * time.Millisecond, Limit: 100}},
		Chunks: 8, Reloads: 2,
		Lost: map[string]uint64{"rejected": 7, "no_route": 6},
		Logs: []stats.Log{{Level: "error", Lines: 4}},
	}, now)
	text := string(metric.AppendPrometheus(nil, &set, true))
	for line := range strings.Lines(`fluentbit_input_records_total{name="a"} 1 1700000100000
fluentbit_input_bytes_total{name="a"} 2 1700000100000
fluentbit_input_records_total{name="b"} 0 1700000100000
fluentbit_input_ingestion_paused{name="a"} 1 1700000100000
fluentbit_input_storage_chunks{name="a"} 8 1700000100000
fluentbit_input_storage_memory_bytes{name="a"} 10 1700000100000
fluentbit_input_storage_chunks_busy{name="a"} 5 1700000100000
fluentbit_filter_records_total{name="f"} 1 1700000100000
fluentbit_filter_drop_bytes_total{name="f"} 5 1700000100000
fluentbit_output_proc_records_total{name="o"} 1 1700000100000
fluentbit_output_retries_failed_total{name="o"} 5 1700000100000
fluentbit_output_retried_records_total{name="o"} 7 1700000100000
fluentbit_output_chunk_available_capacity_percent{name="o"} 75 1700000100000
fluentbit_output_queue_bytes{name="o"} 25 1700000100000
fluentbit_output_oldest_pending_seconds{name="o"} 1.5 1700000100000
fluentbit_lost_records_total{reason="no_route"} 6 1700000100000
fluentbit_lost_records_total{reason="rejected"} 7 1700000100000
fluentbit_logger_logs_total{message_type="error"} 4 1700000100000
fluentbit_storage_chunks 8 1700000100000
# TYPE fluentbit_uptime counter
# TYPE fluentbit_storage_chunks gauge
`) {
		if !strings.Contains(text, line) {
			t.Errorf("missing: %s", line)
		}
	}
	host := hostname()
	for _, want := range []string{
		`fluentbit_uptime{hostname="` + host + `"} 100 `,
		`fluentbit_hot_reloaded_times{hostname="` + host + `"} 2 `,
		`fluentbit_process_start_time_seconds{hostname="` + host + `"} 1700000000 `,
		`fluentbit_build_info{hostname="` + host + `",version="5.1.1",os="`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Count(text, "# TYPE fluentbit_input_records_total") != 1 {
		t.Error("a family stands there twice")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestAnOutputWithoutALimitHasAllOfIt(t *testing.T) {
	for _, o := range []stats.Output{{}, {Queue: 5}} {
		if got := o.Capacity(); got != 100 {
			t.Errorf("%+v: %v", o, got)
		}
	}
	if got := (&stats.Output{Queue: 200, Limit: 100}).Capacity(); got != 0 {
		t.Error(got)
	}
}
