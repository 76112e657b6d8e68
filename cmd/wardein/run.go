package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
)

// runRecord is what a report does not hold, so that it can be the same again:
// which binary ran, when, how long, and where. docs/bundle.md has its form.
type runRecord struct {
	Arch    string         `json:"arch"`
	Began   string         `json:"began"` // RFC 3339, UTC
	Binary  wardein.Digest `json:"binary"`
	Host    string         `json:"host"`
	MS      int64          `json:"ms"`
	OS      string         `json:"os"`
	Report  wardein.Digest `json:"report"`
	Verb    string         `json:"verb"` // inspect, or prove where inspect left none
	Version string         `json:"version"`
	Wardein string         `json:"wardein"` // version
}

// newRun is the record of a run that ends now.
func newRun(verb string, began time.Time, report wardein.Digest) ([]byte, error) {
	r := runRecord{Arch: runtime.GOARCH, Began: began.UTC().Format(time.RFC3339), MS: time.Since(began).Milliseconds(), OS: runtime.GOOS,
		Report: report, Verb: verb, Version: formVersion, Wardein: version}
	r.Host, _ = os.Hostname() // "" where there is none
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(exe)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	h.Sum(r.Binary[:0])
	return canon.Of(r)
}

// readRun reads the run record of a report: of the named file, or the one that
// inspect left beside the report. nil: there is none.
func readRun(file, beside string, report wardein.Digest) ([]byte, error) {
	named := file != ""
	if !named {
		file = beside
	}
	b, err := readSmall(file)
	if !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	var r runRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("not a run record: %w: %s", err, term.Clean(file))
	}
	if r.Report != report {
		if !named {
			return nil, nil // of an earlier report of that name
		}
		return nil, fmt.Errorf("%s is the run record of another report, sha256:%s", term.Clean(filepath.Base(file)), r.Report)
	}
	return b, nil
}
