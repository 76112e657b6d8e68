package tlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
)

// Remote is a log that another serves, at the URL that its paths begin with.
type Remote struct {
	URL    string
	Client *http.Client
}

func (r *Remote) get(ctx context.Context, path string, most int64) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(r.URL, "/")+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := r.Client.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: the log answers %s", path, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return b, err
}

// Checkpoint is the newest checkpoint.
func (r *Remote) Checkpoint(ctx context.Context) ([]byte, error) {
	return r.get(ctx, checkpointName, maxNote)
}

// Tile reads a tile of hashes; it is one of Tiles.
func (r *Remote) Tile(ctx context.Context, level, index uint64, width uint8) ([]byte, error) {
	name := layout.TilePath(level, index, width)
	b, err := r.get(ctx, name, maxTile)
	if width > 0 && errors.Is(err, fs.ErrNotExist) {
		width = 0
		name = layout.TilePath(level, index, 0)
		b, err = r.get(ctx, name, maxTile)
	}
	if err == nil {
		err = checkTile(b, name, width)
	}
	return b, err
}

// Consistency is the proof from tiles: see Consistency.
func (r *Remote) Consistency(ctx context.Context, old, size uint64) ([][]byte, error) {
	return Consistency(ctx, r.Tile, old, size)
}

// Bring brings a checkpoint with cosignatures.
func (r *Remote) Bring(ctx context.Context, checkpoint []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.URL, "/")+"/add-cosignature", bytes.NewReader(checkpoint))
	if err != nil {
		return err
	}
	res, err := r.Client.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		return fmt.Errorf("the log takes no cosignature: it answers %s: %.200q", res.Status, strings.TrimSpace(string(b)))
	}
	return nil
}
