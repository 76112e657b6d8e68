package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
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
	File *os.File // a regular file; nil for a directory
	Dir  *os.Root // a directory; nil for a file
	Size int64    // bytes of content, of all files
	// Digest identifies the input: of a file its SHA-256, of a directory as
	// directoryDigest says.
	Digest  wardein.Digest
	entries []dirEntry
}

type dirEntry struct {
	wardein.Entry
	size   int64
	digest wardein.Digest
}

// OpenInput opens and hashes a file or a directory. In a directory no link is
// followed; FIFOs, sockets and devices are listed and never opened.
func OpenInput(ctx context.Context, path string) (*Input, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return nil, err
		}
		in := &Input{Dir: root}
		if err := in.list(ctx, ".", make([]byte, chunkSize)); err != nil {
			root.Close()
			return nil, err
		}
		in.Digest = directoryDigest(in.entries)
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
	return in, nil
}

// Close closes the input.
func (in *Input) Close() error {
	if in.File != nil {
		return in.File.Close()
	}
	return in.Dir.Close()
}

func hashFile(ctx context.Context, f io.ReaderAt, buf []byte) (n int64, d wardein.Digest, err error) {
	h := sha256.New()
	for {
		k, err := f.ReadAt(buf, n)
		h.Write(buf[:k])
		n += int64(k)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return n, d, err
		}
	}
	h.Sum(d[:0])
	return n, d, nil
}

// list lists a folder and what is below it. buf is for reading.
func (in *Input) list(ctx context.Context, dir string, buf []byte) error {
	d, err := in.Dir.Open(dir)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return err
	}
	sort.Strings(names)
	for _, name := range names {
		if dir != "." {
			name = dir + "/" + name
		}
		st, err := in.Dir.Lstat(name)
		if err != nil {
			return err
		}
		// Owner and time belong to the host's copy, not to the release.
		e := dirEntry{Entry: wardein.Entry{Name: name, Mode: uint32(st.Mode().Perm())}}
		switch m := st.Mode(); {
		case m.IsDir():
			e.Kind = wardein.Directory
		case m.IsRegular():
			e.Kind = wardein.File
			f, err := openRegular(in.Dir, name)
			if err != nil {
				return err
			}
			e.size, e.digest, err = hashFile(ctx, f, buf)
			f.Close()
			if err != nil {
				return err
			}
			in.Size += e.size
		case m&fs.ModeSymlink != 0:
			e.Kind = wardein.Symlink
			if e.Target, err = in.Dir.Readlink(name); err != nil {
				return err
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
		in.entries = append(in.entries, e)
		if e.Kind == wardein.Directory {
			if err := in.list(ctx, name, buf); err != nil {
				return err
			}
		}
	}
	return nil
}

func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s: not a regular file any more", name)
	}
	return f, nil
}

// directoryDigest is the identity of an input directory: the SHA-256 over its
// entries in order of their path bytes, each as path, type, permission bits,
// link target (length-prefixed strings, varints) and content digest. Owners,
// times and the order of the host's directory do not count.
func directoryDigest(entries []dirEntry) (sum wardein.Digest) {
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	var h hash.Hash = sha256.New()
	for _, d := range entries {
		e := &encoder{}
		e.s(d.Name)
		e.u(uint64(d.Kind))
		e.u(uint64(d.Mode))
		e.s(d.Target)
		e.d(d.digest)
		h.Write(e.b)
	}
	h.Sum(sum[:0])
	return sum
}
