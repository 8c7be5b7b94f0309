package remotewrite

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fluent/fluent-bit-go/metric"
)

// Series is one TimeSeries.
type Series struct {
	Name    string // the label __name__
	Labels  []metric.Label
	Samples []Sample
}

// Sample is a value at a time in milliseconds since 1970.
type Sample struct {
	Value float64
	Time  int64
}

// Metadata is one MetricMetadata.
type Metadata struct {
	Type             metric.Type
	Name, Help, Unit string
}

// Request is a whole WriteRequest.
type Request struct {
	Series   []Series
	Metadata []Metadata
}

// Parse reads a body. Fields that it does not know are passed over.
func Parse(body []byte) (*Request, error) {
	r := new(Request)
	err := fields(body, func(n protowire.Number, v []byte, _ uint64) error {
		switch n {
		case 1:
			s, err := parseSeries(v)
			r.Series = append(r.Series, s)
			return err
		case 3:
			m, err := parseMetadata(v)
			r.Metadata = append(r.Metadata, m)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	return r, nil
}

func parseSeries(b []byte) (s Series, err error) {
	err = fields(b, func(n protowire.Number, v []byte, _ uint64) error {
		switch n {
		case 1:
			var l metric.Label
			err := fields(v, func(n protowire.Number, v []byte, _ uint64) error {
				switch n {
				case 1:
					l.Name = string(v)
				case 2:
					l.Value = string(v)
				}
				return nil
			})
			if l.Name == "__name__" {
				s.Name = l.Value
			} else {
				s.Labels = append(s.Labels, l)
			}
			return err
		case 2:
			var x Sample
			err := fields(v, func(n protowire.Number, _ []byte, num uint64) error {
				switch n {
				case 1:
					x.Value = math.Float64frombits(num)
				case 2:
					x.Time = int64(num)
				}
				return nil
			})
			s.Samples = append(s.Samples, x)
			return err
		}
		return nil
	})
	if err == nil && s.Name == "" {
		err = errors.New("a series has no __name__")
	}
	return s, err
}

func parseMetadata(b []byte) (m Metadata, err error) {
	m.Type = metric.TypeUntyped
	err = fields(b, func(n protowire.Number, v []byte, num uint64) error {
		switch n {
		case 1:
			for t, number := range types {
				if number == num && t != metric.TypeExponential {
					m.Type = t
				}
			}
		case 2:
			m.Name = string(v)
		case 4:
			m.Help = string(v)
		case 5:
			m.Unit = string(v)
		}
		return nil
	})
	return m, err
}

// fields calls f for each field: v is a text or message, num any number.
func fields(b []byte, f func(n protowire.Number, v []byte, num uint64) error) error {
	for len(b) > 0 {
		n, t, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var v []byte
		var num uint64
		switch t {
		case protowire.BytesType:
			v, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			num, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			num, size = protowire.ConsumeFixed64(b)
		default:
			size = protowire.ConsumeFieldValue(n, t, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if err := f(n, v, num); err != nil {
			return err
		}
	}
	return nil
}
