// Package table reads the tables that are built into the program.
package table

import (
	"bytes"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// TOML returns a function that reads an embedded TOML file when it is first
// called, and gives the same value from then on. The file is part of the
// program: one that does not fit T, or holds a name that T does not have,
// panics with its name, and the tests of whoever reads it tell.
func TOML[T any](name string, file []byte) func() *T {
	return sync.OnceValue(func() *T {
		t := new(T)
		if err := toml.NewDecoder(bytes.NewReader(file)).DisallowUnknownFields().Decode(t); err != nil {
			panic(name + ": " + err.Error())
		}
		return t
	})
}
