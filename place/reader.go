package place

import (
	"context"
	"io"

	"github.com/wardein/wardein"
)

// Reader reads one kind of inventory file into a Builder.
type Reader struct {
	Name string
	Doc  wardein.Doc
	// Detect tells a file by its base name and its first bytes, 4 KiB or all.
	Detect func(name string, head []byte) bool
	// Read reads a file. What it can't take is a Gap of the builder; an error
	// says that nothing more of the file can be read. What was read before stays.
	Read func(ctx context.Context, b *Builder, in Input) error
}

// Input is one inventory file.
type Input struct {
	// Name is the file's base name, Source its index in the network.
	Name   string
	Source int32
	Size   int64
	io.Reader
	// Map tells, for a kind of row ("element") and a column of the file, which
	// field it is; "" for a column that is left out on purpose.
	Map map[string]map[string]string
}
