package node_exporter_metrics

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/metric"
)

// machine lays out files below a folder that stands for /.
func machine(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

var files = map[string]string{
	"proc/stat":                              "cpu  1 2 3\ncpu0 100 200 300 400 500 600 700 800 900 1000\nintr 5 1 2\nctxt 6\nbtime 1700000000\nprocesses 7\nprocs_running 2\nprocs_blocked 1\n",
	"proc/loadavg":                           "0.5 1.25 2 3/456 789\n",
	"proc/sys/fs/file-nr":                    "3668\t0\t2466170\n",
	"proc/meminfo":                           "MemTotal:  2 kB\nActive(anon):  3 kB\nHugePages_Total:  4\n",
	"proc/vmstat":                            "nr_free_pages 1\npgpgin 2\npgfault 3\npgmajfault 4\noom_kill 5\npswpin 6\n",
	"proc/diskstats":                         " 254 0 vda 1 2 3 4000 5 6 7 8000 9 10000 11000\n 254 1 vda1 1 2 3 4 5 6 7 8 9 10 11\n",
	"proc/1/mounts":                          "/dev/vda / ext4 rw,relatime 0 0\n/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/b\\040c /mnt/a\\040b xfs ro 0 0\n",
	"proc/net/dev":                           "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes colls\n    lo: 1 2 3 4\n  eth0:5 6 7 8\nbroken\n",
	"proc/net/snmp":                          "Ip: Forwarding TTL\nIp: 1 64\nTcp: ActiveOpens CurrEstab\nTcp: 16 -1\n",
	"proc/net/netstat":                       "TcpExt: SyncookiesSent\nTcpExt: 3\nMPTcpExt: X\nMPTcpExt: 4\n",
	"proc/net/snmp6":                         "Ip6InReceives   1\nIp6 2\nIcmp6OutType135 4\n",
	"proc/net/sockstat":                      "sockets: used 23\nTCP: inuse 8 mem 2\n",
	"text/a.prom":                            "# TYPE toys gauge\ntoys 1\n",
	"text/b.prom":                            "# TYPE toys gauge\ntoys{x=\"1\"} 2\nbroken\n",
	"mnt/a b/file":                           "",
	"sys/class/thermal/thermal_zone3/type":   "acpitz\n",
	"sys/class/thermal/thermal_zone3/temp":   "27800\n",
	"sys/class/thermal/cooling_device0/type": "Fan\n",
	"sys/class/thermal/cooling_device0/cur_state":          "1\n",
	"sys/class/thermal/cooling_device0/max_state":          "5\n",
	"sys/class/hwmon/hwmon0/name":                          "coretemp\n",
	"sys/class/hwmon/hwmon0/temp1_input":                   "41000\n",
	"sys/class/hwmon/hwmon0/temp1_label":                   "Core 0\n",
	"sys/class/hwmon/hwmon0/temp1_max":                     "80000\n",
	"sys/class/hwmon/hwmon0/temp1_crit":                    "100000\n",
	"sys/class/hwmon/hwmon0/temp2_input":                   "-5000\n",
	"sys/class/hwmon/hwmon0/temp2_label":                   "Core 0\n",
	"sys/class/hwmon/hwmon1/name":                          "coretemp\n",
	"sys/class/hwmon/hwmon1/temp1_input":                   "42500\n",
	"sys/class/hwmon/hwmon2/name":                          "nct6775\n",
	"sys/class/hwmon/hwmon2/fan1_input":                    "1200\n",
	"sys/class/hwmon/hwmon2/fan2_input":                    "\n",
	"sys/class/hwmon/hwmon2/in0_input":                     "1250\n",
	"sys/class/hwmon/hwmon2/power1_input":                  "15500000\n",
	"sys/class/hwmon/hwmon3/fan1_input":                    "1\n",
	"sys/class/nvme/nvme0/model":                           "Fast Disk   \n",
	"sys/class/nvme/nvme0/serial":                          "S1\n",
	"sys/class/nvme/nvme0/state":                           "live\n",
	"sys/class/nvme/nvme0/firmware_rev":                    "F2\n",
	"sys/class/power_supply/BAT0/capacity":                 "87\n",
	"sys/class/power_supply/BAT0/energy_now":               "45500000\n",
	"sys/class/power_supply/BAT0/temp":                     "315\n",
	"sys/class/power_supply/BAT0/status":                   "Full\n",
	"proc/sys/kernel/threads-max":                          "1000\n",
	"proc/sys/kernel/pid_max":                              "2000\n",
	"proc/1/stat":                                          "1 (a) b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 2 0 9\n",
	"proc/1/task/1/stat":                                   "1 (a) b) S 0\n",
	"proc/1/task/9/stat":                                   "9 (w) R 0\n",
	"proc/77/stat":                                         "77 (z) Z 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9\n",
	"proc/78/cmdline":                                      "",
	"sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2000\n",
}

// on returns an input whose machine is below root.
func on(t testing.TB, root string, pairs ...string) (*input, *inputtest.Kit) {
	t.Helper()
	k := inputtest.New()
	built, err := k.Build(new(config), append([]string{"path.rootfs", root, "path.procfs", root + "/proc", "path.sysfs", root + "/sys", "collector.textfile.path", root + "/text"}, pairs...)...)
	if err != nil {
		t.Fatal(err)
	}
	return built.(*input), k
}

// collect runs one collector and returns its points.
func collect(t testing.TB, in *input, name string) (string, error) {
	t.Helper()
	g := &gather{paths: in.paths, now: 1700000000500e6}
	err := in.collectors()[name](g)
	var lines []string
	for line := range strings.Lines(string(metric.AppendPrometheus(nil, &g.set, false))) {
		if line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), err
}

func TestEachCollectorReadsItsFiles(t *testing.T) {
	in, _ := on(t, machine(t, files), "metrics", "cpu")
	f := func(name string, want ...string) {
		t.Helper()
		got, err := collect(t, in, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	f("cpu", `node_cpu_seconds_total{cpu="0",mode="user"} 1`, `node_cpu_seconds_total{cpu="0",mode="nice"} 2`, `node_cpu_seconds_total{cpu="0",mode="system"} 3`,
		`node_cpu_seconds_total{cpu="0",mode="idle"} 4`, `node_cpu_seconds_total{cpu="0",mode="iowait"} 5`, `node_cpu_seconds_total{cpu="0",mode="irq"} 6`,
		`node_cpu_seconds_total{cpu="0",mode="softirq"} 7`, `node_cpu_seconds_total{cpu="0",mode="steal"} 8`,
		`node_cpu_guest_seconds_total{cpu="0",mode="user"} 9`, `node_cpu_guest_seconds_total{cpu="0",mode="nice"} 10`)
	f("cpufreq", `node_cpu_scaling_frequency_hertz{cpu="1"} 2000000`)
	f("stat", "node_intr_total 5", "node_context_switches_total 6", "node_forks_total 7", "node_boot_time_seconds 1700000000", "node_procs_running 2", "node_procs_blocked 1")
	f("processes", "node_processes_threads 3", "node_processes_max_threads 1000",
		`node_processes_threads_state{thread_state="R"} 1`, `node_processes_threads_state{thread_state="S"} 1`, `node_processes_threads_state{thread_state="D"} 0`,
		`node_processes_threads_state{thread_state="Z"} 0`, `node_processes_threads_state{thread_state="T"} 0`, `node_processes_threads_state{thread_state="I"} 0`,
		`node_processes_state{state="R"} 0`, `node_processes_state{state="S"} 1`, `node_processes_state{state="D"} 0`,
		`node_processes_state{state="Z"} 1`, `node_processes_state{state="T"} 0`, `node_processes_state{state="I"} 0`,
		"node_processes_pids 2", "node_processes_max_processeses 2000")
	f("hwmon", `node_hwmon_temp_celsius{chip="coretemp",sensor="Core 0"} 41`, `node_hwmon_temp_celsius{chip="coretemp",sensor="temp2"} -5`,
		`node_hwmon_temp_celsius{chip="coretemp_hwmon1",sensor="temp1"} 42.5`,
		`node_hwmon_temp_max_celsius{chip="coretemp",sensor="Core 0"} 80`, `node_hwmon_temp_crit_celsius{chip="coretemp",sensor="Core 0"} 100`,
		`node_hwmon_fan_rpm{chip="nct6775",sensor="fan1"} 1200`, `node_hwmon_in_volts{chip="nct6775",sensor="in0"} 1.25`, `node_hwmon_power_watts{chip="nct6775",sensor="power1"} 15.5`)
	f("nvme", `node_nvme_info{device="nvme0",firmware_revision="F2",model="Fast Disk",serial="S1",state="live"} 1`)
	f("powersupplyclass", `node_powersupply_info{power_supply="BAT0"} 1`, `node_powersupply_capacity{power_supply="BAT0"} 87`,
		`node_powersupply_energy_watthour{power_supply="BAT0"} 45.5`, `node_powersupply_temp_celsius{power_supply="BAT0"} 31.5`)
	f("loadavg", "node_load1 0.5", "node_load5 1.25", "node_load15 2")
	f("time", "node_time_seconds 1700000000.5")
	f("filefd", "node_filefd_allocated 3668", "node_filefd_maximum 2466170")
	f("meminfo", "node_memory_MemTotal_bytes 2048", "node_memory_Active_anon_bytes 3072", "node_memory_HugePages_Total 4")
	f("vmstat", "node_vmstat_pgpgin 2", "node_vmstat_pgfault 3", "node_vmstat_pgmajfault 4", "node_vmstat_oom_kill 5", "node_vmstat_pswpin 6")
	f("diskstats", `node_disk_reads_completed_total{device="vda"} 1`, `node_disk_reads_merged_total{device="vda"} 2`, `node_disk_read_bytes_total{device="vda"} 1536`,
		`node_disk_read_time_seconds_total{device="vda"} 4`, `node_disk_writes_completed_total{device="vda"} 5`, `node_disk_writes_merged_total{device="vda"} 6`,
		`node_disk_written_bytes_total{device="vda"} 3584`, `node_disk_write_time_seconds_total{device="vda"} 8`,
		`node_disk_io_time_seconds_total{device="vda"} 10`, `node_disk_io_time_weighted_seconds_total{device="vda"} 11`, `node_disk_io_now{device="vda"} 9`)
	f("netdev", `node_network_receive_bytes_total{device="lo"} 1`, `node_network_receive_bytes_total{device="eth0"} 5`,
		`node_network_receive_packets_total{device="lo"} 2`, `node_network_receive_packets_total{device="eth0"} 6`,
		`node_network_transmit_bytes_total{device="lo"} 3`, `node_network_transmit_bytes_total{device="eth0"} 7`,
		`node_network_transmit_colls_total{device="lo"} 4`, `node_network_transmit_colls_total{device="eth0"} 8`)
	f("netstat", "node_netstat_Tcp_ActiveOpens 16", "node_netstat_Ip_Forwarding 1", "node_netstat_Ip_TTL 64", "node_netstat_Tcp_CurrEstab -1",
		"node_netstat_TcpExt_SyncookiesSent 3", "node_netstat_Ip6_InReceives 1", "node_netstat_Icmp6_OutType135 4")
	page := os.Getpagesize()
	f("sockstat", "node_sockstat_sockets_used 23", "node_sockstat_TCP_inuse 8", "node_sockstat_TCP_mem 2", "node_sockstat_TCP_mem_bytes "+itoa(2*page))
	f("thermal_zone", `node_thermal_zone_temp{zone="3",type="acpitz"} 27.800000000000001`,
		`node_cooling_device_cur_state{name="0",type="Fan"} 1`, `node_cooling_device_max_state{name="0",type="Fan"} 5`)
}

func itoa(n int) string { return strings.TrimSuffix(string(metric.AppendBound(nil, float64(n))), ".0") }

func TestSensorsAreChosen(t *testing.T) {
	root := machine(t, files)
	f := func(want string, pairs ...string) {
		t.Helper()
		in, _ := on(t, root, pairs...)
		got, err := collect(t, in, "hwmon")
		if err != nil || got != want {
			t.Errorf("%v: %v\n%s", pairs, err, got)
		}
	}
	f("node_hwmon_fan_rpm{chip=\"nct6775\",sensor=\"fan1\"} 1200\n", "collector.hwmon.chip-include", "^nct", "collector.hwmon.sensor-include", "^fan")
	f("node_hwmon_in_volts{chip=\"nct6775\",sensor=\"in0\"} 1.25\n", "collector.hwmon.chip-exclude", "core", "collector.hwmon.sensor-exclude", "fan|power")
}

func TestFileSystemsTellTheirSizes(t *testing.T) {
	in, _ := on(t, machine(t, files))
	got, err := collect(t, in, "filesystem")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`node_filesystem_device_error{device="/dev/vda",fstype="ext4",mountpoint="/"} 0`, `node_filesystem_readonly{device="/dev/vda",fstype="ext4",mountpoint="/"} 0`,
		`node_filesystem_device_error{device="/dev/b c",fstype="xfs",mountpoint="/mnt/a b"} 0`, `node_filesystem_readonly{device="/dev/b c",fstype="xfs",mountpoint="/mnt/a b"} 1`,
		`node_filesystem_size_bytes{device="/dev/vda",fstype="ext4",mountpoint="/"} `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s\n%s", want, got)
		}
	}
	if strings.Contains(got, `fstype="proc"`) || strings.Count(got, "size_bytes") != 2 {
		t.Errorf("got:\n%s", got)
	}
}

func TestAFileSystemThatDoesNotAnswerIsAskedAgainWhenItHas(t *testing.T) {
	root := machine(t, files)
	in, _ := on(t, root)
	busy := make(chan struct{})
	in.asking[root] = busy
	if _, err := in.statfs(root); err != errStuck {
		t.Errorf("got %v", err)
	}
	if got, err := collect(t, in, "filesystem"); err != nil || !strings.Contains(got, `node_filesystem_device_error{device="/dev/vda",fstype="ext4",mountpoint="/"} 1`) {
		t.Errorf("%v\n%s", err, got)
	}
	close(busy)
	if _, err := in.statfs(root); err != nil || len(in.asking) != 0 {
		t.Errorf("%v, %d are asked", err, len(in.asking))
	}
}

func TestTextsOfOtherProgramsAreTakenOver(t *testing.T) {
	in, _ := on(t, machine(t, files))
	got, err := collect(t, in, "textfile")
	if want := "toys 1\ntoys{x=\"1\"} 2\nnode_textfile_scrape_error 1\n"; got != want {
		t.Errorf("got:\n%s", got)
	}
	if err == nil || !strings.Contains(err.Error(), "b.prom: 1 malformed line(s), the first is line 3") {
		t.Errorf("got %v", err)
	}
}

// The real machine has all of the usual collectors' files.
func TestTheMachineItselfIsRead(t *testing.T) {
	k := inputtest.New()
	built, err := k.Build(new(config))
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	for _, j := range in.work {
		got, err := collect(t, in, j.name)
		if err != nil || got == "" && !slices.Contains([]string{"cpufreq", "thermal_zone", "diskstats", "hwmon", "nvme", "powersupplyclass"}, j.name) {
			t.Errorf("%s: %v, %d bytes", j.name, err, len(got))
		}
	}
	if len(in.work) < 15 {
		t.Errorf("%d collectors work", len(in.work))
	}
}

func TestCollectorsHaveIntervalsOfTheirOwn(t *testing.T) {
	root := machine(t, files)
	synctest.Test(t, func(t *testing.T) {
		in, k := on(t, root, "metrics", "loadavg, filefd", "scrape_interval", "4", "collector.filefd.scrape_interval", "2")
		ctx, stop := context.WithTimeout(t.Context(), 9*time.Second)
		defer stop()
		if err := in.Run(ctx, k); err != nil {
			t.Error(err)
		}
		var got []string
		for _, line := range k.Records() {
			if strings.HasPrefix(line, "node_load1 ") || strings.HasPrefix(line, "node_filefd_allocated") {
				got = append(got, line[:10])
			}
		}
		if want := "node_filef node_load1 node_filef node_filef node_load1 node_filef"; strings.Join(got, " ") != want {
			t.Errorf("got %q", got)
		}
	})
}

func TestAFailureIsSaidOnceAndTheRestGoesOn(t *testing.T) {
	root := machine(t, files)
	if err := os.Remove(root + "/proc/loadavg"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		in, k := on(t, root, "metrics", "loadavg,filefd", "scrape_interval", "1")
		ctx, stop := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer stop()
		if err := in.Run(ctx, k); err != nil {
			t.Error(err)
		}
		if n := strings.Count(k.Log(), "the collector loadavg does not find all"); n != 1 || k.Batches() != 3 {
			t.Errorf("said %d times, %d batches", n, k.Batches())
		}
	})
}

func TestUnknownCollectorsAreRefused(t *testing.T) {
	k := inputtest.New()
	_, err := k.Build(new(config), "metrics", "cpu,memnfo")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: metrics: there is no collector 'memnfo'") || !strings.Contains(err.Error(), "meminfo") {
		t.Errorf("got %v", err)
	}
	if _, err := k.Build(new(config), "metrics", "cpu,systemd"); err != nil || !strings.Contains(k.Log(), "systemd is not in this build yet") {
		t.Errorf("got %v\n%s", err, k.Log())
	}
}

// Whatever stands in the files, collectors end in good order.
func FuzzCollectors(f *testing.F) {
	for _, text := range files {
		f.Add(text)
	}
	root := machine(f, files)
	var names []string
	for name := range files {
		if strings.HasPrefix(name, "proc/") {
			names = append(names, name)
		}
	}
	in, _ := on(f, root)
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"cpu", "stat", "loadavg", "filefd", "meminfo", "vmstat", "diskstats", "netdev", "netstat", "sockstat"} {
			_, _ = collect(t, in, name)
		}
	})
}
