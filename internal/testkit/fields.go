package testkit

import (
	"reflect"
	"slices"
	"strings"
)

// Fields are the names that a struct tag (json, toml) gives the fields of a
// type and of the types in it, sorted, each once.
func Fields(t reflect.Type, tag string) (names []string) {
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer || t.Kind() == reflect.Array {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" && name != "-" {
				names = append(names, name)
				walk(f.Type)
			}
		}
	}
	walk(t)
	slices.Sort(names)
	return slices.Compact(names)
}
