package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/secret"
	formats "github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/store"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

// runner looks at blobs. The checks' data is parsed when it is first needed:
// most verbs do without.
var runner = sync.OnceValue(func() *inspect.Runner { return inspect.New(checks.Checks()) })

// config is what the engine and its child are made of.
func config() unpack.Config {
	return unpack.Config{Formats: formats.Formats(), Literals: runner().Literals(), Look: runner().Look, Limits: unpack.DefaultLimits}
}

// labFlags are the flags that verbs which unpack have in common.
type labFlags struct {
	store  string
	noCage bool
	asOf   string // of inspect alone
	quiet  bool
	prints bool // the result is printed while the release is read

	keys    []*secret.KeySet // of inspect alone
	secrets *secretsFile     // of inspect alone; nil: none is written

	contents bool // of compare alone: nodes are read after the walk

	published bool // of inspect alone: compare passwords with published defaults

	stored *wardein.Release // of recheck alone: judge what the store holds of this release; its path may be ""
}

// lab is an open store with an engine over one input.
type lab struct {
	*unpack.Engine
	in    *unpack.Input
	disk  *disk.Store
	run   store.Run
	flags labFlags
}

// openStore opens the store in a folder, "" for the usual one.
func openStore(dir string) (*disk.Store, error) {
	if dir == "" {
		dir = defaultStore()
	}
	s, err := disk.Open(dir)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, &hinted{err, "--store FOLDER or WARDEIN_STORE names another place for the store"}
	}
	return s, err
}

// defaultStore is the store folder below the user's cache folder.
func defaultStore() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "wardein", "store")
	}
	return filepath.Join(os.TempDir(), "wardein-store")
}

func openLab(ctx context.Context, path string, flags labFlags) (*lab, error) {
	in, err := flags.input(ctx, path)
	if err != nil {
		return nil, err
	}
	l := &lab{in: in, flags: flags}
	if l.disk, err = openStore(flags.store); err != nil {
		in.Close()
		return nil, err
	}
	if l.run, err = l.disk.Begin(in.Digest); err != nil {
		l.disk.Close()
		in.Close()
		return nil, err
	}
	cfg := config()
	r := recipe(flags)
	l.Engine = &unpack.Engine{Config: cfg, Store: l.run, NoCage: flags.noCage, Stored: flags.stored != nil,
		Recipe: cacheKey(r.Formats), Looks: cacheKey(r.Checks)}
	return l, nil
}

// input opens what is unpacked.
func (f *labFlags) input(ctx context.Context, path string) (*unpack.Input, error) {
	if f.stored != nil && path == "" {
		return unpack.Remembered(f.stored.Digest, f.stored.Size), nil
	}
	return unpack.OpenInput(ctx, path, unpack.DefaultLimits)
}

// commit keeps the results of the run, unless the input changed under it.
func (l *lab) commit() error {
	if l.Spoiled() {
		return nil
	}
	return l.run.Commit()
}

func (l *lab) close() error {
	l.Engine.Close()
	return errors.Join(l.run.Close(), l.disk.Close(), l.in.Close())
}

// recipe is all that a report depends on beside the release.
func recipe(flags labFlags) wardein.Recipe {
	r := wardein.Recipe{Module: version, GoSum: wardein.GoSum(), Go: runtime.Version(), AsOf: flags.asOf}
	for _, f := range formats.Formats() {
		r.Formats = append(r.Formats, wardein.Ingredient{Name: f.Name, Version: f.Version})
	}
	for _, c := range checks.Checks() {
		r.Checks = append(r.Checks, wardein.Ingredient{Name: c.Name, Version: c.Version})
	}
	l := unpack.DefaultLimits
	for name, v := range map[string]int64{"depth": int64(l.Depth), "max_total": l.MaxTotal, "min_total": l.MinTotal, "total_ratio": l.TotalRatio,
		"stream_ratio": l.StreamRatio, "stream_floor": l.StreamFloor, "entries": l.Entries, "name": int64(l.Name)} {
		r.Options = append(r.Options, wardein.Note{Name: "limit." + name, Value: strconv.FormatInt(v, 10)})
	}
	if flags.noCage {
		r.Options = append(r.Options, wardein.Note{Name: "sandbox", Value: "off"})
	}
	report.SortNotes(r.Options)
	return r
}

// cacheKey is the digest that cached results of these formats or checks are
// kept under. Builds that are no release also count themselves in, since
// their versions say nothing.
func cacheKey(list []wardein.Ingredient) wardein.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "%s %+v", version, list)
	if version == "devel" {
		if exe, err := os.Executable(); err == nil {
			if st, err := os.Stat(exe); err == nil {
				fmt.Fprintf(h, " %d %d", st.Size(), st.ModTime().UnixNano())
			}
		}
	}
	return wardein.Digest(h.Sum(nil))
}

// advise adds what a user can do to errors that have a known way out.
func advise(err error) error {
	if errors.Is(err, unpack.ErrCage) {
		return &hinted{err, "the kernel offers no landlock or seccomp here; --no-sandbox reads without protection, and the report says so"}
	}
	return err
}
