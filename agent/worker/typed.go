package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// section is what a typed plugin learns of its configuration.
func (i *instance) section() wire.Section {
	all := slices.DeleteFunc(slices.Clone(i.env.Properties), func(p option.Property) bool {
		return strings.HasPrefix(strings.ToLower(p.Key), ownPrefix)
	})
	known := option.Declared(i.m.info.Typed.Options)
	return wire.Section{
		Name: i.env.Name, Alias: i.env.Alias, Tag: i.env.Tag, At: position(i.env.Properties), All: all,
		Properties: slices.DeleteFunc(slices.Clone(all), func(p option.Property) bool { return !option.Knows(known, p.Key) }),
		RawUTF8:    i.env.JSON.RawUTF8, NaNAsNull: i.env.JSON.NaNAsNull, Grace: i.env.Grace,
	}
}

// submit hands the section of a typed plugin's instance to p, which checks it, and starts it for OpInit.
func (m *Module) submit(ctx context.Context, p *process, i *instance, op wire.Op) error {
	f, payload, err := i.configure(ctx, p, op, wire.Encode(i.section()))
	if err != nil {
		return err
	}
	if f.RC > 0 {
		return nil
	}
	var faults []option.Error
	if err := json.Unmarshal(payload, &faults); err != nil || len(faults) == 0 {
		return fmt.Errorf("it does not start and does not say why (%d)", f.RC)
	}
	all := make([]error, 0, len(faults))
	for _, e := range faults {
		if e.Pos == (option.Pos{}) {
			e.Pos = position(i.env.Properties)
			e.Msg = fmt.Sprintf("plugin %s (%s): %s", i.env.Name, m.info.Path, e.Msg)
		}
		all = append(all, &e)
	}
	return &faultsError{all}
}

// faultsError is what a typed plugin finds wrong with its configuration, one error per place.
type faultsError struct{ list []error }

func (e *faultsError) Error() string   { return errors.Join(e.list...).Error() }
func (e *faultsError) Unwrap() []error { return e.list }

// check has a typed plugin look at an instance's configuration, in a worker that ends right after.
func (m *Module) check(i *instance) error {
	if m.info.Typed == nil {
		return nil
	}
	ctx := context.Background()
	p, err := m.spawn(ctx)
	if err != nil {
		return fmt.Errorf("plugin %s: %w", m.info.Path, err)
	}
	defer func() {
		p.kill("no longer needed")
		<-p.exited
		p.ctl.Close()
	}()
	m.mu.Lock()
	i.id = m.nextID
	m.nextID++
	m.mu.Unlock()
	return m.submit(ctx, p, i, wire.OpCheck)
}

// workers is how many flushes overlap unless `workers` says otherwise.
func (m *Module) workers() int {
	if m.info.Typed == nil {
		return 1
	}
	return min(max(m.info.Typed.Workers, 1), maxLanes)
}

// verdict is the error that a typed output's Flush returned.
func verdict(rc int32, words []byte) error {
	err := errors.New(string(words))
	switch rc {
	case abi.OK:
		return nil
	case abi.Retry:
		return err
	case wire.RCPoison:
		return plugin.Poison(err)
	case wire.RCRejected:
		var r wire.Rejects
		if bad := json.Unmarshal(words, &r); bad != nil {
			return plugin.Drop(fmt.Errorf("the plugin rejects records in a way that this agent does not read: %w", bad))
		}
		return plugin.Reject(errors.New(r.Why), r.Positions()...)
	}
	return plugin.Drop(err)
}
