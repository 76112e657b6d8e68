package tlog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/prove/policy"
)

// Server serves a log as C2SP tlog-tiles has it, read-only, and takes
// cosignatures:
//
//	GET  /checkpoint           the newest, with the cosignatures so far
//	GET  /tile/L/N[.p/W]       section "Merkle Tree"
//	GET  /tile/entries/N[.p/W] section "Log entries"
//	GET  /cosigned             ours: the newest that the policy's quorum cosigned
//	POST /add-cosignature      ours: a checkpoint of this log with cosignatures of its witnesses
//
// Nothing else is there: no listing, and no file that no checkpoint covers.
type Server struct {
	Dir    *Dir
	Gather *Gather
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == "/add-cosignature" {
		s.add(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "read-only", http.StatusMethodNotAllowed)
		return
	}
	switch r.URL.Path {
	case "/checkpoint":
		b, err := s.Gather.Checkpoint()
		s.note(w, b, err)
	case "/cosigned":
		b, err := s.Dir.Cosigned()
		if b == nil && err == nil {
			err = fs.ErrNotExist
		}
		s.note(w, b, err)
	default:
		s.tile(w, r)
	}
}

// note sends what changes: section "Checkpoints".
func (s *Server) note(w http.ResponseWriter, b []byte, err error) {
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(b)
}

func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	http.Error(w, "the log cannot be read", http.StatusInternalServerError)
}

// tile sends a tile or a bundle, which never changes once a checkpoint covers
// it. What none covers may: a crash can leave it behind.
func (s *Server) tile(w http.ResponseWriter, r *http.Request) {
	t, ok := parseTile(r.URL.Path)
	if !ok {
		fail(w, fs.ErrNotExist)
		return
	}
	_, newest, err := s.Gather.newest()
	if err != nil {
		fail(w, err)
		return
	}
	if !t.covered(newest.Size) {
		fail(w, fs.ErrNotExist)
		return
	}
	most := int64(maxTile)
	if t.entries {
		most = maxBundle
	}
	b, err := s.Dir.tile(strings.TrimPrefix(r.URL.Path, "/"), most)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if t.entries { // "entry bundles SHOULD be compressed"
		w.Header().Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			z.Write(b)
			z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			b = packed.Bytes()
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b)
}

// tileName is what the path of a tile says.
type tileName struct {
	entries bool
	level   uint64
	index   uint64
	width   uint8 // 0: full
}

// parseTile reads a path, in the one form that it has.
func parseTile(path string) (t tileName, ok bool) {
	rest, ok := strings.CutPrefix(path, "/tile/")
	if !ok || len(path) > 200 {
		return t, false
	}
	level, rest, _ := strings.Cut(rest, "/")
	var err error
	if t.entries = level == "entries"; !t.entries {
		if t.level, err = layout.ParseTileLevel(level); err != nil {
			return t, false
		}
	}
	if t.index, t.width, err = layout.ParseTileIndexPartial(rest); err != nil {
		return t, false
	}
	canonical := layout.TilePath(t.level, t.index, t.width)
	if t.entries {
		canonical = layout.EntriesPath(t.index, t.width)
	}
	return t, "/"+canonical == path
}

// covered tells whether a tree so large has the tile.
func (t *tileName) covered(size uint64) bool {
	if 8*t.level >= 64 {
		return false
	}
	hashes := size >> (8 * t.level) // at this level
	if t.width > 0 {
		return hashes>>8 > t.index || hashes>>8 == t.index && hashes&255 >= uint64(t.width)
	}
	return hashes>>8 > t.index
}

// add takes cosignatures that a witness brings.
func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		http.Error(w, "a POST is expected", http.StatusMethodNotAllowed)
		return
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNote))
	if err != nil {
		http.Error(w, "the body is too large, or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	err = s.Gather.Take(r.Context(), b)
	var unsigned *policy.UnsignedError
	var unfit *note.InvalidSignatureError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.Is(err, ErrOrigin):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, ErrNobody), errors.As(err, &unsigned), errors.As(err, &unfit):
		http.Error(w, err.Error(), http.StatusForbidden)
	case errors.Is(err, ErrForeign):
		http.Error(w, err.Error(), http.StatusConflict)
		s.Gather.Say("a witness brought a checkpoint: " + err.Error())
	default:
		http.Error(w, "not a checkpoint", http.StatusBadRequest)
	}
}
