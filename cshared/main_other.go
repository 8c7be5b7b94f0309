//go:build !linux

package cshared

import "errors"

func runWorker() error { return errors.New("plugins in processes of their own need Linux") }
