package decision

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
)

// Form is the version of the file of waivers.
const Form = 1

// Template is a file of waivers to begin with, its keys explained.
//
//go:embed template.toml
var Template string

// Waivers is a file of waivers: findings that somebody takes upon himself until
// a day.
type Waivers struct {
	Digest wardein.Digest `toml:"-"` // of the file

	Form int      `toml:"form"`
	List []Waiver `toml:"waiver"`
}

// Waiver takes one finding upon its owner. It never removes the finding from a
// report.
type Waiver struct {
	Finding string `toml:"finding"` // ID
	Owner   string `toml:"owner"`   // who answers for it
	Reason  string `toml:"reason"`
	Expires string `toml:"expires"` // the last day on which it counts
}

const (
	maxWaivers = 1000
	maxOwner   = 240
	maxReason  = 1000
)

// ParseWaivers reads a file of waivers. Its errors name the key.
func ParseWaivers(b []byte) (*Waivers, error) {
	w := &Waivers{Digest: sha256.Sum256(b)}
	if err := tomlfile.Read(b, w); err != nil {
		return nil, err
	}
	k := &tomlfile.Keys{}
	k.Form(w.Form, Form)
	if len(w.List) > maxWaivers {
		k.Bad("waiver", "%d, at most %d", len(w.List), maxWaivers)
	}
	seen := map[string]bool{}
	for i := range w.List {
		x := &w.List[i]
		at := func(key string) string { return tomlfile.At("waiver", i, key) }
		if err := checkID(x.Finding); err != nil {
			k.Bad(at("finding"), "%v", err)
		}
		if seen[x.Finding] {
			k.Bad(at("finding"), "%s stands there twice", x.Finding)
		}
		seen[x.Finding] = true
		k.Text(at("owner"), x.Owner, maxOwner)
		k.Text(at("reason"), x.Reason, maxReason)
		k.Date(at("expires"), x.Expires)
	}
	return w, k.Err()
}

func checkID(s string) error {
	hex, ok := strings.CutPrefix(s, "F-")
	switch {
	case s == "":
		return fmt.Errorf("is missing")
	case !ok || len(hex) != 8 || strings.Trim(hex, "0123456789abcdef") != "":
		return fmt.Errorf("%.40q is no ID as in F-7c21a0b4", s)
	}
	return nil
}
