package output

import (
	"fmt"
	"strconv"
	"strings"
)

// entry returns the value of a key, in any case when it is not there as written; nil when v is no map.
func entry(v any, key string) any {
	m, _ := v.(map[any]any)
	if e, ok := m[key]; ok {
		return e
	}
	for k, e := range m {
		if s, ok := k.(string); ok && strings.EqualFold(s, key) {
			return e
		}
	}
	return nil
}

// asList returns v's elements; a value that is no array counts as one element.
func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	case map[any]any:
		if len(v) == 0 {
			return []any{}
		}
	}
	return []any{v}
}

func asTextMap(v any) map[string]any {
	m, ok := v.(map[any]any)
	if !ok {
		return nil
	}
	out := make(map[string]any, len(m))
	for k, e := range m {
		out[asText(k)] = e
	}
	return out
}

func asTexts(v any) []string {
	list := asList(v)
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = asText(e)
	}
	return out
}

func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case bool:
		return strconv.Itoa(int(asInt(v)))
	case int64, uint64, float64:
		return fmt.Sprint(v)
	}
	return ""
}

func asInt(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v) // hashes use all 64 bits
	case float64:
		return int64(v)
	case bool:
		if v {
			return 1
		}
	case []byte, string:
		n, _ := strconv.ParseInt(asText(v), 0, 64)
		return n
	}
	return 0
}

func asFloat(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case uint64:
		return float64(v)
	case []byte, string:
		f, _ := strconv.ParseFloat(asText(v), 64)
		return f
	}
	return float64(asInt(v))
}
