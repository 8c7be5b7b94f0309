package pipeline

import (
	"errors"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// fault has every error of an instance's configuration name the plugin, at its end, and the parser that may have
// been meant, and hides the instance's secrets.
func (i *instance) fault(what string, err error) error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, one := range list.Unwrap() {
			all = append(all, i.fault(what, one))
		}
		return errors.Join(all...)
	}
	e, ok := err.(*option.Error)
	if !ok || strings.Contains(e.Msg, what) {
		return i.hide(err)
	}
	named := *e
	if i.nearest != "" && strings.Contains(e.Msg, "'"+i.missed+"'") {
		named.Cure = i.nearest + "; " + e.Cure
	}
	if of := " (" + what + ")"; named.Cure != "" {
		named.Cure += of
	} else {
		named.Msg += of
	}
	return i.hide(&named)
}

// warnOf warns of every fault in err.
func (b *builder) warnOf(err error) {
	switch e := err.(type) {
	case *option.Error:
		b.p.Warnings = append(b.p.Warnings, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			b.warnOf(one)
		}
	}
}

// hide hides the instance's secrets in an error.
func (i *instance) hide(err error) error {
	if i.mask == nil || err == nil {
		return err
	}
	return hidden{err, i.mask}
}

type hidden struct {
	error
	mask *strings.Replacer
}

func (h hidden) Error() string { return h.mask.Replace(h.error.Error()) }
func (h hidden) Unwrap() error { return h.error }
