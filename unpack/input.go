package unpack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"syscall"

	"github.com/wardein/wardein"
)

// Input is what a run unpacks: one file, or a directory of files. It is read
// where it lies and never copied.
type Input struct {
	File *os.File // a regular file; nil for a directory, and for one that is remembered
	Dir  *os.Root // a directory; nil for a file
	Size int64    // bytes of content, of all files
	// Digest identifies the input: of a file its SHA-256, of a directory as
	// directoryDigest says.
	Digest  wardein.Digest
	entries []dirEntry
	whole   dirEntry // the directory itself, or the file
	more    bool     // the limit of entries ended the listing
}

type dirEntry struct {
	wardein.Entry
	size   int64
	digest wardein.Digest // zero: nothing could be read
	was    fileState
	gap    *wardein.Gap // it could not be read, or not in full
}

// fileState is what changes when somebody writes into a file.
type fileState struct{ size, modified, changed int64 }

func stateOf(st fs.FileInfo) fileState {
	s := fileState{size: st.Size()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		s.modified, s.changed = sys.Mtim.Nano(), sys.Ctim.Nano()
	}
	return s
}

// OpenInput opens and hashes a file or a directory. In a directory no link is
// followed; FIFOs, sockets and devices are listed and never opened. What can't
// be read in a directory is listed with a Gap; so is what is beyond the limits.
func OpenInput(ctx context.Context, path string, limits Limits) (*Input, error) {
	return openInput(ctx, path, limits, func(string, string) error { return nil })
}

// openInput asks fault before each operation on an entry of a directory, so
// that tests can be a disk that fails.
func openInput(ctx context.Context, path string, limits Limits, fault func(op, name string) error) (*Input, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, err
		}
		in := &Input{Dir: root, whole: dirEntry{Entry: wardein.Entry{Kind: wardein.Directory}}}
		l := &lister{Input: in, ctx: ctx, limits: limits, fault: fault, buf: make([]byte, chunkSize)}
		if err := l.list(".", &in.whole); err != nil {
			root.Close()
			return nil, err
		}
		in.Digest = in.directoryDigest()
		return in, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	in := &Input{File: f}
	if st, err = f.Stat(); err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file or directory")}
	}
	if err == nil {
		in.Size, in.Digest, err = hashFile(ctx, f, make([]byte, chunkSize))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	in.whole = dirEntry{size: in.Size, digest: in.Digest, was: stateOf(st)}
	return in, nil
}

// Remembered is a file of which nothing but its digest and size is at hand, for
// an Engine that is Stored.
func Remembered(d wardein.Digest, size int64) *Input { return &Input{Digest: d, Size: size} }

// Close closes the input.
func (in *Input) Close() error {
	switch {
	case in.File != nil:
		return in.File.Close()
	case in.Dir != nil:
		return in.Dir.Close()
	}
	return nil
}

// hashFile reads a file to its end, or up to an error: n and d are then of
// what was read.
func hashFile(ctx context.Context, f io.ReaderAt, buf []byte) (n int64, d wardein.Digest, err error) {
	h := sha256.New()
	for {
		k, rerr := f.ReadAt(buf, n)
		h.Write(buf[:k])
		n += int64(k)
		if rerr == io.EOF {
			break
		}
		if err = rerr; err == nil {
			err = ctx.Err()
		}
		if err != nil {
			break
		}
	}
	h.Sum(d[:0])
	return n, d, err
}

// lister lists an input directory.
type lister struct {
	*Input
	ctx    context.Context
	limits Limits
	fault  func(op, name string) error
	buf    []byte
}

// list lists what is in a folder and below. The error is of the run: an
// unreadable root, or its end; at is the folder's own entry, for others.
func (l *lister) list(dir string, at *dirEntry) error {
	names, more, err := l.names(dir, int(l.limits.Entries)-len(l.entries))
	if err != nil {
		if dir == "." && len(names) == 0 {
			return err
		}
		at.miss(0, fmt.Sprintf("%d of its entries could be listed", len(names)), err)
	}
	for _, name := range names {
		if dir != "." {
			name = dir + "/" + name
		}
		if err := l.ctx.Err(); err != nil {
			return err
		}
		if int64(len(l.entries)) >= l.limits.Entries {
			more = true
			break
		}
		e := dirEntry{Entry: wardein.Entry{Name: name}}
		l.look(&e)
		i := len(l.entries)
		l.entries = append(l.entries, e)
		if e.Kind != wardein.Directory || e.gap != nil {
			continue
		}
		if len(name) > l.limits.Name {
			l.entries[i].gap = &wardein.Gap{Who: "input", Kind: wardein.Limit,
				Why: fmt.Sprintf("not listed: its path has %d bytes, the limit is %d", len(name), l.limits.Name)}
			continue
		}
		if err := l.list(name, &e); err != nil {
			return err
		}
		l.entries[i].gap = e.gap
	}
	l.more = l.more || more
	return l.ctx.Err()
}

// names returns the first names of a folder, sorted, and whether it has more
// than most. Of a large folder no more than that is kept in memory.
func (l *lister) names(dir string, most int) (names []string, more bool, err error) {
	if err := l.fault("list", dir); err != nil {
		return nil, false, err
	}
	d, err := l.Dir.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	for err == nil {
		var batch []string
		batch, err = d.Readdirnames(4096)
		names = append(names, batch...)
		if len(names) > 2*most+1<<16 {
			sort.Strings(names)
			names, more = append(names[:0:0], names[:most]...), true
		}
		if err == nil {
			err = l.fault("list more", dir)
		}
	}
	if err == io.EOF {
		err = nil
	}
	sort.Strings(names)
	if len(names) > most {
		names, more = names[:most], true
	}
	return names, more, err
}

// look fills in what an entry is. Owner and time belong to the host's copy,
// not to the release.
func (l *lister) look(e *dirEntry) {
	err := l.fault("stat", e.Name)
	var st fs.FileInfo
	if err == nil {
		st, err = l.Dir.Lstat(e.Name)
	}
	if err != nil { // a file, for want of anything better
		e.miss(0, "could not be looked at", err)
		return
	}
	e.Mode = modeOf(st.Mode())
	switch m := st.Mode(); {
	case m.IsDir():
		e.Kind = wardein.Directory
	case m.IsRegular():
		e.Kind = wardein.File
		l.read(e, st.Size())
	case m&fs.ModeSymlink != 0:
		e.Kind = wardein.Symlink
		if err = l.fault("readlink", e.Name); err == nil {
			e.Target, err = l.Dir.Readlink(e.Name)
		}
		if err != nil {
			e.miss(0, "its target could not be read", err)
		}
	case m&fs.ModeNamedPipe != 0:
		e.Kind = wardein.FIFO
	case m&fs.ModeSocket != 0:
		e.Kind = wardein.Socket
	case m&fs.ModeCharDevice != 0:
		e.Kind = wardein.CharDevice
	default:
		e.Kind = wardein.BlockDevice
	}
}

// read hashes a file of that size: what could be read of it is its content.
func (l *lister) read(e *dirEntry, size int64) {
	err := l.fault("open", e.Name)
	var f *os.File
	if err == nil {
		f, err = openRegular(l.Dir, e.Name)
	}
	if err == nil {
		defer f.Close()
		var st fs.FileInfo
		if st, err = f.Stat(); err == nil {
			e.was = stateOf(st)
			e.size, e.digest, err = hashFile(l.ctx, faulty{f, l.fault, e.Name}, l.buf)
		}
	}
	l.Size += e.size
	switch {
	case err == nil:
	case e.size > 0:
		e.miss(max(size-e.size, 0), fmt.Sprintf("%d of %d bytes could be read", e.size, size), err)
		e.gap.Off = e.size
	default:
		e.digest, e.size = wardein.Digest{}, size
		e.miss(size, fmt.Sprintf("none of its %d bytes could be read", size), err)
	}
}

type faulty struct {
	*os.File
	fault func(op, name string) error
	name  string
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fault(fmt.Sprintf("read at %d", off), f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// miss notes why an entry was not read, or not in full: what, and the
// system's error without the path, which the node has.
func (e *dirEntry) miss(n int64, what string, err error) {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	e.gap = &wardein.Gap{Who: "input", Kind: wardein.Damaged, Len: n, Why: fmt.Sprintf("%s: %v", what, err)}
}

func (e *dirEntry) why() string {
	if e.gap == nil {
		return ""
	}
	return e.gap.Why
}

func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	// A link that stands there meanwhile was followed: os.Root keeps it in the
	// directory, no flag keeps it from doing so.
	there, err := root.Lstat(name)
	if err == nil {
		var st fs.FileInfo
		if st, err = f.Stat(); err == nil && (!st.Mode().IsRegular() || !os.SameFile(st, there)) {
			err = errors.New("not a regular file any more")
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// directoryDigest is the identity of an input directory, as docs/report.md
// has it: the SHA-256 over its entries in order of their path bytes. Owners,
// times and the order of the host's directory do not count.
func (in *Input) directoryDigest() (sum wardein.Digest) {
	sort.Slice(in.entries, func(i, j int) bool { return in.entries[i].Name < in.entries[j].Name })
	h := sha256.New()
	put := func(d *dirEntry) {
		e := &encoder{}
		e.s(d.Name)
		e.u(uint64(d.Kind))
		if d.gap == nil {
			e.u(uint64(d.Mode))
		} else {
			e.u(uint64(d.Mode) | notInFull)
		}
		e.s(d.Target)
		e.d(d.digest)
		if d.gap != nil {
			e.s(d.gap.Why)
		}
		h.Write(e.b)
	}
	whole := in.whole
	if in.more {
		whole.gap = &wardein.Gap{Why: cmp.Or(whole.why(), fmt.Sprintf("more than %d entries", len(in.entries)))}
	}
	if whole.gap != nil {
		put(&whole)
	}
	for i := range in.entries {
		put(&in.entries[i])
	}
	h.Sum(sum[:0])
	return sum
}

// notInFull stands beside the permission bits of an entry that could not be
// read in full.
const notInFull = 1 << 12

// modeOf are the twelve bits that chmod knows: a set-user-ID program of a folder
// is one like that of an archive.
func modeOf(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for i, flag := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if m&flag != 0 {
			bits |= 1 << (9 + i)
		}
	}
	return bits
}
