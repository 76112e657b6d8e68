package unpack

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestFolderModes: set-user-ID, set-group-ID and sticky bits of a folder's files
// are in the tree, and in the folder's digest.
func TestFolderModes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "diagtool")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	seen := map[string]os.FileMode{}
	for _, c := range []struct {
		mode os.FileMode
		want uint32
	}{{0o755, 0o755}, {0o755 | os.ModeSetuid, 0o4755}, {0o755 | os.ModeSetgid, 0o2755}, {0o755 | os.ModeSticky, 0o1755}, {0o700 | os.ModeSetuid | os.ModeSetgid, 0o6700}} {
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		in, err := OpenInput(context.Background(), dir, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if got := in.entries[0].Mode; got != c.want {
			t.Errorf("%v: %#o, want %#o", c.mode, got, c.want)
		}
		if other, ok := seen[in.Digest.String()]; ok {
			t.Errorf("%v and %v have one digest", c.mode, other)
		}
		seen[in.Digest.String()] = c.mode
		in.Close()
	}
}
