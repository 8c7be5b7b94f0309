package node_exporter_metrics

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/metric"
)

// chosen are patterns for names: of those that match include, if there is one, all but those that match exclude.
type chosen struct{ include, exclude *regex.Regexp }

func (c *chosen) has(name string) bool {
	return (c.include == nil || c.include.Match([]byte(name))) && (c.exclude == nil || !c.exclude.Match([]byte(name)))
}

// collectSensors reads what the board's chips measure.
func collectSensors(g *gather, chips, sensors *chosen) error {
	dirs, err := filepath.Glob(filepath.Join(g.paths.sys, "class/hwmon/hwmon*"))
	errs := []error{err}
	seen := map[string]bool{}
	for _, dir := range dirs {
		chip, err := word(dir, "name")
		if err != nil {
			errs = append(errs, optional(err))
			continue
		}
		if !chips.has(chip) {
			continue
		}
		if seen[chip] { // two of the same make
			chip += "_" + filepath.Base(dir)
		}
		seen[chip] = true
		inputs, err := filepath.Glob(filepath.Join(dir, "*_input"))
		errs = append(errs, err)
		labels := map[string]bool{}
		for _, input := range inputs {
			sensor := strings.TrimSuffix(filepath.Base(input), "_input")
			if !sensors.has(sensor) {
				continue
			}
			label, err := word(dir, sensor+"_label")
			if err != nil || label == "" || labels[label] {
				label = sensor
			}
			labels[label] = true
			g.sensor(dir, chip, sensor, label)
		}
	}
	return errors.Join(errs...)
}

// sensor adds one sensor, unless it has no value now, as those of sleeping devices.
func (g *gather) sensor(dir, chip, sensor, label string) {
	add := func(file, name, help string, unit float64) {
		if v, err := number(dir, sensor+file); err == nil {
			g.gauge("hwmon", name, help, v/unit, metric.L("chip", chip), metric.L("sensor", label))
		}
	}
	switch {
	case strings.HasPrefix(sensor, "temp"):
		add("_input", "temp_celsius", "Hardware monitor temperature sensor data in degrees celsius", 1000)
		add("_max", "temp_max_celsius", "Hardware monitor temperature maximum in degrees celsius", 1000)
		add("_crit", "temp_crit_celsius", "Hardware monitor temperature critical in degrees celsius", 1000)
	case strings.HasPrefix(sensor, "in"):
		add("_input", "in_volts", "Hardware monitor voltage sensor data in volts", 1000)
	case strings.HasPrefix(sensor, "fan"):
		add("_input", "fan_rpm", "Hardware monitor fan speed in rotations per minute", 1)
	case strings.HasPrefix(sensor, "power"):
		add("_input", "power_watts", "Hardware monitor power sensor data in watts", 1e6)
	}
}

// collectNVMe names the solid-state disks.
func collectNVMe(g *gather) error {
	dirs, err := filepath.Glob(filepath.Join(g.paths.sys, "class/nvme/nvme[0-9]*"))
	for _, dir := range dirs {
		of := func(name, file string) metric.Label {
			text, _ := word(dir, file)
			return metric.L(name, text)
		}
		g.gauge("nvme", "info", "Non-numeric data from /sys/class/nvme/<device>", 1, metric.L("device", filepath.Base(dir)),
			of("firmware_revision", "firmware_rev"), of("model", "model"), of("serial", "serial"), of("state", "state"))
	}
	return err
}

// supplies are the numbers that power supplies have: the file, and the metric's name when it is another; and
// how many of its units are one of the metric's.
var supplies = []struct {
	unit  float64
	files string
}{
	{1, "authentic calibrate capacity capacity_alert_max capacity_alert_min cycle_count=cyclecount online present time_to_empty_now=time_to_empty_seconds time_to_full_now=time_to_full_seconds"},
	{1e6, "current_boot current_max current_now=current_ampere energy_empty energy_empty_design energy_full energy_full_design energy_now=energy_watthour"},
	{1e6, "voltage_boot voltage_max voltage_max_design voltage_min voltage_min_design voltage_now=voltage_volt voltage_ocv"},
	{1e6, "charge_control_limit charge_control_limit_max charge_counter charge_empty charge_empty_design charge_full charge_full_design charge_now=charge_ampere charge_term_current"},
	{1e6, "constant_charge_current constant_charge_current_max constant_charge_voltage constant_charge_voltage_max precharge_current input_current_limit power_now=power_watt"},
	{10, "temp=temp_celsius temp_alert_max=temp_alert_max_celsius temp_alert_min=temp_alert_min_celsius temp_ambient=temp_ambient_celsius temp_ambient_max=temp_ambient_max_celsius"},
	{10, "temp_ambient_min=temp_ambient_min_celsius temp_max=temp_max_celsius temp_min=temp_min_celsius"},
}

// collectSupplies reads batteries and mains.
func collectSupplies(g *gather) error {
	dirs, err := filepath.Glob(filepath.Join(g.paths.sys, "class/power_supply/*"))
	for _, dir := range dirs {
		label := metric.L("power_supply", filepath.Base(dir))
		g.gauge("powersupply", "info", "info of /sys/class/power_supply/<power_supply>.", 1, label)
		for _, group := range supplies {
			for _, pair := range strings.Fields(group.files) {
				file, name, other := strings.Cut(pair, "=")
				if !other {
					name = file
				}
				if v, err := number(dir, file); err == nil {
					g.gauge("powersupply", name, "Power supply metric from /sys/class/power_supply.", v/group.unit, label)
				}
			}
		}
	}
	return err
}

// word reads a file that holds a short text.
func word(path ...string) (string, error) {
	text, err := os.ReadFile(filepath.Join(path...))
	return strings.TrimSpace(string(text)), err
}
