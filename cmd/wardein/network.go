package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardein/wardein/place"
	readers "github.com/wardein/wardein/place/reader/all"
	"github.com/wardein/wardein/place/reader/columns"
)

// loadNetwork reads inventory files and folders of them. Files of a folder are
// read in the order of their names.
func loadNetwork(ctx context.Context, args []string, words map[string]map[string]string) (*place.Network, error) {
	var files []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			files = append(files, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				files = append(files, filepath.Join(arg, e.Name()))
			}
		}
	}
	b := place.NewBuilder()
	read := 0
	for _, name := range files {
		ok, err := readInventory(ctx, b, name, words)
		if err != nil {
			return nil, err
		}
		if ok {
			read++
		}
	}
	if read == 0 {
		var names []string
		for _, r := range readers.Readers() {
			names = append(names, r.Name)
		}
		return nil, &hinted{fmt.Errorf("no inventory is known by its form: %s", strings.Join(args, ", ")), "wardein reads " + strings.Join(names, ", ") + "; wardein gen network -o FOLDER writes an example"}
	}
	n := b.Finish()
	return n, dateSources(n)
}

// dateSources gives the sources that state no day the one that the operator's
// fact inventory_date says.
func dateSources(n *place.Network) error {
	d, err := place.ParseDate(place.FactOf(n.Operator.Facts, "inventory_date"))
	if err != nil {
		return fmt.Errorf("the operator's fact inventory_date: %w", err)
	}
	for i := range n.Sources {
		if n.Sources[i].Date == 0 {
			n.Sources[i].Date = d
		}
	}
	return nil
}

// readMap reads what an operator's columns, roles and makers are called; "" is no
// map.
func readMap(name string) (map[string]map[string]string, error) {
	if name == "" {
		return nil, nil
	}
	b, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	m, err := columns.Read(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, name)
	}
	return m, nil
}

// readInventory reads one file, ok: by a reader that knows it.
func readInventory(ctx context.Context, b *place.Builder, name string, words map[string]map[string]string) (ok bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	base := filepath.Base(name)
	source := b.Source(place.Source{Name: base})
	i := slices.IndexFunc(readers.Readers(), func(r place.Reader) bool { return r.Detect(base, head[:n]) })
	if i < 0 {
		b.Gap(place.Origin{Source: source}, "", "no reader knows this file", true)
		return false, nil
	}
	hash := sha256.New()
	in := place.Input{Name: base, Source: source, Size: st.Size(), Reader: io.TeeReader(f, hash), Map: words}
	if err := readers.Readers()[i].Read(ctx, b, in); err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		b.Gap(place.Origin{Source: source}, "", err.Error(), true)
	}
	if _, err := io.Copy(io.Discard, in.Reader); err != nil {
		return false, err
	}
	b.Digest(source, hex.EncodeToString(hash.Sum(nil)))
	return true, nil
}
