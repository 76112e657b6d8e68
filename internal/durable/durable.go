// Package durable writes files that are there whole or not at all.
package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Write writes a file beside its final name and renames it: it appears whole,
// in place of one that is there, and is on disk when Write returns. A process
// that is killed leaves a file whose name begins with a dot.
func Write(name string, perm os.FileMode, body func(io.Writer) error) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone when it was renamed
	err = body(f)
	if err := errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir brings a folder's names to disk.
func SyncDir(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Bytes is a body of these bytes.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}
