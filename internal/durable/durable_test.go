package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	for _, s := range []string{"one", "two"} {
		if err := Write(name, 0o640, Bytes([]byte(s))); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != s {
			t.Errorf("%q, %v", b, err)
		}
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st, err)
	}
	failed := errors.New("no more")
	if err := Write(name, 0o640, func(w io.Writer) error { w.Write([]byte("half")); return failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "two" {
		t.Errorf("after a failure: %q, %v", b, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	if err := Write(filepath.Join(dir, "no", "a"), 0o640, Bytes(nil)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
