package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// scratch makes a temporary file without a name: however this process ends,
// nothing is left of it.
func scratch() (*os.File, error) {
	f, err := os.OpenFile(os.TempDir(), os.O_RDWR|unix.O_TMPFILE, 0o600)
	if err == nil {
		return f, nil
	}
	// Not every file system can; with a name for a moment, all do.
	if f, err = os.CreateTemp("", "wardein-*"); err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// spoolInput copies standard input into a temporary file. An interrupt ends
// it, though the read itself cannot be ended.
func spoolInput(ctx context.Context, r io.Reader) (*os.File, error) {
	f, err := scratch()
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(f, r)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
