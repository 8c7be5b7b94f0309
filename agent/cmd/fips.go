package cmd

import (
	"crypto/fips140"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// approvedOnly has the process begin anew with Go's cryptography in its FIPS 140 mode, which can only be chosen
// before the program runs. Worker processes inherit it. It returns when the mode is on or not asked for.
func (a *agent) approvedOnly() error {
	const on = "fips140=on"
	debug := os.Getenv("GODEBUG")
	switch {
	case !a.service.SecurityFIPSMode || fips140.Enabled():
		return nil
	case strings.Contains(debug, on):
		return fmt.Errorf("security.fips_mode: this build's cryptography has no FIPS 140 mode")
	}
	if debug != "" {
		debug += ","
	}
	if err := os.Setenv("GODEBUG", debug+on); err != nil {
		return fmt.Errorf("security.fips_mode: %w", err)
	}
	_ = os.Chdir(startDir) // where -w counts from
	return fmt.Errorf("security.fips_mode: start anew: %w", syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}
