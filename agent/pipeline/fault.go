package pipeline

import (
	"errors"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// fault has every error of an instance's configuration name the plugin, at its end, and hides the instance's
// secrets.
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
	if of := " (" + what + ")"; e.Cure != "" {
		named.Cure += of
	} else {
		named.Msg += of
	}
	return i.hide(&named)
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
