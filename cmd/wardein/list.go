package main

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// maxParts bounds the delivered files that a report lists.
const maxParts = 10_000

// hashList is a vendor's list of file digests.
type hashList struct {
	digest  wardein.Digest // of the list file
	entries []listed
	kinds   map[string]bool // algorithms in it
	signed  string          // who signed it, "" when nobody's signature was verified
	file    string          // path of the list in the release, when it came from there
}

type listed struct {
	name, kind, sum string
}

// hashKinds are the algorithms of a list by the length of their digests.
var hashKinds = map[int]string{32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}

var newHash = map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// parseList reads the output of sha256sum and its sisters, in their own form
// or the BSD one ("SHA256 (name) = digest"), with text and binary markers and
// escaped names.
func parseList(b []byte) (*hashList, error) {
	l := &hashList{digest: sha256.Sum256(b), kinds: map[string]bool{}}
	seen := map[[2]string]string{}
	in := bufio.NewScanner(bytes.NewReader(b))
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		s := strings.TrimSuffix(in.Text(), "\r")
		if strings.TrimSpace(s) == "" || strings.HasPrefix(s, "#") {
			continue
		}
		e, ok := parseListed(s)
		if !ok {
			return nil, fmt.Errorf("line %d: want DIGEST  NAME or SHA256 (NAME) = DIGEST, found %q", n, clip(s, 40))
		}
		key := [2]string{e.name, e.kind}
		if old, ok := seen[key]; ok && old != e.sum {
			return nil, fmt.Errorf("line %d: %s has two digests", n, term.Clean(e.name))
		} else if ok {
			continue
		}
		seen[key] = e.sum
		l.kinds[e.kind] = true
		l.entries = append(l.entries, e)
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(l.entries) == 0 {
		return nil, fmt.Errorf("no file on it")
	}
	return l, nil
}

func clip(s string, n int) string { return s[:min(len(s), n)] }

func parseListed(s string) (e listed, ok bool) {
	escaped := strings.HasPrefix(s, `\`)
	if escaped {
		s = s[1:]
	}
	if i, j := strings.Index(s, " ("), strings.LastIndex(s, ") = "); i > 0 && j > i {
		e.name, e.sum = s[i+2:j], s[j+4:]
	} else if i := strings.IndexByte(s, ' '); i > 0 && len(s) > i+2 && (s[i+1] == ' ' || s[i+1] == '*') {
		e.sum, e.name = s[:i], s[i+2:]
	} else {
		return e, false
	}
	e.sum = strings.ToLower(e.sum)
	if _, err := hex.DecodeString(e.sum); err != nil {
		return e, false
	}
	if escaped {
		e.name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(e.name)
	}
	e.name = path.Clean(e.name)
	e.kind, ok = hashKinds[len(e.sum)]
	return e, ok && e.name != "."
}

// grade says in words what a match with the list is worth.
func (l *hashList) grade() string {
	s := "unsigned"
	if l.signed != "" {
		s = "signed, signature verified"
	}
	switch {
	case l.kinds["md5"]:
		s += "; md5: another file with the same digest can be made"
	case l.kinds["sha1"]:
		s += "; sha1: another file with the same digest can be made"
	}
	return s
}

// delivery is what the user said about the delivered files.
type delivery struct {
	list, signature, signer string
	roles                   []string
}

// load reads the list that the user names, or the SHA256SUMS of a directory.
// A signature that is given must be good.
func (d *delivery) load(release, asOf string, dir bool) (*hashList, error) {
	name, inside := d.list, ""
	if name == "" && dir {
		if st, err := os.Lstat(filepath.Join(release, "SHA256SUMS")); err == nil && st.Mode().IsRegular() {
			name, inside = filepath.Join(release, "SHA256SUMS"), "SHA256SUMS"
		}
	}
	if name == "" {
		if d.signature != "" {
			return nil, &hinted{fmt.Errorf("a signature without a list: --list-signature"), "--list names the list"}
		}
		return nil, nil
	}
	if (d.signature == "") != (d.signer == "") {
		return nil, &hinted{fmt.Errorf("a signature needs its signer's key, and a key its signature"), "give both --list-signature FILE and --signer KEYFILE"}
	}
	b, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	l, err := parseList(b)
	if err != nil {
		if d.list == "" {
			return nil, nil // nobody said that it is a list
		}
		return nil, fmt.Errorf("hash list: %s: %w", term.Clean(name), err)
	}
	l.file = inside
	if d.signature != "" {
		if l.signed, err = verifyList(b, d.signature, d.signer, asOf); err != nil {
			return nil, fmt.Errorf("signature of the hash list is not good: %w: %s", err, term.Clean(d.signature))
		}
	}
	return l, nil
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 64 << 20
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("more than %d bytes: %s", most, term.Clean(name))
	}
	return b, err
}

// parts says how the delivered files stand to the list. files are those of a
// directory release, or the one file of another, whose name does not count.
func (d *delivery) parts(files []wardein.Part, l *hashList, dir bool, sum func(p *wardein.Part, kind string) (string, error)) ([]wardein.Part, error) {
	named := map[string][]listed{}
	if l != nil {
		for _, e := range l.entries {
			named[e.name] = append(named[e.name], e)
		}
	}
	found := map[string]bool{}
	for i := range files {
		p := &files[i]
		p.Delivered = wardein.NotChecked
		switch {
		case l == nil:
		case dir && l.file != "" && p.Path == l.file:
			p.Role = "hash list"
		case dir && l.file != "" && strings.HasPrefix(p.Path, l.file+"."):
			p.Role = "signature of the hash list"
		case dir:
			p.Delivered = wardein.NotListed
			for _, e := range named[p.Path] {
				found[e.name] = true
				have, err := sum(p, e.kind)
				if err != nil || p.Digest == (wardein.Digest{}) { // its node says why
					p.Delivered = wardein.NotChecked
					break
				}
				if have != e.sum {
					p.Delivered = wardein.Differs
					break
				}
				p.Delivered = wardein.Matches
			}
		default:
			p.Delivered = wardein.NotListed
			for _, e := range l.entries {
				have, err := sum(p, e.kind)
				if err != nil {
					return nil, err
				}
				if have == e.sum {
					p.Delivered, p.Path = wardein.Matches, e.name
					break
				}
			}
			if p.Delivered == wardein.NotListed && len(named) == 1 {
				p.Delivered, p.Path = wardein.Differs, l.entries[0].name
			}
		}
	}
	if l != nil && dir {
		for _, e := range l.entries {
			if !found[e.name] {
				found[e.name] = true
				files = append(files, wardein.Part{Path: e.name, Delivered: wardein.Missing})
			}
		}
	}
	sort.SliceStable(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	for _, r := range d.roles {
		at, role, ok := strings.Cut(r, "=")
		if !ok || role == "" {
			return nil, &hinted{fmt.Errorf("bad role: %q", r), "--role PATH=ROLE, for example --role main.bin='main card'"}
		}
		hit := false
		for i := range files {
			if files[i].Path == path.Clean(at) || !dir && at == "." {
				files[i].Role, hit = role, true
			}
		}
		if !hit {
			return nil, fmt.Errorf("no such file in the release: --role %s", term.Clean(r))
		}
	}
	return files, nil
}
