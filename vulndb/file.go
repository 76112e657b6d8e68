package vulndb

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lock makes sure that no other process writes a database into this folder,
// and removes what an import that was killed left behind there. Closing the
// file ends it.
func lock(path string) (*os.File, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, fmt.Errorf("another import into the folder of %s is running", path)
	case err != nil:
		return f, nil // a file system without locks: what lies there may be in use
	}
	left, err := filepath.Glob(filepath.Join(globbed(dir), temporary(globbed(filepath.Base(path)))))
	for _, p := range left {
		err = errors.Join(err, os.Remove(p))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// temporary is the pattern of the names of a database that is not finished.
func temporary(base string) string { return "." + base + ".new-*" }

// globbed is a name as a pattern that matches it alone.
func globbed(name string) string {
	var b []byte
	for i := range len(name) {
		if c := name[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, name[i])
	}
	return string(b)
}

// copyBase copies the database that another is made from; false where there is
// none.
func copyBase(f *os.File, path string) (bool, error) {
	in, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	n, err := io.Copy(f, in)
	return n > 0, err
}

// form checks that a file is a database of this form.
func form(db *sql.DB) error {
	var app, have int
	if err := db.QueryRow(`PRAGMA application_id`).Scan(&app); err != nil {
		return err
	}
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&have); err != nil {
		return err
	}
	if app != application {
		return errors.New("no vulnerability database")
	}
	if have != Form {
		return fmt.Errorf("a database of form %d, want %d: import the feeds anew", have, Form)
	}
	return nil
}

// escape makes a path that a file: URI takes as it is.
func escape(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// Copy makes the file from the database at path, if it is sound: path never
// names half of one.
func Copy(from, path string) (err error) {
	held, err := lock(path)
	if err != nil {
		return err
	}
	defer held.Close()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(path), temporary(filepath.Base(path)))
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	out.Chmod(0o644) // file systems without modes refuse
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	db, err := Open(out.Name())
	if err != nil {
		return err
	}
	if err := errors.Join(db.Check(), db.Close()); err != nil {
		return err
	}
	return place(out.Name(), path)
}

// place puts a finished file into its place, on the disk.
func place(temp, path string) error {
	f, err := os.Open(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(temp, path)); err != nil {
		return err
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync()
		d.Close()
	}
	return nil
}
