package unpack

import (
	"fmt"
	"io"
	"os"

	"github.com/wardein/wardein"
)

// Content returns the bytes of a visited node. It is called during the visit:
// the input is open then. The bytes are read where they lie, in the input and
// in the store's packs.
func (e *Engine) Content(v *Visit) (io.Reader, error) {
	n := v.Node
	if !hasContent(n.Kind) {
		return nil, fmt.Errorf("%s is a %s: it has no content", n.Path, n.Kind)
	}
	src := &sources{}
	for _, s := range v.Loc {
		switch {
		case s.Source == 0 || src.get(s.Source) != nil:
		case s.Source < 0:
			src.set(s.Source, e.reading)
		default:
			f, err := e.pack(s.Source)
			if err != nil {
				return nil, err
			}
			src.set(s.Source, f)
		}
	}
	if v.Loc.Size() != n.Size || n.Blob == (wardein.Digest{}) {
		return nil, fmt.Errorf("%s: its content was not read", n.Path)
	}
	return io.NewSectionReader(newRegion(src, v.Loc), 0, n.Size), nil
}

// pack returns an open pack; packs stay open until Close.
func (e *Engine) pack(id int64) (*os.File, error) {
	e.storeMu.Lock()
	defer e.storeMu.Unlock()
	if own, f := e.Store.Pack(); own == id {
		return f, nil
	}
	if f := e.packs[id]; f != nil {
		return f, nil
	}
	f, err := e.Store.OpenPack(id)
	if err != nil {
		return nil, err
	}
	if e.packs == nil {
		e.packs = map[int64]*os.File{}
	}
	e.packs[id] = f
	return f, nil
}
